import assert from "node:assert/strict";
import { createServer } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { describe, it } from "node:test";
import { UnreadReplies } from "../../../src/router/ingress/unread-replies.js";

/** More than the operating system buffers for a connection on loopback. */
const REPLY_BYTES = 16 << 20;

describe("a reply that its client does not read", () => {
  it("is dropped after a while, and with it the connection; one that is read is not", async () => {
    const unread = new UnreadReplies(300);
    const server = createServer((_, response) => {
      response.writeHead(200, ["content-length", String(REPLY_BYTES)]);
      response.end(Buffer.alloc(REPLY_BYTES));
      unread.watch(response);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    const request = "GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";

    const reader = connect(port, "127.0.0.1", () => reader.write(request));
    let read = 0;
    reader.on("data", (chunk) => {
      read += chunk.length;
    });
    await new Promise((resolve) => reader.on("close", resolve));
    assert.ok(read > REPLY_BYTES);

    const sleeper = connect(port, "127.0.0.1", () => sleeper.write(request));
    sleeper.on("error", () => undefined);
    while (unread.size === 0) await new Promise((resolve) => setImmediate(resolve));
    while (unread.size > 0) await new Promise((resolve) => setImmediate(resolve));
    let received = 0;
    sleeper.on("data", (chunk) => {
      received += chunk.length;
    });
    await new Promise((resolve) => sleeper.on("close", resolve));
    assert.ok(received < REPLY_BYTES, "the rest of the reply was dropped");
    unread.stop();
    server.close();
  });
});
