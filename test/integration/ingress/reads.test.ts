import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { HistoryEvent } from "../../../src/core/entity/invocation.js";
import { cartType, text } from "./fake-core.js";
import { ask, post, withIngress } from "./running-ingress.js";

const event = (version: number, data: string): HistoryEvent => ({
  version,
  atMs: 1_700_000_000_000 + version,
  name: "lineAsked",
  eventVersion: 1,
  data: text(data),
});

describe("a query over HTTP", () => {
  it("goes by GET with its input in the target, or by POST", async () => {
    await withIngress({}, async ({ core, url }) => {
      const input = `{"like":"a+b & c","n":1e2}`;
      const got = await ask(`${url}/shop/cart/c1/view?input=${encodeURIComponent(input)}`);
      assert.deepEqual([got.status, got.text], [200, input]);
      assert.equal((await ask(`${url}/shop/cart/c1/view?${new URLSearchParams({ input })}`)).text, input);
      assert.equal((await post(`${url}/shop/cart/c1/view`, input)).text, input);
      assert.equal((await ask(`${url}/shop/cart/c1/view`)).status, 204);
      assert.equal(core.command.hasKey, false);
    });
  });

  it("is refused where the input is no JSON, or the method or a parameter does not fit", async () => {
    await withIngress({}, async ({ url }) => {
      assert.equal((await ask(`${url}/shop/cart/c1/view?input=%7B`)).code, "malformed_json");
      assert.equal((await ask(`${url}/shop/cart/c1/view?input=%FF`)).code, "bad_parameter");
      assert.equal((await ask(`${url}/shop/cart/c1/view?inptu=1`)).code, "bad_parameter");
      assert.equal((await post(`${url}/shop/cart/c1/view?mode=send`, "1")).code, "bad_parameter");
      const put = await ask(`${url}/shop/cart/c1/view`, { method: "PUT" });
      assert.deepEqual([put.status, put.headers.get("allow")], [405, "GET, POST"]);
      const got = await ask(`${url}/shop/cart/c1/add`);
      assert.deepEqual([got.status, got.headers.get("allow")], [405, "POST"]);
    });
  });
});

describe("the state of an entity", () => {
  it("comes with its version as ETag, and is 304 where the client has it", async () => {
    await withIngress({}, async ({ core, url }) => {
      core.behaviour = () => ({ kind: "state", version: 41, state: text(`{"n":1.10}`) });
      const reply = await ask(`${url}/shop/cart/c1`);
      assert.deepEqual([reply.status, reply.text], [200, `{"version":41,"state":{"n":1.10}}`]);
      assert.deepEqual([reply.headers.get("etag"), reply.headers.get("holdfast-version")], [`"41"`, "41"]);
      for (const tags of [`"41"`, `W/"41"`, `"40", "41"`, "*"]) {
        const again = await ask(`${url}/shop/cart/c1`, { headers: { "if-none-match": tags } });
        assert.deepEqual([again.status, again.text], [304, ""], tags);
      }
      assert.equal((await ask(`${url}/shop/cart/c1`, { headers: { "if-none-match": `"4"` } })).status, 200);
    });
  });

  it("of an untouched entity is null at version 0", async () => {
    await withIngress({}, async ({ core, url }) => {
      core.behaviour = () => ({ kind: "state", version: 0, state: null });
      assert.equal((await ask(`${url}/shop/cart/c1`)).text, `{"version":0,"state":null}`);
    });
  });

  it("is not shown where its type keeps it to itself", async () => {
    const served = [cartType({ exposeState: false, exposeEvents: false })];
    await withIngress({ served }, async ({ url, core }) => {
      for (const path of ["/shop/cart/c1", "/shop/cart/c1/$events"]) {
        const reply = await ask(url + path);
        assert.deepEqual([reply.status, reply.code], [403, "not_exposed"]);
      }
      assert.equal(core.inputs.length, 0);
    });
  });
});

describe("the events of an entity", () => {
  it("come in pages", async () => {
    await withIngress({}, async ({ core, url }) => {
      core.behaviour = () => ({ kind: "events", version: 9, events: [event(5, `{"q":1.0}`), event(6, "")], next: 6 });
      const reply = await ask(`${url}/shop/cart/c1/$events?after=4&limit=2`);
      const at = new Date(1_700_000_000_005).toISOString();
      const first = `{"entityVersion":5,"at":"${at}","name":"lineAsked","version":1,"data":{"q":1.0}}`;
      assert.ok(reply.text.startsWith(`{"version":9,"events":[${first},{`), reply.text);
      assert.equal(reply.json["next"], 6);
      const asked = core.inputs[0];
      assert.ok(asked?.kind === "eventsAsked" && asked.after === 4 && asked.limit === 2 && !asked.follow);
      for (const query of ["?after=x", "?after=-1", "?limit=0", "?limit=1001", "?before=3"]) {
        assert.equal((await ask(`${url}/shop/cart/c1/$events${query}`)).code, "bad_parameter", query);
      }
    });
  });

  it("live: pages through history, follows, and says why it ends", async () => {
    await withIngress({}, async ({ core, url }) => {
      const history = [event(1, "1"), event(2, `{"a":\n1}`), event(3, "3")];
      core.behaviour = (input) => {
        if (input.kind !== "eventsAsked") return null;
        if (input.follow) {
          setImmediate(() => core.feed({ request: input.request, events: [event(4, "4")], ended: null }));
          setImmediate(() => core.feed({ request: input.request, events: [], ended: "stopping" }));
          return { kind: "events", version: 3, events: [], next: null };
        }
        const rest = history.filter(({ version }) => version > input.after);
        return { kind: "events", version: 3, events: rest.slice(0, 1), next: rest.length > 1 ? (rest[0]?.version ?? 0) : null };
      };
      const headers = { accept: "text/event-stream", "last-event-id": "1" };
      const reply = await ask(`${url}/shop/cart/c1/$events`, { headers });
      assert.equal(reply.headers.get("content-type"), "text/event-stream");
      const frames = reply.text.split("\n\n").filter((frame) => frame !== "");
      assert.deepEqual(
        frames.map((frame) => frame.split("\n")[0]),
        ["id: 2", "id: 3", "id: 4", "event: holdfast-end"],
      );
      assert.ok(frames[0]?.includes(`"data":{"a":\ndata: 1}`), "a line end within JSON becomes a line of the frame");
      assert.equal(frames[3], `event: holdfast-end\ndata: {"reason":"stopping"}`);
      assert.equal(core.table.size, 0);
    });
  });

  it("live: a client that leaves is told to the core", async () => {
    await withIngress({}, async ({ core, url }) => {
      core.behaviour = (input) =>
        input.kind === "eventsAsked" && !input.follow ? { kind: "events", version: 0, events: [], next: null } : null;
      const controller = new AbortController();
      const response = await fetch(`${url}/shop/cart/c1/$events`, {
        headers: { accept: "text/event-stream" },
        signal: controller.signal,
      });
      assert.equal(response.status, 200);
      while (core.table.size === 0) await turn();
      controller.abort();
      while (core.left.length === 0) await turn();
      assert.equal(core.table.size, 0);
    });
  });

  it("live: a reader that lets a megabyte pile up is disconnected", async () => {
    await withIngress({}, async ({ core, url, ingress }) => {
      const big = JSON.stringify("x".repeat(500_000));
      let version = 0;
      let request = -1;
      core.behaviour = (input) => {
        if (input.kind === "eventsAsked" && input.follow) request = input.request;
        return { kind: "events", version: 0, events: [], next: null };
      };
      const response = await fetch(`${url}/shop/cart/c1/$events`, { headers: { accept: "text/event-stream" } });
      while (request < 0) await turn();
      while (core.feed({ request, events: [event(++version, big)], ended: null })) await turn();
      assert.ok(version > 2 && version < 100, `${version} events were taken`);
      await assert.rejects(response.text());
      assert.equal(ingress.openRequests, 0);
    });
  });
});

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
