/** What speaks to a node's peer port and is no node of its cluster: refused, told to the log at a bounded rate, and no harm to the others. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { connect as connectHttp2 } from "node:http2";
import { connect } from "node:net";
import { afterEach, test } from "node:test";
import { Client, ChannelCredentials as Credentials, type ServiceError, status } from "@grpc/grpc-js";
import { openGrpcPeers } from "../../src/peers-grpc/grpc-peers.js";
import { encodeHello, type Hello } from "../../src/peers-grpc/hello.js";
import { NOTICES_MAX } from "../../src/peers-grpc/limits.js";
import type { PeerNotice } from "../../src/peers-grpc/notices.js";
import { asIs, METHOD_PATH } from "../../src/peers-grpc/peer-service.js";
import type { PeerPort } from "../../src/ports/peers.js";
import { systemClock, systemEntropy } from "../../src/router/system-clock.js";
import { childNode } from "./peer-child.js";
import { lostOf, numbered, Recorder, receivedOf, until } from "./test-node.js";

interface Listened {
  readonly port: PeerPort;
  readonly recorder: Recorder;
  readonly notices: PeerNotice[];
}

/** A test that fails must not keep its process alive. */
const opened: PeerPort[] = [];
afterEach(() => Promise.all(opened.splice(0).map((port) => port.close())));

async function listen(cluster = "test"): Promise<Listened> {
  const recorder = new Recorder();
  const notices: PeerNotice[] = [];
  const port = await openGrpcPeers(
    {
      cluster,
      host: "127.0.0.1",
      port: 0,
      tls: null,
      clock: systemClock,
      entropy: systemEntropy,
      tell: (notice) => notices.push(notice),
    },
    recorder,
  );
  opened.push(port);
  return { port, recorder, notices };
}

const HELLO: Hello = {
  oldestVersion: 1,
  newestVersion: 1,
  cluster: "test",
  address: "127.0.0.1:9",
  session: "00112233445566778899aabbccddeeff",
  number: 1,
};

/** Says these messages as a gRPC client, and gives what the stream was ended with and what came back. */
async function say(address: string, messages: readonly Uint8Array[]): Promise<{ error: ServiceError; answers: Buffer[] }> {
  const client = new Client(address, Credentials.createInsecure(), { "grpc.use_local_subchannel_pool": 1 });
  const call = client.makeBidiStreamRequest(METHOD_PATH, asIs, asIs);
  const answers: Buffer[] = [];
  call.on("data", (message: Buffer) => answers.push(message));
  for (const message of messages) call.write(Buffer.from(message));
  const [error] = (await once(call, "error").catch((thrown) => [thrown])) as [ServiceError];
  client.close();
  return { error, answers };
}

test("noise, in any amount and from many at once, ends no more than its own connection", async () => {
  const { port, recorder, notices } = await listen();
  const good = await listen();
  good.port.send(port.address, numbered(1));
  const [host, number] = port.address.split(":") as [string, string];
  const http2Preface = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
  const noises = [
    Buffer.from("GET / HTTP/1.1\r\nhost: x\r\n\r\n"),
    randomBytes(100_000),
    Buffer.concat([http2Preface, randomBytes(10_000)]),
    Buffer.concat([http2Preface, Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]), randomBytes(10_000)]),
    Buffer.from([0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3]),
  ];
  await Promise.all(
    [...noises, ...noises, ...noises].map(async (noise) => {
      const socket = connect(Number(number), host);
      socket.on("error", () => undefined);
      socket.end(noise);
      socket.resume();
      await once(socket, "close");
    }),
  );
  good.port.send(port.address, numbered(2));
  await until("the good one is heard", () => receivedOf({ events: recorder.events } as never).length === 2);
  assert.ok(notices.some(({ message }) => /without the stream of a node/.test(message)));
  await Promise.all([port.close(), good.port.close()]);
});

test("an HTTP/2 client that wants another service, or no gRPC at all, is answered and nothing else", async () => {
  const { port } = await listen();
  const client = new Client(port.address, Credentials.createInsecure());
  const call = client.makeBidiStreamRequest("/grpc.health.v1.Health/Watch", asIs, asIs);
  call.resume();
  const [error] = (await once(call, "error").catch((thrown) => [thrown])) as [ServiceError];
  assert.equal(error.code, status.UNIMPLEMENTED);
  client.close();

  const session = connectHttp2(`http://${port.address}`);
  const request = session.request({ ":path": "/", ":method": "GET" });
  const [headers] = (await once(request, "response")) as [Record<string, unknown>];
  assert.equal(headers[":status"], 415);
  session.destroy();
  await port.close();
});

test("hellos that do not fit are refused with the reason, which the log has too", async () => {
  const { port, notices, recorder } = await listen();
  const bytes = encodeHello(HELLO);
  const cases: [Uint8Array, RegExp][] = [
    [encodeHello({ ...HELLO, oldestVersion: 2, newestVersion: 3 }), /versions 2 to 3 are spoken there, 1 to 1 here/],
    [encodeHello({ ...HELLO, cluster: "other" }), /cluster "other", this node to "test"/],
    [encodeHello({ ...HELLO, address: port.address }), /this node's address/],
    [encodeHello({ ...HELLO, address: "unix:/x" }), /an address that is none/],
    [encodeHello({ ...HELLO, session: "x" }), /a session that is none/],
    [encodeHello({ ...HELLO, cluster: "x".repeat(300) }), /too long/],
    [bytes.subarray(0, bytes.length - 1), /wanted at/],
    [new Uint8Array(0), /wanted at/],
    [randomBytes(1000), /.+/],
    [Buffer.of(1, 1, 65), /no hello/],
  ];
  for (const [hello, reason] of cases) {
    const { error, answers } = await say(port.address, [hello]);
    assert.equal(error.code, status.FAILED_PRECONDITION);
    assert.match(error.details, reason);
    assert.deepEqual(answers, []);
    assert.match(notices.at(-1)?.message ?? "", reason);
  }
  const huge = await say(port.address, [Buffer.alloc(1_000_000)]);
  assert.equal(huge.error.code, status.RESOURCE_EXHAUSTED);
  assert.deepEqual(recorder.events, []);
  await port.close();
});

test("a hello of a later version with more behind it, that still speaks this one, is taken", async () => {
  const { port, recorder } = await listen();
  const client = new Client(port.address, Credentials.createInsecure());
  const call = client.makeBidiStreamRequest(METHOD_PATH, asIs, asIs);
  call.on("error", () => undefined);
  call.write(Buffer.concat([encodeHello({ ...HELLO, newestVersion: 7 }), Buffer.from("what a later version adds")]));
  call.write(Buffer.of(1, 2, 65, 66));
  await until("the frame arrives", () => recorder.events.length === 1);
  assert.deepEqual(recorder.events[0], { kind: "received", from: HELLO.address, frame: Uint8Array.of(65, 66) });
  call.cancel();
  client.close();
  await until("the loss is told", () => recorder.events.length === 2);
  await port.close();
});

test("a node that speaks nonsense behind a good hello is lost", async () => {
  const { port, recorder, notices } = await listen();
  const nonsense = [
    [Buffer.of(9)],
    [Buffer.of(1, 200, 1)],
    [Buffer.of(3, 1)],
    [Buffer.of(2, 255, 255, 255, 255, 1)],
    [Buffer.of(2, 4, 0, 0, 0, 1), Buffer.of(1, 1, 65)],
    [Buffer.of(2, 2, 0, 0, 0, 1), Buffer.of(3, 1, 1)],
    [Buffer.of(4, 4)],
    [Buffer.alloc(0)],
  ];
  for (const [index, messages] of nonsense.entries()) {
    const { error } = await say(port.address, [encodeHello({ ...HELLO, number: index + 1 }), ...messages]);
    assert.match(error.details, /it sent nonsense/);
    assert.deepEqual(
      recorder.events.map(({ kind }) => kind),
      Array.from({ length: index + 1 }, () => "lost"),
    );
    assert.match(notices.at(-1)?.message ?? "", /nonsense/);
  }
  await port.close();
});

test("somebody who says nothing is sent away, and the log is not filled by those who come a thousand times", async () => {
  const { port, notices } = await listen();
  const silent = say(port.address, []);
  await Promise.all(Array.from({ length: 200 }, () => say(port.address, [Buffer.from("noise")])));
  assert.equal(notices.length, NOTICES_MAX);
  assert.match((await silent).error.details, /no hello came/);
  await port.close();
});

test("a dialler finds out that another cluster, or another node, answers", async () => {
  const [a, other] = [await listen("one"), await listen("two")];
  a.port.send(other.port.address, numbered(1));
  await until("it is told", () => a.recorder.events.length === 1);
  assert.match(a.notices.at(-1)?.message ?? "", /not reached: refused: it belongs to cluster "one", this node to "two"/);
  const alias = `localhost:${other.port.address.split(":")[1]}`;
  const b = await listen("two");
  b.port.send(alias, numbered(1));
  await until("it is told", () => b.recorder.events.length === 1);
  assert.match(b.notices.at(-1)?.message ?? "", /calls itself 127\.0\.0\.1/);
  assert.deepEqual(
    other.recorder.events.filter(({ kind }) => kind === "received"),
    [],
  );
  await Promise.all([a, b, other].map(({ port }) => port.close()));
});

test("a process that is stopped is lost in three seconds, though its system still takes bytes; when it goes on, it begins anew", async () => {
  const { port, recorder } = await listen();
  const node = { events: recorder.events } as never;
  const child = await childNode("test");
  child.send(port.address, numbered(1));
  await until("it is heard", () => receivedOf(node).length === 1);
  child.process.kill("SIGSTOP");
  const began = performance.now();
  // More than the system's buffers take: the rest is stuck here, and must not be in the way of the connection's end.
  for (let number = 0; number < 400; number++) port.send(child.address, numbered(2, 60_000));
  await until("the loss is told", () => lostOf(node) > 0);
  assert.ok(performance.now() - began < 4000);
  child.process.kill("SIGCONT");
  await until("it is told as well", () => lostOf(child) > 0);
  await until("they talk again", () => {
    if (!receivedOf(child).some((frame) => frame.length === 8)) port.send(child.address, numbered(3));
    else if (receivedOf(node).length === 1) child.send(port.address, numbered(4));
    return receivedOf(node).length > 1;
  });
  await child.kill();
  await port.close();
});
