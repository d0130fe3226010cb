/** Several routers on one pair of tables, each a process behind a proxy of its own, and what clients and operators ask of them. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { AwsProxy, PASS } from "../aws/fault-proxy/aws-proxy.js";
import { PeerProxy } from "../peers/peer-proxy.js";
import type { Child } from "./child.js";
import { type AwsPlace, awsPlace } from "./place.js";
import { type Reply, until, World } from "./world.js";

export interface ClusterStatus {
  readonly incarnation: string;
  readonly nodes: readonly {
    readonly incarnation: string;
    readonly address: string;
    readonly status: string;
    readonly isLiving: boolean;
    readonly shards: number;
  }[];
  readonly shards: readonly {
    readonly shard: number;
    readonly generation: number;
    readonly owner: { readonly incarnation: string; readonly address: string | null } | null;
    readonly desired: { readonly incarnation: string } | null;
  }[];
}

/** Where the services are, behind every node's proxy. */
export interface Upstream {
  readonly dynamodb: string;
  readonly s3: string;
  readonly lambda: string;
}

export const SHARDS = 12;

export class ClusterNode {
  readonly proxy: AwsProxy;
  readonly peerProxy: PeerProxy;
  readonly child: Child;
  readonly url: string;
  readonly #peerPort: number;
  readonly #admin: string;
  readonly #world: World;

  constructor(world: World, links: Links, child: Child, url: string, admin: string) {
    this.#world = world;
    this.proxy = links.proxy;
    this.peerProxy = links.peerProxy;
    this.#peerPort = links.peerPort;
    this.child = child;
    this.url = url;
    this.#admin = admin;
  }

  post(path: string, headers: Readonly<Record<string, string>>): Promise<Reply> {
    return this.#world.at(this.url, () => this.#world.post(path, '{"by":1}', headers));
  }

  add(id: string, key: string): Promise<Reply> {
    return this.#world.at(this.url, () => this.#world.add(id, key));
  }

  /** A router that is still starting, or a shard on its way, is asked again: only an answer is an answer. */
  async total(id: string): Promise<number> {
    let text = "";
    await until(async () => {
      const reply = await this.#world.at(this.url, () => this.#world.get(`/e2e/counter/${id}`));
      if (reply.status !== 200) assert.ok([503, 504].includes(reply.status), `${reply.status} ${reply.text}`);
      text = reply.text;
      return reply.status === 200;
    }, 30_000);
    return (JSON.parse(text) as { state: { count: number } | null }).state?.count ?? 0;
  }

  async status(): Promise<ClusterStatus> {
    const reply = await fetch(`${this.#admin}/v1/cluster`);
    assert.equal(reply.status, 200);
    return (await reply.json()) as ClusterStatus;
  }

  async ask(path: string, body: object): Promise<number> {
    const headers = { "content-type": "application/json" };
    const reply = await fetch(this.#admin + path, { method: "POST", headers, body: JSON.stringify(body) });
    await reply.text();
    return reply.status;
  }

  /** Everything between this node and the store is lost, or passes again. */
  cutOffFromStore(isCut: boolean): void {
    this.proxy.plan = () => (isCut ? { kind: "drop" } : PASS);
  }

  /** Nobody reaches this node any more, or again; it reaches those that are not cut off as well. */
  cutOffFromPeers(isCut: boolean): void {
    this.peerProxy.target = isCut ? null : this.#peerPort;
    if (isCut) this.peerProxy.cut();
  }

  async end(signal: NodeJS.Signals): Promise<void> {
    this.child.signal(signal);
    await this.child.exited;
    await Promise.all([this.proxy.close(), this.peerProxy.close()]);
  }
}

interface Links {
  readonly proxy: AwsProxy;
  readonly peerProxy: PeerProxy;
  readonly peerPort: number;
}

/** One that nobody listens at, a moment ago. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

export class ClusterWorld {
  readonly #world: World;
  readonly #upstream: Upstream;
  readonly #place: AwsPlace;
  readonly nodes: ClusterNode[] = [];

  private constructor(world: World, place: AwsPlace, upstream: Upstream) {
    this.#world = world;
    this.#place = place;
    this.#upstream = upstream;
  }

  /** Tables, bucket and functions; no router yet. */
  static async make(upstream: Upstream): Promise<ClusterWorld> {
    const proxy = await AwsProxy.open({ upstream, plan: () => PASS });
    try {
      const place = awsPlace(proxy.url);
      return new ClusterWorld(await World.make({ place }), place, upstream);
    } finally {
      await proxy.close();
    }
  }

  /** One more router, which serves when this resolves. */
  async join(settings = ""): Promise<ClusterNode> {
    const node = await this.launch(settings);
    await until(async () => (await node.status()).nodes.length > 0 && (await node.add("ready", "ready")).status === 200, 30_000);
    return node;
  }

  /** One more router that listens, whatever it comes to. */
  async launch(settings = ""): Promise<ClusterNode> {
    const proxy = await AwsProxy.open({ upstream: this.#upstream, plan: () => PASS });
    const lines = this.#place.lines.map((line) => (line.startsWith("aws:") ? `aws: { endpoint: '${proxy.url}' }` : line));
    const peerProxy = await PeerProxy.open();
    const peerPort = await freePort();
    peerProxy.target = peerPort;
    const peers = `peers: { listen: '127.0.0.1:${peerPort}', advertise: '${peerProxy.address}' }`;
    const child = await this.#world.launch([`shards: ${SHARDS}`, peers, settings].join("\n"), lines);
    const [, url = ""] = await child.said(/ingress +(\S+)/);
    const [, admin = ""] = await child.said(/admin +(\S+)/);
    const node = new ClusterNode(this.#world, { proxy, peerProxy, peerPort }, child, url, admin);
    this.nodes.push(node);
    return node;
  }

  async kill(node: ClusterNode, signal: NodeJS.Signals = "SIGKILL"): Promise<void> {
    this.nodes.splice(this.nodes.indexOf(node), 1);
    await node.end(signal);
  }

  /** Every shard is where it should be, as all nodes see it, and all of them live. */
  async settled(nodes = this.nodes.length, withinMs = 30_000): Promise<void> {
    await until(async () => {
      const seen = await Promise.all(this.nodes.map((node) => node.status().catch(() => null)));
      return seen.every(
        (status) =>
          status !== null &&
          status.nodes.filter(({ isLiving, status: life }) => isLiving && life === "alive").length === nodes &&
          status.shards.every(({ owner, desired }) => owner !== null && owner.incarnation === desired?.incarnation),
      );
    }, withinMs);
  }

  /** Counts once under the key, at any node but those left out, however often it has to be said. */
  async insist(id: string, key: string, among: () => readonly ClusterNode[] = () => this.nodes): Promise<void> {
    await until(async () => {
      const nodes = among();
      const node = nodes[Math.floor(Math.random() * nodes.length)];
      if (node === undefined) return false;
      const reply = await node.add(id, key).catch(() => null);
      if (reply !== null && reply.status !== 200) assert.ok([503, 504].includes(reply.status), `${reply.status} ${reply.text}`);
      return reply?.status === 200;
    }, 60_000);
  }

  async end(): Promise<void> {
    for (const node of [...this.nodes]) await this.kill(node);
    await this.#world.end();
  }
}
