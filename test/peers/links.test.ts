/** Which stream is the link, where two nodes dial at once, lose one another, or say old things: the other end is scripted here. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { afterEach, test } from "node:test";
import { Client, type ClientDuplexStream, ChannelCredentials as Credentials } from "@grpc/grpc-js";
import { openGrpcPeers } from "../../src/peers-grpc/grpc-peers.js";
import { decodeHello, encodeHello, type Hello } from "../../src/peers-grpc/hello.js";
import { asIs, METHOD_PATH } from "../../src/peers-grpc/peer-service.js";
import type { PeerPort } from "../../src/ports/peers.js";
import { systemClock, systemEntropy } from "../../src/router/system-clock.js";
import { Recorder, until } from "./test-node.js";

const SESSION = "00112233445566778899aabbccddeeff";

/** A test that fails must not keep its process alive. */
const opened: PeerPort[] = [];
afterEach(() => Promise.all(opened.splice(0).map((port) => port.close())));

async function listen(host = "127.0.0.1", queueBytesMax = 64 * 1024 * 1024): Promise<{ port: PeerPort; recorder: Recorder }> {
  const recorder = new Recorder();
  const options = { cluster: "test", host, port: 0, tls: null, clock: systemClock, entropy: systemEntropy, queueBytesMax };
  const port = await openGrpcPeers({ ...options, tell: () => undefined }, recorder);
  opened.push(port);
  return { port, recorder };
}

/** A stream that a scripted node dialled, and what came of it. */
class Scripted {
  readonly answers: Buffer[] = [];
  ended: string | null = null;
  readonly #client: Client;
  readonly #call: ClientDuplexStream<Buffer, Buffer>;

  constructor(to: string, from: string, number: number, session = SESSION) {
    this.#client = new Client(to, Credentials.createInsecure(), { "grpc.use_local_subchannel_pool": 1 });
    this.#call = this.#client.makeBidiStreamRequest(METHOD_PATH, asIs, asIs);
    this.#call.on("data", (message: Buffer) => this.answers.push(message));
    this.#call.on("error", (error: Error & { details?: string }) => (this.ended ??= error.details ?? error.message));
    const hello: Hello = { oldestVersion: 1, newestVersion: 1, cluster: "test", address: from, session, number };
    this.#call.write(encodeHello(hello));
  }

  /** Reads nothing from now on. */
  pause(): void {
    this.#call.pause();
  }

  frame(byte: number): void {
    this.#call.write(Buffer.of(1, 1, byte));
  }

  close(): void {
    this.#call.cancel();
    this.#client.close();
  }
}

test("of two streams the one with the newer hello is the link; an older one that comes late is refused", async () => {
  const { port, recorder } = await listen();
  const from = "127.0.0.1:9";
  const told = () => recorder.events.map((event) => (event.kind === "received" ? event.frame[0] : "lost"));
  const first = new Scripted(port.address, from, 5);
  first.frame(65);
  await until("it is heard", () => recorder.events.length === 1);
  const late = new Scripted(port.address, from, 4);
  await until("it is refused", () => late.ended !== null);
  assert.match(late.ended ?? "", /older than the link/);
  first.frame(66);
  const second = new Scripted(port.address, from, 6);
  second.frame(67);
  await until("the newer one is heard", () => told().at(-1) === 67);
  await until("the first is told", () => first.ended !== null);
  assert.match(first.ended ?? "", /the other end has lost it/);
  // Another process: its numbers begin anew.
  const third = new Scripted(port.address, from, 1, SESSION.replaceAll("0", "f"));
  third.frame(68);
  await until("the other process is heard", () => told().at(-1) === 68);
  assert.deepEqual(
    told().filter((what) => what !== 66),
    [65, "lost", 67, "lost", 68],
  );
  for (const scripted of [first, late, second, third]) scripted.close();
  await port.close();
});

for (const own of ["lower", "higher"] as const) {
  test(`a node with the ${own} address that dials somebody who dials it`, async () => {
    // Takes connections and never answers: the node's own dial hangs.
    const sockets: Socket[] = [];
    const silent = createServer((socket) => sockets.push(socket.on("error", () => undefined))).listen(0, "127.0.0.5");
    await once(silent, "listening");
    const other = `127.0.0.5:${(silent.address() as AddressInfo).port}`;
    const { port, recorder } = await listen(own === "lower" ? "127.0.0.1" : "127.0.0.9");
    port.send(other, Uint8Array.of(65));
    await until("it dials", () => sockets.length > 0);
    let scripted = new Scripted(port.address, other, 1);
    if (own === "lower") {
      await until("its own dial comes first", () => scripted.ended !== null);
      assert.match(scripted.ended ?? "", /crossed/);
      await until("a dial that hangs gives way", () => {
        if (scripted.ended !== null) scripted = new Scripted(port.address, other, 2);
        return scripted.answers.length > 1;
      });
    } else await until("its own dial gives way", () => scripted.answers.length > 1);
    assert.equal(decodeHello(scripted.answers[0] as Buffer).address, port.address);
    assert.deepEqual(scripted.answers[1], Buffer.of(1, 1, 65), "what was queued for the dial goes out here");
    assert.deepEqual(recorder.events, []);
    scripted.close();
    await port.close();
    for (const socket of sockets) socket.destroy();
    silent.close();
  });
}

test("one that does not read stops the sender: a little is under way, the rest waits, and the link ends when too much does", async () => {
  const queueBytesMax = 8 * 1024 * 1024;
  const { port, recorder } = await listen("127.0.0.1", queueBytesMax);
  const from = "127.0.0.1:9";
  const scripted = new Scripted(port.address, from, 1);
  await until("it is answered", () => scripted.answers.length > 0);
  scripted.pause();
  const frame = new Uint8Array(60_000);
  let sent = 0;
  await until("the loss is told", () => {
    port.send(from, frame);
    sent += frame.length;
    return recorder.events.some(({ kind }) => kind === "lost");
  });
  assert.ok(sent > queueBytesMax && sent < queueBytesMax + 8 * 1024 * 1024, `${sent} bytes were taken`);
  scripted.close();
});
