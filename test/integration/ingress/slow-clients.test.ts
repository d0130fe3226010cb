import assert from "node:assert/strict";
import { connect, type Socket } from "node:net";
import { describe, it } from "node:test";
import { post, withIngress } from "./running-ingress.js";

const SLOW_CLIENTS = 1_000;
const HEAD = "POST /shop/cart/c1/add HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n";

/** Opens a connection, sends the beginning of a request, and remembers what comes back. */
function dribble(port: number, text: string): Promise<{ readonly socket: Socket; received(): string }> {
  return new Promise((resolve, reject) => {
    let received = "";
    const socket = connect(port, "127.0.0.1", () => {
      socket.write(text);
      resolve({ socket, received: () => received });
    });
    socket.on("data", (chunk) => {
      received += chunk.toString("latin1");
    });
    socket.on("error", reject);
  });
}

describe("slow clients", () => {
  it("are cut off in time, a thousand at once, and others are served meanwhile", async () => {
    await withIngress({ limits: { headersMs: 300, requestMs: 600 } }, async ({ port, url, budget, ingress }) => {
      const beginnings = ["", "POST / HT", `${HEAD}x: `, `${HEAD}content-length: 100\r\n\r\n{`];
      const slow = await Promise.all(Array.from({ length: SLOW_CLIENTS }, (_, n) => dribble(port, beginnings[n % 4] ?? "")));
      for (let count = 0; count < 20; count++) assert.equal((await post(`${url}/shop/cart/c1/add`, "1")).status, 200);
      const ended = slow.map(
        ({ socket }) => new Promise((resolve) => (socket.destroyed ? resolve(null) : socket.on("close", resolve))),
      );
      await Promise.all(ended);
      for (const { received } of slow) assert.match(received(), /^HTTP\/1.1 408 .*request_timeout/s);
      assert.deepEqual([budget.bytes, ingress.openRequests], [0, 0]);
    });
  });

  it("over the limit of connections are closed at once", async () => {
    await withIngress({ limits: { connectionsMax: 5 } }, async ({ port, url }) => {
      const some = await Promise.all(Array.from({ length: 5 }, () => dribble(port, "")));
      await assert.rejects(post(`${url}/shop/cart/c1/add`, "1"));
      for (const { socket } of some) socket.destroy();
      for (;;) {
        const reply = await post(`${url}/shop/cart/c1/add`, "1").catch(() => null);
        if (reply?.status === 200) break;
      }
    });
  });
});

describe("a failure of the ingress itself", () => {
  it("is answered, and ends nothing else", async () => {
    const errors: unknown[] = [];
    await withIngress({ log: { error: (fields) => errors.push(fields) } }, async ({ url, core }) => {
      const submit = core.submit.bind(core);
      core.submit = () => {
        throw new Error("broken");
      };
      const reply = await post(`${url}/shop/cart/c1/add`, "1");
      assert.deepEqual([reply.status, reply.code, errors.length, core.table.size], [500, "internal_error", 1, 0]);
      assert.doesNotMatch(reply.text, /broken/);
      core.submit = submit;
      assert.equal((await post(`${url}/shop/cart/c1/add`, "1")).status, 200);
    });
  });
});
