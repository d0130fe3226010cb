import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { type AddressInfo, createServer as createTcpServer, type Socket } from "node:net";
import { afterEach, describe, it } from "node:test";
import type { InvocationEnd, InvocationRequest } from "../../core/entity/invocation.js";
import type { ClockPort } from "../../ports/clock.js";
import { CONTENT_TYPE } from "../../protocol/function/contract.js";
import { endFrame, parseProtobufInvocation } from "../../protocol/function/server-protobuf.js";
import { HttpInvoker, type HttpInvokerOptions } from "./http-invoker.js";

const clock: ClockPort = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
  after: (ms, wake) => {
    const timer = setTimeout(wake, ms);
    return () => clearTimeout(timer);
  },
};
const request = (deadlineMs = 5_000): InvocationRequest => ({ invocation: "i", deadlineMs, entities: [] });
const ANSWER = `{"holdfast":"1","invocation":"i","entities":[]}`;

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

async function listening(server: Server | ReturnType<typeof createTcpServer>): Promise<number> {
  await once(server.listen(0, "127.0.0.1"), "listening");
  cleanups.push(() => void server.close());
  return (server.address() as AddressInfo).port;
}

function invokerOf(port: number, options: Partial<HttpInvokerOptions> = {}) {
  const invoker = new HttpInvoker({ url: `http://127.0.0.1:${port}/f?x=1`, ...options }, clock);
  cleanups.unshift(() => invoker.close());
  return (deadlineMs?: number): Promise<InvocationEnd> =>
    invoker.invoke(request(deadlineMs), null, new AbortController().signal, () => assert.fail("no entity was asked for"));
}

/** Answers what comes over a plain socket with these bytes. */
async function rawServer(onRequest: (socket: Socket, count: number) => void): Promise<number> {
  let count = 0;
  return listening(
    createTcpServer((socket) => {
      socket.on("error", () => undefined);
      socket.on("data", () => onRequest(socket, count++));
    }),
  );
}

const head = (body: string) =>
  `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`;

describe("the HTTP invoker", () => {
  it("takes a function that cannot be reached for unavailable, not for faulty", async () => {
    const server = createTcpServer();
    const port = await listening(server);
    await new Promise((resolve) => server.close(resolve));
    const end = await invokerOf(port)();
    assert.equal(end.kind, "unavailable");
    assert.match(end.kind === "unavailable" ? end.message : "", /cannot reach .*ECONNREFUSED/);
    const unknown = new HttpInvoker({ url: "http://does-not-exist.invalid/" }, clock);
    assert.equal((await unknown.invoke(request(), null, new AbortController().signal, () => undefined)).kind, "unavailable");
    await unknown.close();
  });

  it("posts to the registered path with the operator's headers", async () => {
    const seen: unknown[] = [];
    const server = createServer((incoming, response) => {
      seen.push(incoming.method, incoming.url, incoming.headers["x-key"], incoming.headers["content-type"]);
      response.writeHead(200, { "content-type": "application/json; charset=utf-8" }).end(ANSWER);
    });
    const end = await invokerOf(await listening(server), { headers: [["x-key", "secret"]] })();
    assert.deepEqual(end, { kind: "complete" });
    assert.deepEqual(seen, ["POST", "/f?x=1", "secret", "application/json"]);
  });

  it("speaks protobuf where it is told to, and takes a streamed answer", async () => {
    let seen: unknown[] = [];
    const server = createServer(async (incoming, response) => {
      const body: Buffer[] = [];
      for await (const chunk of incoming) body.push(chunk);
      seen = [incoming.headers["content-type"], incoming.headers.accept, parseProtobufInvocation(Buffer.concat(body)).invocation];
      response.writeHead(200, { "content-type": CONTENT_TYPE.protobufStream }).end(endFrame(0));
    });
    const end = await invokerOf(await listening(server), { encoding: "protobuf" })();
    assert.deepEqual(end, { kind: "complete" });
    assert.deepEqual(seen, [CONTENT_TYPE.protobuf, `${CONTENT_TYPE.protobufStream}, ${CONTENT_TYPE.protobuf}`, "i"]);
  });

  it("takes a kept connection that is closed under it for nobody's fault, but not twice in a row", async () => {
    const asked = new Map<Socket, number>();
    const port = await rawServer((socket) => {
      const count = (asked.get(socket) ?? 0) + 1;
      asked.set(socket, count);
      if (count === 1) setTimeout(() => socket.write(head(ANSWER)), 20);
      else socket.destroy();
    });
    const invoke = invokerOf(port, { connectionsMax: 2 });
    const both = async () => (await Promise.all([invoke(), invoke()])).map(({ kind }) => kind).sort();
    assert.deepEqual(await both(), ["complete", "complete"]);
    await new Promise((resolve) => setTimeout(resolve, 20));
    assert.deepEqual(await both(), ["cut", "unavailable"]);
    assert.deepEqual(await both(), ["complete", "complete"]);
    await new Promise((resolve) => setTimeout(resolve, 20));
    assert.deepEqual(await both(), ["cut", "unavailable"]);
  });

  it("closes the connection of an answer that goes on behind its end", { timeout: 10_000 }, async () => {
    const closed = new Promise<void>((resolve) => {
      void rawServer((socket) => {
        socket.once("close", () => resolve());
        socket.write("HTTP/1.1 200 OK\r\ncontent-type: application/x-ndjson\r\n\r\n");
        socket.write('{"end":0}\n');
        const more = setInterval(() => socket.write("more\n"), 10);
        socket.once("close", () => clearInterval(more));
      }).then(async (port) => assert.equal((await invokerOf(port)(60_000)).kind, "complete"));
    });
    await closed;
  });

  it("waits for a connection until the deadline, then blames nobody and never sends the request", async () => {
    let asked = 0;
    const port = await rawServer((socket) => {
      asked++;
      setTimeout(() => socket.write(head(ANSWER)), 200);
    });
    const invoke = invokerOf(port, { connectionsMax: 1 });
    const [first, second] = await Promise.all([invoke(), invoke(80)]);
    assert.deepEqual([first?.kind, second?.kind], ["complete", "unavailable"]);
    assert.equal((await invoke()).kind, "complete");
    assert.equal(asked, 2);
  });

  it("refuses what is no HTTP", async () => {
    const end = await invokerOf(await rawServer((socket) => socket.end("hello there\r\n\r\n")))();
    assert.equal(end.kind === "malformed" && end.code, "answer_not_http");
  });

  it("takes an answer shorter than it was announced for cut", async () => {
    const end = await invokerOf(await rawServer((socket) => socket.end(head(ANSWER).slice(0, -5))))();
    assert.equal(end.kind, "cut");
  });

  it("refuses an answer that announces more than is allowed, and one that is compressed", async () => {
    const large = `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 52428800\r\n\r\n{`;
    const tooLarge = await invokerOf(await rawServer((socket) => socket.write(large)))();
    assert.equal(tooLarge.kind === "malformed" && tooLarge.code, "answer_too_large");
    const zipped = head("xx").replace("\r\n\r\n", "\r\ncontent-encoding: gzip\r\n\r\n");
    const end = await invokerOf(await rawServer((socket) => socket.write(zipped)))();
    assert.equal(end.kind === "malformed" && end.code, "answer_content_type");
  });

  it("is not led astray by an informational response", async () => {
    const early = "HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n";
    const port = await rawServer((socket) => socket.write(early + head(ANSWER)));
    assert.equal((await invokerOf(port)()).kind, "complete");
  });

  it("refuses a URL that is none of HTTP", () => {
    assert.throws(() => new HttpInvoker({ url: "ftp://x/" }, clock), /not an HTTP URL/);
  });
});
