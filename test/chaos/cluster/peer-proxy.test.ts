import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";
import { after, before, describe, it } from "node:test";
import { until } from "../../e2e/world.js";
import { PeerNet } from "./peer-net.js";
import { PeerProxy } from "./peer-proxy.js";
import { keptPort } from "./ports.js";
import { processOfPort } from "./socket-owner.js";

describe("a proxy before a peer port", () => {
  const net = new PeerNet();
  let server: Server;
  let proxy: PeerProxy;
  let port: number;
  let heard: string;
  let atServer: Socket;
  before(async () => {
    const upstreamPort = await keptPort();
    server = createServer((socket) => {
      atServer = socket;
      socket.on("data", (chunk: Buffer) => (heard += chunk.toString()));
      socket.on("error", () => undefined);
    });
    server.listen(upstreamPort, "127.0.0.1");
    await once(server, "listening");
    port = await keptPort();
    proxy = await PeerProxy.open({ node: "b", port, upstreamPort, whoConnects: () => "a", passes: net.passes });
    net.onChange = (isReset) => proxy.changed(isReset);
  });
  after(async () => {
    await proxy.close();
    server.close();
  });

  async function link(): Promise<{ readonly socket: Socket; read(): string }> {
    heard = "";
    let read = "";
    const socket = connect(port, "127.0.0.1");
    socket.on("data", (chunk: Buffer) => (read += chunk.toString()));
    socket.on("error", () => undefined);
    socket.write("hello.");
    await until(async () => heard === "hello.");
    return { socket, read: () => read };
  }

  it("holds back what goes one way, lets through what goes the other, and loses nothing", async () => {
    const { socket, read } = await link();
    net.cut("b", "in", false);
    socket.write("held back.");
    atServer.write("let through.");
    await until(async () => read() === "let through.");
    assert.equal(heard, "hello.");
    assert.deepEqual(proxy.state, ["a <-x b"]);
    net.heal("b");
    await until(async () => heard === "hello.held back.");
    socket.destroy();
  });

  it("cuts off the node that connects as well as the one it connects to", async () => {
    const { socket, read } = await link();
    net.cut("a", "in", false);
    atServer.write("held back.");
    socket.write("let through.");
    await until(async () => heard === "hello.let through.");
    assert.equal(read(), "");
    net.heal("a");
    await until(async () => read() === "held back.");
    socket.destroy();
  });

  it("breaks connections where it is told to", async () => {
    const { socket } = await link();
    const closed = new Promise((resolve) => socket.once("close", resolve));
    net.cut("b", "both", true);
    await closed;
    net.heal("b");
  });

  it("knows the process that connects, where the system tells it", { skip: process.platform !== "linux" }, async () => {
    const { socket } = await link();
    assert.equal(processOfPort(socket.localPort ?? 0, [1, process.pid]), process.pid);
    socket.destroy();
  });
});
