import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { ProblemCode } from "../../../src/core/answer.js";
import { text } from "./fake-core.js";
import { ask, post, withIngress } from "./running-ingress.js";

const ADD = "/shop/cart/c1/add";

describe("a call over HTTP", () => {
  it("reaches the core byte for byte and comes back with its id and version", async () => {
    await withIngress({}, async ({ core, url }) => {
      const body = `{ "by":12345678901234567890, "by":1e999, "__proto__":{"a":1.10} }`;
      const reply = await post(url + ADD, body);
      assert.equal(reply.status, 200);
      assert.equal(reply.text, body);
      assert.equal(reply.headers.get("content-type"), "application/json");
      assert.equal(reply.headers.get("holdfast-version"), "7");
      assert.equal(reply.headers.get("holdfast-command-id"), core.command.id);
      assert.deepEqual(core.command.to, { type: "shop/cart", id: "c1" });
      assert.equal(core.command.name, "add");
      assert.equal(core.command.hasKey, false);
    });
  });

  it("answers 204 where the function gave no reply", async () => {
    await withIngress({}, async ({ url }) => {
      const reply = await post(`${url}/shop/cart/c1/checkout`);
      assert.equal(reply.status, 204);
      assert.equal(reply.headers.get("holdfast-version"), "7");
    });
  });

  it("gives each command without a key an id of its own", async () => {
    await withIngress({}, async ({ core, url }) => {
      for (let count = 0; count < 20; count++) await post(url + ADD, "1");
      const ids = new Set(core.inputs.map((input) => (input.kind === "commandArrived" ? input.id : "")));
      assert.equal(ids.size, 20);
    });
  });

  it("derives the id of a command with a key from entity and key, and tells bodies apart", async () => {
    await withIngress({}, async ({ core, url }) => {
      const send = async (path: string, body: string, key: string) => {
        await post(url + path, body, { "idempotency-key": key });
        return { id: core.command.id, hash: core.command.bodyHash, hasKey: core.command.hasKey };
      };
      const first = await send(ADD, "1", "k1");
      assert.equal(first.hasKey, true);
      assert.deepEqual(await send(ADD, "1", "k1"), first);
      assert.equal((await send(ADD, "2", "k1")).id, first.id);
      assert.notEqual((await send(ADD, "2", "k1")).hash, first.hash);
      assert.notEqual((await send("/shop/cart/c1/checkout", "1", "k1")).hash, first.hash);
      assert.notEqual((await send(ADD, "1", "k2")).id, first.id);
      assert.notEqual((await send("/shop/cart/c2/add", "1", "k1")).id, first.id);
    });
  });

  it("decodes ids strictly, and takes slashes, spaces and any script", async () => {
    await withIngress({}, async ({ core, url }) => {
      for (const id of ["a/b", "a b", "ü-🛒", "100%", "a?b#c", "...", "$x", "x".repeat(256)]) {
        const reply = await post(`${url}/shop/cart/${encodeURIComponent(id)}/add`, "1");
        assert.equal(reply.status, 200, id);
        assert.equal(core.command.to.id, id);
      }
    });
  });

  it("hands kept headers to the command, and no others", async () => {
    await withIngress({ keepHeaders: ["x-tenant"] }, async ({ core, url }) => {
      await post(url + ADD, "1", { "X-Tenant": "t1", "x-other": "o" });
      assert.deepEqual(core.command.metadata, [["x-tenant", "t1"]]);
    });
  });

  it("sets the deadline from the header, within bounds, else from the settings", async () => {
    await withIngress({}, async ({ core, url }) => {
      await post(url + ADD, "1", { "holdfast-deadline": "2s" });
      assert.ok(Math.abs(core.command.deadlineMs - Date.now() - 2_000) < 500);
      await post(url + ADD, "1");
      assert.ok(Math.abs(core.command.deadlineMs - Date.now() - 30_000) < 500);
      for (const value of ["soon", "0s", "-1s", "11m", "5"]) {
        assert.equal((await post(url + ADD, "1", { "holdfast-deadline": value })).code, "bad_header", value);
      }
    });
  });
});

describe("a refusal or failure", () => {
  it("by the function is 409 with the function's code and details", async () => {
    await withIngress({}, async ({ core, url }) => {
      const outcome = { kind: "refused", code: "cart_closed", message: "being paid", details: text(`{"since":1.0}`) } as const;
      core.behaviour = (input) => ({ kind: "outcome", commandId: idOf(input), version: 3, outcome, isDuplicate: false });
      const reply = await post(url + ADD, "1");
      assert.equal(reply.status, 409);
      assert.equal(reply.headers.get("content-type"), "application/problem+json");
      assert.equal(reply.headers.get("holdfast-error-source"), "function");
      assert.equal(reply.code, "cart_closed");
      assert.equal(reply.json["detail"], "being paid");
      assert.ok(reply.text.includes(`"details":{"since":1.0}`), "details pass untouched");
    });
  });

  it("of an input that does not fit is 422, naming the field", async () => {
    await withIngress({}, async ({ core, url }) => {
      const details = text(`[{"path":"/quantity","message":"must be positive"}]`);
      const outcome = { kind: "refused", code: "invalid_input", message: "the input does not fit", details } as const;
      core.behaviour = (input) => ({ kind: "outcome", commandId: idOf(input), version: 3, outcome, isDuplicate: false });
      const reply = await post(url + ADD, "1");
      assert.equal(reply.status, 422);
      assert.deepEqual(reply.json["errors"], [{ path: "/quantity", message: "must be positive" }]);
    });
  });

  it("of a function that fails by itself is 502 and names the function as its source", async () => {
    await withIngress({}, async ({ core, url }) => {
      const outcome = { kind: "failed", code: "function_faulted", message: "TypeError" } as const;
      core.behaviour = (input) => ({ kind: "outcome", commandId: idOf(input), version: 3, outcome, isDuplicate: false });
      const reply = await post(url + ADD, "1");
      assert.deepEqual([reply.status, reply.code], [502, "function_faulted"]);
      assert.equal(reply.headers.get("holdfast-error-source"), "function");
      assert.equal(reply.headers.get("holdfast-command-id"), core.command.id);
    });
  });

  const STATUS: Readonly<Record<ProblemCode, number>> = {
    unknown_type: 404,
    unknown_command: 404,
    not_exposed: 403,
    command_not_found: 404,
    dead_letter_not_found: 404,
    idempotency_key_reused: 422,
    idempotency_store_full: 429,
    mailbox_full: 429,
    overloaded: 503,
    storage_slow: 503,
    shard_moving: 503,
    stopping: 503,
    deadline_exceeded: 504,
    outcome_unknown: 504,
    function_faulted: 502,
    function_unavailable: 503,
    state_too_large: 422,
    shard_refused: 503,
    starting: 503,
    entity_paused: 503,
    unstorable: 500,
  };

  it("of the router has the status of its code, and says when to retry where it is busy", async () => {
    await withIngress({}, async ({ core, url }) => {
      for (const [code, status] of Object.entries(STATUS) as [ProblemCode, number][]) {
        core.behaviour = () => ({ kind: "problem", problem: { code, message: "why", retryAfterMs: null } });
        const reply = await post(url + ADD, "1");
        assert.deepEqual([reply.status, reply.code, reply.json["status"]], [status, code, status]);
        assert.equal(reply.headers.get("retry-after") !== null, status === 429 || status === 503, code);
        const page = await ask(url + reply.json["type"]);
        assert.deepEqual([page.status, page.json["code"]], [200, code]);
      }
    });
  });

  it("rounds the time to wait up to whole seconds", async () => {
    await withIngress({}, async ({ core, url }) => {
      core.behaviour = () => ({ kind: "problem", problem: { code: "mailbox_full", message: "full", retryAfterMs: 1_200 } });
      assert.equal((await post(url + ADD, "1")).headers.get("retry-after"), "2");
    });
  });
});

describe("a send over HTTP", () => {
  it("is 202 with the command's id and where its outcome will be", async () => {
    await withIngress({}, async ({ core, url }) => {
      const reply = await post(`${url}/shop/cart/a%2Fb/add?mode=send&delay=5m`, "1");
      assert.equal(reply.status, 202);
      assert.deepEqual(reply.json, { commandId: core.command.id });
      assert.equal(reply.headers.get("location"), `/shop/cart/a%2Fb/$commands/${core.command.id}`);
      assert.deepEqual([core.command.mode, core.command.delayMs], ["send", 300_000]);
    });
  });

  it("refuses absurd delays with the limit, and delays of a call", async () => {
    await withIngress({}, async ({ url }) => {
      const tooLong = await post(`${url}${ADD}?mode=send&delay=367d`, "1");
      assert.deepEqual([tooLong.status, tooLong.code], [400, "delay_too_long"]);
      assert.match(String(tooLong.json["detail"]), /366d/);
      assert.equal((await post(`${url}${ADD}?mode=send&delay=99999999999999d`, "1")).code, "delay_too_long");
      const refused = [
        "?delay=5m",
        "?mode=send&delay=-5m",
        "?mode=send&delay=5",
        "?mode=sent",
        "?dleay=5m",
        "?mode=send&mode=send",
      ];
      for (const query of refused) assert.equal((await post(url + ADD + query, "1")).code, "bad_parameter", query);
    });
  });
});

describe("the outcome of a command", () => {
  it("is asked by id, waits as long as wished, and is 202 while the command runs", async () => {
    await withIngress({}, async ({ core, url }) => {
      const outcome = { kind: "replied", reply: text("42") } as const;
      core.behaviour = () => ({ kind: "outcome", commandId: "k-1", version: 9, outcome, isDuplicate: true });
      const reply = await ask(`${url}/shop/cart/c1/$commands/k-1?wait=30s`);
      assert.deepEqual([reply.status, reply.text, reply.headers.get("holdfast-version")], [200, "42", "9"]);
      const asked = core.inputs.at(-1);
      assert.ok(asked?.kind === "outcomeAsked" && asked.commandId === "k-1");
      assert.ok(Math.abs(asked.untilMs - Date.now() - 30_000) < 500);

      core.behaviour = () => ({ kind: "pending", commandId: "k-1", status: "scheduled" });
      const pending = await ask(`${url}/shop/cart/c1/$commands/k-1`);
      assert.deepEqual([pending.status, pending.json], [202, { commandId: "k-1", status: "scheduled" }]);
      assert.equal((await ask(`${url}/shop/cart/c1/$commands/k-1?wait=11m`)).code, "bad_parameter");
      assert.equal((await post(`${url}/shop/cart/c1/$commands/k-1`)).status, 405);
    });
  });
});

function idOf(input: { readonly kind: string; readonly id?: string }): string {
  return input.id ?? "";
}
