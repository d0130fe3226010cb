import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { request } from "node:http";
import { describe, it } from "node:test";
import type { ClusterView } from "../../../src/core/core-snapshot.js";
import { MemoryDirectory } from "../../../src/directory-memory/memory-directory.js";
import type { DiscoverOutcome } from "../../../src/ports/invoker.js";
import { documentCodec } from "../../../src/protocol/record/document-codec.js";
import { type AdminOptions, AdminServer } from "../../../src/router/admin/admin-server.js";
import { StaticKeys } from "../../../src/router/auth/static-keys.js";
import { ClusterPlan } from "../../../src/router/cluster-plan.js";
import { DEFAULT_LIMITS } from "../../../src/router/ingress/ingress-limits.js";
import { RequestBudget } from "../../../src/router/ingress/request-budget.js";
import { Registration } from "../../../src/router/registration.js";
import { FakeCore, text } from "../ingress/fake-core.js";
import { ask, post } from "../ingress/running-ingress.js";

interface Running {
  readonly url: string;
  readonly core: FakeCore;
  readonly registration: Registration;
  found: DiscoverOutcome;
}

const CART = {
  type: "shop/cart",
  kind: "event-sourced",
  commands: [
    { name: "add", input: { type: "object" } },
    { name: "expire", exposure: "internal" },
  ],
  events: [{ name: "added" }],
  wishes: { expose: [] },
};

const manifest = (type: object): DiscoverOutcome => ({
  kind: "discovered",
  manifest: Buffer.from(JSON.stringify({ holdfast: "1", contracts: ["1"], encodings: ["json"], types: [type] })),
});

async function withAdmin(overrides: Partial<AdminOptions>, body: (running: Running) => Promise<void>): Promise<void> {
  const core = new FakeCore();
  const silent = { info: () => undefined, warn: () => undefined, error: () => undefined };
  const running = { url: "", core, found: manifest(CART) } as { -readonly [K in keyof Running]: Running[K] };
  running.registration = new Registration({
    directory: new MemoryDirectory(),
    clock: { nowMs: () => Date.now(), monotonicMs: () => 0, after: () => () => undefined, sleep: async () => undefined },
    entropy: { bytes: (length) => randomBytes(length) },
    functions: [],
    types: {},
    openInvocations: () => 0,
    commandsOf: () => null,
    name: "router one",
    connect: () => ({
      discover: async () => running.found,
      invoke: async () => ({ kind: "complete" }),
      close: async () => undefined,
    }),
    changed: () => undefined,
    log: silent,
  });
  await running.registration.open();
  const admin = new AdminServer({
    core,
    registration: running.registration,
    limits: DEFAULT_LIMITS,
    budget: new RequestBudget(DEFAULT_LIMITS.bodyBytesTotalMax),
    keepHeaders: [],
    authenticator: null,
    isLocalOnly: true,
    cluster: {
      plan: new ClusterPlan({
        directory: new MemoryDirectory(),
        codec: documentCodec,
        entropy: { bytes: (length) => randomBytes(length) },
        clusterId: () => null,
      }),
      view: () => null,
    },
    isReady: () => true,
    status: () => ({ cluster: "local" }),
    metrics: { contentType: "text/plain; version=0.0.4", text: async () => "holdfast_up 1\n" },
    ...overrides,
  });
  const { port } = await admin.listen({ host: "127.0.0.1", port: 0 });
  running.url = `http://127.0.0.1:${port}`;
  try {
    await body(running);
  } finally {
    await admin.stop(1_000);
  }
}

describe("the admin API", () => {
  it("says how the router is", async () => {
    await withAdmin({}, async ({ url }) => {
      assert.deepEqual((await ask(`${url}/healthz`)).json, { status: "ok" });
      assert.equal((await ask(`${url}/readyz`)).status, 200);
      assert.equal((await ask(`${url}/metrics`)).text, "holdfast_up 1\n");
      assert.deepEqual((await ask(`${url}/v1/status`)).json, { cluster: "local" });
      const unknown = await ask(`${url}/v1/nothing`);
      assert.deepEqual([unknown.status, unknown.code], [404, "not_found"]);
    });
    await withAdmin({ isReady: () => false }, async ({ url }) => assert.equal((await ask(`${url}/readyz`)).status, 503));
  });

  it("halves all shards when it is asked to, not while some are still to be halved, and not beyond what there may be", async () => {
    const clusterId = new Uint8Array(16).fill(7);
    const view = (splits: number, generations: readonly number[], isSplitAllowed = true): ClusterView => ({
      incarnation: "a-1",
      nodes: [],
      plan: { drained: [], placed: [], splits },
      planToken: null,
      clusterId,
      shards: generations.map((generation, shard) => ({ shard, generation, epoch: 1, owner: null, desired: null })),
      isSplitAllowed,
      moves: { takenOver: 0, handedOff: 0 },
      heartbeatAgeMs: null,
    });
    let seen: ClusterView | null = null;
    let changes = 0;
    const plan = new ClusterPlan({
      directory: new MemoryDirectory(),
      codec: documentCodec,
      entropy: { bytes: (length) => randomBytes(length) },
      clusterId: () => clusterId,
      changed: () => changes++,
    });
    await withAdmin({ cluster: { plan, view: () => seen } }, async ({ url }) => {
      const split = async (): Promise<unknown> => {
        const { status, code, json } = await post(`${url}/v1/cluster/split`, "");
        return status === 200 ? json : [status, code];
      };
      assert.deepEqual(await split(), [503, "starting"]);
      seen = view(0, [0, 0]);
      assert.deepEqual(await split(), { drained: [], placed: [], splits: 1 });
      assert.deepEqual(await split(), [409, "split_unfinished"], "it was asked for already, though nobody has seen it yet");
      seen = view(1, [1, 1, 0]);
      assert.deepEqual(await split(), [409, "split_unfinished"]);
      seen = view(1, [1, 1, 1, 1], false);
      assert.deepEqual(await split(), [409, "too_many_shards"]);
      seen = view(1, [1, 1, 1, 1]);
      assert.deepEqual(await split(), { drained: [], placed: [], splits: 2 });
      assert.equal(changes, 2);
    });
  });

  it("registers, lists, promotes and rolls back deployments", async () => {
    await withAdmin({}, async (running) => {
      const { url } = running;
      const register = (body: object) => post(`${url}/v1/deployments`, JSON.stringify(body));
      const first = await register({ url: "http://a.example" });
      assert.equal(first.status, 201);
      const { id } = first.json["deployment"] as { id: string };
      running.found = manifest({ ...CART, events: [] });
      const refused = await register({ url: "http://a.example" });
      assert.deepEqual([refused.status, refused.code], [409, "deployment_incompatible"]);
      assert.equal((refused.json["reasons"] as { code: string }[])[0]?.code, "event_missing");
      const forced = await register({ url: "http://a.example", force: true });
      assert.equal((forced.json["warnings"] as unknown[]).length, 1);
      const back = await post(`${url}/v1/deployments/rollback`);
      assert.equal(back.status, 200);
      const list = (await ask(`${url}/v1/deployments`)).json["deployments"] as { id: string; activeTypes: string[] }[];
      assert.deepEqual(
        list.map((one) => [one.id === id, one.activeTypes]),
        [
          [true, ["shop/cart"]],
          [false, []],
        ],
      );
      const other = list[1]?.id ?? "";
      assert.equal(
        (await post(`${url}/v1/deployments/${other}/promote`)).status,
        200,
        "its loss was accepted when it was forced",
      );
      assert.equal((await post(`${url}/v1/deployments/nothing/promote`)).code, "deployment_not_found");
      assert.equal((await post(`${url}/v1/deployments/nothing/remove`)).code, "deployment_not_found");
      assert.equal((await post(`${url}/v1/deployments/${other}/remove`)).code, "deployment_in_use");
      const types = (await ask(`${url}/v1/types`)).json["types"] as { name: string; commands: { input: unknown }[] }[];
      assert.deepEqual([types[0]?.name, types[0]?.commands[0]?.input], ["shop/cart", { type: "object" }]);
    });
  });

  it("registers an endpoint with limits and headers as the settings take them, and names what is wrong with them", async () => {
    await withAdmin({}, async ({ url, registration }) => {
      const register = (body: object) => post(`${url}/v1/deployments`, JSON.stringify({ url: "http://a.example", ...body }));
      const bad: readonly (readonly [object, RegExp])[] = [
        [{ inFlightMax: 0 }, /inFlightMax: 0 is not within/],
        [{ inFlightMaximum: 1 }, /did you mean 'inFlightMax'/],
        [{ batch: { bytesMax: 5 } }, /batch.bytesMax: 5 is not/],
        [{ prefer: "speed" }, /prefer: "speed" is not one of latency, cost/],
        [{ headers: { "x y": "1" } }, /no name of an HTTP header/],
        [{ headers: { x: "1\r\ny: 2" } }, /printable ASCII, in one line/],
        [{ url: "arn:aws:lambda:eu-west-1:123456789012:function:cart:7", headers: { x: "1" } }, /not for Lambda/],
      ];
      for (const [body, detail] of bad) {
        const reply = await register(body);
        assert.deepEqual([reply.status, reply.code], [400, "bad_request"], JSON.stringify(body));
        assert.match(String(reply.json["detail"]), detail);
      }
      const options = { inFlightMax: 2, batch: { entitiesMax: 7, bytesMax: "1MB" }, timeout: "3s", prefer: "cost" };
      assert.equal((await register({ ...options, headers: { Authorization: "Bearer k" } })).status, 201);
      const { limits } = registration.active[0] ?? assert.fail("nothing is active");
      const expected = { inFlightMax: 2, entitiesMax: 7, commandsMax: 256, bytesMax: 1 << 20, timeoutMs: 3_000, prefer: "cost" };
      assert.deepEqual(limits, expected);
      const shown = (await ask(`${url}/v1/deployments`)).text;
      assert.ok(!shown.includes("Bearer"), "headers may be secret: they are not shown");
    });
  });

  it("refuses registrations that make no sense", async () => {
    await withAdmin({}, async (running) => {
      for (const body of ["{", "[]", "{}", `{"url":"ftp://x"}`, `{"url":"http://u:p@x"}`, `{"url":"http://x","force":"yes"}`]) {
        const reply = await post(`${running.url}/v1/deployments`, body);
        assert.deepEqual([reply.status, reply.code], [400, "bad_request"], body);
      }
      running.found = { kind: "unavailable", message: "connection refused" };
      const down = await post(`${running.url}/v1/deployments`, `{"url":"http://x.example"}`);
      assert.deepEqual([down.status, down.code], [502, "endpoint_unreachable"]);
    });
  });

  it("invokes internal commands and shows what is not exposed", async () => {
    await withAdmin({}, async ({ url, core, registration }) => {
      await registration.register("http://a.example", false);
      const reply = await post(`${url}/v1/invoke/shop/cart/c%2F1/expire?mode=send`, "1");
      assert.equal(reply.status, 202);
      assert.deepEqual([core.command.isAdmin, core.command.to.id, core.command.name], [true, "c/1", "expire"]);
      core.behaviour = () => ({ kind: "state", version: 2, state: text("{}") });
      assert.equal((await ask(`${url}/v1/state/shop/cart/c1`)).text, `{"version":2,"state":{}}`);
      core.behaviour = () => ({ kind: "events", version: 2, events: [], next: null });
      assert.equal((await ask(`${url}/v1/events/shop/cart/c1?after=1`)).text, `{"version":2,"events":[],"next":null}`);
      const asked = core.inputs.at(-1);
      assert.ok(asked?.kind === "eventsAsked" && asked.after === 1 && asked.isAdmin);
    });
  });

  it("lists timers and dead letters, retries and drops, and purges", async () => {
    await withAdmin({}, async ({ url, core }) => {
      const owner = { type: "shop/cart", id: "c1" };
      const command = {
        id: "c-1",
        name: "expire",
        isQuery: false,
        bodyHash: "",
        input: text(`{"n":1.0}`),
        acceptedAtMs: 0,
        deadlineMs: 0,
        caller: null,
        metadata: [["x-tenant", "t"]] as const,
        answer: null,
        replyTo: null,
      };
      core.behaviour = (input) => {
        if (input.kind === "timersAsked") {
          return { kind: "timers", timers: [{ owner, name: "checkout", dueAtMs: 86_400_000, to: owner, command }] };
        }
        if (input.kind !== "deadLettersAsked") return { kind: "done" };
        const deadLetter = { command, code: "function_faulted", message: "boom", attempts: 10, atMs: 1 };
        return { kind: "deadLetters", deadLetters: [{ entity: owner, deadLetter }] };
      };
      const timers = await ask(`${url}/v1/timers/shop/cart/c1`);
      assert.ok(timers.text.includes(`"dueAt":"1970-01-02T00:00:00.000Z"`) && timers.text.includes(`"input":{"n":1.0}`));
      const all = await ask(`${url}/v1/dead-letters?limit=5`);
      assert.equal((all.json["deadLetters"] as { commandId: string }[])[0]?.commandId, "c-1");
      const one = await ask(`${url}/v1/dead-letters/shop/cart/c1/c-1`);
      assert.deepEqual([one.json["code"], one.json["attempts"]], ["function_faulted", 10]);
      assert.equal((await ask(`${url}/v1/dead-letters/shop/cart/c1/c-2`)).code, "dead_letter_not_found");
      assert.equal((await post(`${url}/v1/dead-letters/shop/cart/c1/c-1/retry`)).status, 204);
      const ended = core.inputs.at(-1);
      assert.ok(ended?.kind === "deadLetterEnded" && ended.action === "retry" && ended.commandId === "c-1");
      assert.equal((await post(`${url}/v1/dead-letters/shop/cart/c1/c-1/eat`)).code, "not_found");
      assert.equal((await ask(`${url}/v1/dead-letters/shop/cart/c1/c-1/drop`)).status, 405);
      assert.equal((await post(`${url}/v1/purge/shop/cart/c1`)).status, 204);
      assert.deepEqual(core.inputs.at(-1), { kind: "purgeAsked", request: core.inputs.at(-1)?.request, of: owner });
      assert.equal((await ask(`${url}/v1/timers/shop/cart`)).code, "bad_id");
      assert.equal((await ask(`${url}/v1/timers/shop/cart/c1?limit=0`)).code, "bad_parameter");
    });
  });

  it("answers to names of this machine alone, and to no foreign web page", async () => {
    await withAdmin({}, async ({ url }) => {
      assert.equal(await statusWithHost(url, "evil.example"), 403);
      assert.equal(await statusWithHost(url, "localhost:9070"), 200);
      assert.equal(await statusWithHost(url, "[::1]:9070"), 200);
      assert.equal(
        (await post(`${url}/v1/purge/shop/cart/c1`, undefined, { origin: "http://evil.example" })).code,
        "origin_not_allowed",
      );
    });
    await withAdmin({ isLocalOnly: false }, async ({ url }) => assert.equal(await statusWithHost(url, "router.internal"), 200));
  });

  it("asks for a key where one is set, except for health and metrics", async () => {
    const authenticator = new StaticKeys([{ principal: "ops", key: "0123456789abcdef", sha256: null, types: null }]);
    await withAdmin({ authenticator }, async ({ url }) => {
      assert.equal((await ask(`${url}/v1/status`)).status, 401);
      assert.equal((await ask(`${url}/v1/status`, { headers: { authorization: "Bearer 0123456789abcdef" } })).status, 200);
      assert.equal((await ask(`${url}/healthz`)).status, 200);
      assert.equal((await ask(`${url}/metrics`)).status, 200);
    });
  });
});

function statusWithHost(url: string, host: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    request(`${url}/v1/status`, { headers: { host }, agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode);
    })
      .on("error", reject)
      .end();
  });
}
