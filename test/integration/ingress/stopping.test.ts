import assert from "node:assert/strict";
import { connect } from "node:net";
import { describe, it } from "node:test";
import { Cors } from "../../../src/router/ingress/web-origin.js";
import { ask, post, withIngress } from "./running-ingress.js";

describe("an ingress that stops", () => {
  it("finishes what it accepted, cuts no reply off, and takes nothing new", async () => {
    await withIngress({}, async ({ ingress, core, url, port }) => {
      const big = JSON.stringify("x".repeat(900_000));
      let release: (() => void) | null = null;
      core.behaviour = (input) => {
        if (input.kind !== "commandArrived") return null;
        const outcome = { kind: "replied", reply: Buffer.from(big) } as const;
        release = () =>
          core.table.answer(input.request, { kind: "outcome", commandId: input.id, version: 1, outcome, isDuplicate: false });
        return null;
      };
      const idle = connect(port, "127.0.0.1");
      const idleClosed = new Promise((resolve) => idle.on("close", resolve));
      const accepted = post(`${url}/shop/cart/c1/add`, "1");
      while (core.inputs.length === 0) await turn();
      const stopped = ingress.stop(5_000);
      await assert.rejects(ask(`${url}/shop/cart/c1`), "no new connection is taken");
      (release as (() => void) | null)?.();
      const reply = await accepted;
      assert.deepEqual([reply.status, reply.text.length, reply.headers.get("connection")], [200, big.length, "close"]);
      await stopped;
      idle.destroy();
      await idleClosed;
    });
  });

  it("ends live feeds, which would not end by themselves, and says why", async () => {
    await withIngress({}, async ({ ingress, core, url }) => {
      core.behaviour = () => ({ kind: "events", version: 0, events: [], next: null });
      const feed = await fetch(`${url}/shop/cart/c1/$events`, { headers: { accept: "text/event-stream" } });
      while (core.inputs.length < 2) await turn();
      const stopped = ingress.stop(60_000);
      assert.match(await feed.text(), /event: holdfast-end\ndata: \{"reason":"stopping"\}/);
      await stopped;
      assert.equal(core.left.length, 1);
    });
  });

  it("cuts off who is left after the grace period", async () => {
    await withIngress({}, async ({ ingress, core, url }) => {
      core.behaviour = () => null;
      const waiting = ask(`${url}/shop/cart/c1`);
      const failed = assert.rejects(waiting);
      while (core.inputs.length === 0) await turn();
      await ingress.stop(50);
      await failed;
      while (core.left.length === 0) await turn();
    });
  });
});

describe("CORS", () => {
  it("lets in the origins that are listed, and answers their preflight", async () => {
    const cors = new Cors({ origins: ["https://shop.example"] }, ["x-tenant"]);
    await withIngress({ cors }, async ({ url }) => {
      const origin = "https://shop.example";
      const preflight = await ask(`${url}/shop/cart/c1/add`, { method: "OPTIONS", headers: { origin } });
      assert.equal(preflight.status, 204);
      assert.equal(preflight.headers.get("access-control-allow-origin"), origin);
      assert.match(preflight.headers.get("access-control-allow-headers") ?? "", /idempotency-key.*x-tenant/);
      const reply = await post(`${url}/shop/cart/c1/add`, "1", { origin });
      assert.deepEqual([reply.status, reply.headers.get("access-control-allow-origin")], [200, origin]);
      assert.equal((await post(`${url}/shop/cart/c1/add`, "1", { origin: "https://other.example" })).status, 403);
    });
  });
});

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
