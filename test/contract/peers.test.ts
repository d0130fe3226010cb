import { once } from "node:events";
import { createServer } from "node:net";
import { after, before } from "node:test";
import { openGrpcPeers } from "../../src/peers-grpc/grpc-peers.js";
import { MemoryPeerHub } from "../../src/peers-memory/memory-peers.js";
import type { PeerListener, PeerPort } from "../../src/ports/peers.js";
import { systemClock, systemEntropy } from "../../src/router/system-clock.js";
import { type ChildNode, childNode } from "../peers/peer-child.js";
import { PeerProxy } from "../peers/peer-proxy.js";
import { localNode, Recorder, type TestNode } from "../peers/test-node.js";
import { peersContract } from "./peers.contract.js";

const QUEUE_BYTES_MAX = 40 * 1024 * 1024;

peersContract("memory", async () => {
  const hub = new MemoryPeerHub({ clock: systemClock, queueBytesMax: QUEUE_BYTES_MAX });
  const ports: PeerPort[] = [];
  let names = 0;
  const openPort = async (listener: PeerListener, at = `node-${++names}:1`) => {
    const port = hub.open(at, listener);
    ports.push(port);
    return port;
  };
  const open = async (at?: string) => {
    const recorder = new Recorder();
    const port = await openPort(recorder, at);
    return localNode(port, recorder, async () => hub.kill(port.address));
  };
  return {
    open,
    openPort,
    openMortal: open,
    break: (one, other) => hub.lose(one.address, other.address),
    stall: (from, to) => hub.cut(from.address, to.address),
    heal: (from, to) => hub.heal(from.address, to.address),
    nobody: "nobody:1",
    queueBytesMax: QUEUE_BYTES_MAX,
    dispose: async () => {
      await Promise.all(ports.map((port) => port.close()));
    },
  };
});

peersContract("gRPC", async () => {
  const proxyByAddress = new Map<string, PeerProxy>();
  const children: ChildNode[] = [];
  const ports: PeerPort[] = [];
  const openPort = async (listener: PeerListener, at?: string) => {
    const proxy = (at === undefined ? undefined : proxyByAddress.get(at)) ?? (await PeerProxy.open());
    proxyByAddress.set(proxy.address, proxy);
    // The proxy has the address that others know; the node's own port has to be known to the proxy alone.
    const own = await freePort();
    const port = await openGrpcPeers(
      {
        cluster: "test",
        host: "127.0.0.1",
        port: own,
        advertised: proxy.address,
        tls: null,
        clock: systemClock,
        entropy: systemEntropy,
        tell: () => undefined,
        queueBytesMax: QUEUE_BYTES_MAX,
      },
      listener,
    );
    proxy.target = own;
    ports.push(port);
    return port;
  };
  const proxiesOf = (...nodes: TestNode[]) => nodes.flatMap(({ address }) => proxyByAddress.get(address) ?? []);
  const nobody = await PeerProxy.open();
  proxyByAddress.set(nobody.address, nobody);
  return {
    openPort,
    open: async (at?: string) => {
      const recorder = new Recorder();
      const port = await openPort(recorder, at);
      return localNode(port, recorder, () => port.close());
    },
    openMortal: async (at?: string) => {
      const child = await childNode("test", at === undefined ? 0 : Number(at.split(":")[1]), QUEUE_BYTES_MAX);
      children.push(child);
      return child;
    },
    break: (one, other) => {
      for (const proxy of proxiesOf(one, other)) proxy.cut();
    },
    stall: (from, to) => {
      for (const proxy of proxiesOf(from)) proxy.stall("out");
      for (const proxy of proxiesOf(to)) proxy.stall("in");
    },
    heal: (from, to) => {
      for (const proxy of proxiesOf(from, to)) proxy.stall(null);
    },
    nobody: nobody.address,
    queueBytesMax: QUEUE_BYTES_MAX,
    dispose: async () => {
      await Promise.all(ports.map((port) => port.close()));
      await Promise.all(children.map((child) => child.kill()));
      await Promise.all([...proxyByAddress.values()].map((proxy) => proxy.close()));
    },
  };
});

/** Nothing that keeps the process alive is left behind by all of the above. */
let resourcesBefore: string[] = [];
before(() => {
  resourcesBefore = process.getActiveResourcesInfo();
});
after(async () => {
  const left = () => process.getActiveResourcesInfo().filter((kind) => /TCP|Timeout|Immediate|Process/.test(kind));
  const was = resourcesBefore.filter((kind) => /TCP|Timeout|Immediate|Process/.test(kind)).length;
  for (const until = performance.now() + 3000; left().length > was && performance.now() < until; ) {
    await new Promise((resolve) => setImmediate(resolve));
  }
  if (left().length > was) throw new Error(`left behind: ${left().join(", ")}`);
});

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}
