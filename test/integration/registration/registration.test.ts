import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { describe, it } from "node:test";
import type { ActiveDeployment } from "../../../src/core/input.js";
import { MemoryDirectory } from "../../../src/directory-memory/memory-directory.js";
import type { ClockPort } from "../../../src/ports/clock.js";
import type { DirectoryPort } from "../../../src/ports/directory.js";
import type { DiscoverOutcome, InvokerPort } from "../../../src/ports/invoker.js";
import { DEFAULT_DEPLOYMENT_LIMITS, type FunctionSettings } from "../../../src/router/config/settings.js";
import { Registration, type RegistrationOptions } from "../../../src/router/registration.js";

const CART = {
  type: "shop/cart",
  kind: "event-sourced",
  stateVersion: 1,
  commands: [{ name: "add" }],
  events: [{ name: "added" }],
};
const STOCK = { type: "shop/stock", kind: "value", commands: [{ name: "set" }] };
const URL_A = "http://a.example";
const URL_B = "http://b.example";

const manifest = (...types: readonly object[]): DiscoverOutcome => ({
  kind: "discovered",
  manifest: Buffer.from(JSON.stringify({ holdfast: "1", contracts: ["1"], encodings: ["json"], types })),
});
const DOWN: DiscoverOutcome = { kind: "unavailable", message: "connection refused" };

class World {
  readonly answers = new Map<string, DiscoverOutcome>();
  readonly waits: number[] = [];
  nowMs = 1_000;
  directory: DirectoryPort = new MemoryDirectory();
  active: readonly ActiveDeployment[] = [];
  readonly connected: FunctionSettings[] = [];

  async open(options: Partial<RegistrationOptions> = {}): Promise<Registration> {
    const clock: ClockPort = {
      nowMs: () => this.nowMs,
      monotonicMs: () => 0,
      after: () => () => undefined,
      sleep: (ms) => {
        this.waits.push(ms);
        return new Promise((resolve) => setImmediate(resolve));
      },
    };
    const silent = { info: () => undefined, warn: () => undefined, error: () => undefined };
    const registration = new Registration({
      directory: this.directory,
      clock,
      entropy: { bytes: (length) => randomBytes(length) },
      functions: [],
      types: {},
      connect: (endpoint) => {
        this.connected.push(endpoint);
        return this.invoker(endpoint.url);
      },
      changed: (deployments) => {
        this.active = deployments;
      },
      openInvocations: () => 0,
      commandsOf: () => null,
      name: "router one",
      log: silent,
      ...options,
    });
    await registration.open();
    return registration;
  }

  /** Type names by deployment, as the core sees them. */
  get served(): readonly string[] {
    return this.active.flatMap(({ id, types }) => types.map(({ name }) => `${name}@${id}`)).sort();
  }

  invoker(url: string): InvokerPort {
    return {
      discover: async () => this.answers.get(url) ?? DOWN,
      invoke: async () => ({ kind: "complete" }),
      close: async () => undefined,
    };
  }
}

async function registered(registration: Registration, url: string, force = false): Promise<string> {
  const outcome = await registration.register(url, force);
  assert.ok(outcome.kind === "done" && outcome.deployment !== null, JSON.stringify(outcome));
  return outcome.deployment.id;
}

describe("registration", () => {
  it("discovers an endpoint, makes it serve its types, and knows them after a restart", async () => {
    const world = new World();
    world.answers.set(URL_A, manifest(CART, STOCK));
    const registration = await world.open();
    assert.deepEqual(registration.names(), []);
    const id = await registered(registration, URL_A);
    assert.deepEqual(world.served, [`shop/cart@${id}`, `shop/stock@${id}`]);
    assert.equal(registration.get("shop/cart")?.commands.get("add")?.exposure, "public");
    assert.ok(registration.invokerOf(id));
    await registration.close();

    world.active = [];
    const again = await world.open();
    assert.deepEqual(world.served, [`shop/cart@${id}`, `shop/stock@${id}`]);
    assert.deepEqual(again.list()[0]?.activeTypes, ["shop/cart", "shop/stock"]);
  });

  it("with limits and headers of its own gives them to the endpoint, for good", async () => {
    const world = new World();
    world.answers.set(URL_A, manifest(CART));
    const limits = { ...DEFAULT_DEPLOYMENT_LIMITS, inFlightMax: 3 };
    const options: FunctionSettings = { url: URL_A, limits, encoding: "json", headers: { "x-key": "k" } };
    const registration = await world.open();
    const id = await registered(registration, URL_A);
    const same = await registration.register(URL_A, false, options);
    assert.equal(same.kind === "done" && same.deployment?.id, id, "limits make no other deployment");
    assert.equal(world.active[0]?.limits.inFlightMax, 3, "they hold at once");
    assert.deepEqual(world.connected.at(-1), options, "headers are sent with discovery already");
    await registered(registration, URL_A);
    assert.equal(world.active[0]?.limits.inFlightMax, 3, "registered again without any, they stay");
    await registration.close();

    world.connected.length = 0;
    const again = await world.open();
    assert.equal(world.active[0]?.limits.inFlightMax, 3);
    again.invokerOf(id);
    assert.deepEqual(world.connected, [options]);
    await again.register(URL_A, false, { ...options, limits: { ...limits, inFlightMax: 9 }, headers: {} });
    assert.deepEqual(world.connected.at(-1)?.headers, {});
    assert.equal(world.active[0]?.limits.inFlightMax, 9);
  });

  it("with limits is refused for an endpoint of the settings, which win over what was registered before", async () => {
    const world = new World();
    world.answers.set(URL_A, manifest(CART));
    const limits = { ...DEFAULT_DEPLOYMENT_LIMITS, inFlightMax: 3 };
    const options: FunctionSettings = { url: URL_A, limits, encoding: "json", headers: {} };
    const before = await world.open();
    await before.register(URL_A, false, options);
    await before.close();
    const configured = { ...options, limits: { ...limits, inFlightMax: 5 } };
    const registration = await world.open({ functions: [configured] });
    assert.equal(world.active[0]?.limits.inFlightMax, 5);
    const refused = await registration.register(URL_A, false, options);
    assert.equal(refused.kind === "refused" && refused.code, "bad_request");
    assert.equal(world.active[0]?.limits.inFlightMax, 5);
  });

  it("of the same manifest at the same endpoint is the same deployment", async () => {
    const world = new World();
    world.answers.set(URL_A, manifest(CART));
    world.answers.set(URL_B, manifest(CART));
    const registration = await world.open();
    const first = await registered(registration, URL_A);
    assert.equal(await registered(registration, URL_A), first);
    assert.notEqual(await registered(registration, URL_B), first);
    assert.equal(registration.list().length, 2);
  });

  it("refuses what history cannot live with, with every reason, and leaves all as it was", async () => {
    const world = new World();
    world.answers.set(URL_A, manifest(CART, STOCK));
    const registration = await world.open();
    const first = await registered(registration, URL_A);
    const before = world.served;
    world.answers.set(URL_A, manifest({ ...CART, events: [], commands: [] }));
    const refused = await registration.register(URL_A, false);
    assert.ok(refused.kind === "refused");
    assert.equal(refused.code, "deployment_incompatible");
    assert.deepEqual(refused.reasons.map(({ code }) => code).sort(), ["command_missing", "event_missing", "type_missing"]);
    assert.deepEqual(world.served, before);

    const forced = await registered(registration, URL_A, true);
    assert.deepEqual(world.served, [`shop/cart@${forced}`]);
    assert.equal(registration.get("shop/stock"), undefined);
    const back = await registration.rollback();
    assert.equal(back.kind, "done");
    assert.deepEqual(world.served, [`shop/cart@${first}`, `shop/stock@${first}`]);
  });

  it("refuses even a forced change of kind", async () => {
    const world = new World();
    world.answers.set(URL_A, manifest(STOCK));
    const registration = await world.open();
    await registered(registration, URL_A);
    world.answers.set(URL_A, manifest({ ...STOCK, kind: "event-sourced" }));
    const refused = await registration.register(URL_A, true);
    assert.ok(refused.kind === "refused" && refused.reasons[0]?.code === "kind_changed");
  });

  it("promotes and rolls back at once, one change at a time", async () => {
    const world = new World();
    const registration = await world.open();
    world.answers.set(URL_A, manifest(CART));
    world.answers.set(URL_B, manifest(CART));
    const first = await registered(registration, URL_A);
    const second = await registered(registration, URL_B);
    assert.deepEqual(world.served, [`shop/cart@${second}`]);
    assert.equal((await registration.promote(first, false)).kind, "done");
    assert.deepEqual(world.served, [`shop/cart@${first}`]);
    await registration.rollback();
    assert.deepEqual(world.served, [`shop/cart@${second}`]);
    await registration.rollback();
    assert.deepEqual(world.served, [`shop/cart@${first}`]);
    const end = await registration.rollback();
    assert.ok(end.kind === "refused" && end.code === "nothing_to_roll_back");
    const unknown = await registration.promote("d-000000000000", false);
    assert.ok(unknown.kind === "refused" && unknown.code === "deployment_not_found");
  });

  it("lays what the operator sets over what the function wishes", async () => {
    const world = new World();
    world.answers.set(URL_A, manifest({ ...CART, wishes: { mailboxMax: 5, history: "30d", expose: ["events"] } }));
    const limits = { ...DEFAULT_DEPLOYMENT_LIMITS, inFlightMax: 3 };
    const registration = await world.open({
      types: { "shop/cart": { mailboxMax: 7 } },
      functions: [{ url: URL_A, limits, encoding: "json", headers: {} }],
    });
    await registered(registration, URL_A);
    const policy = registration.get("shop/cart")?.policy;
    assert.deepEqual([policy?.mailboxMax, policy?.exposeState, policy?.exposeEvents], [7, false, true]);
    assert.deepEqual(policy?.history, { kind: "ms", ms: 30 * 86_400_000 });
    assert.equal(world.active[0]?.limits.inFlightMax, 3);
    await registration.close();
  });

  it("asks configured endpoints that are down again, ever more slowly, while others are served", async () => {
    const world = new World();
    world.answers.set(URL_B, manifest(STOCK));
    const functions = [URL_A, URL_B].map((url) => ({
      url,
      limits: DEFAULT_DEPLOYMENT_LIMITS,
      encoding: "json" as const,
      headers: {},
    }));
    const registration = await world.open({ functions });
    assert.deepEqual(registration.undiscovered(), [URL_A, URL_B]);
    while (world.waits.length < 8) await turn();
    assert.deepEqual(registration.names(), ["shop/stock"]);
    assert.deepEqual(registration.undiscovered(), [URL_A]);
    assert.deepEqual(world.waits.slice(0, 8), [500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
    world.answers.set(URL_A, manifest(CART));
    while (registration.undiscovered().length > 0) await turn();
    assert.deepEqual(registration.names(), ["shop/cart", "shop/stock"]);
    await registration.close();
  });

  it("leaves a configured deployment alone that the operator rolled back", async () => {
    const world = new World();
    const functions = [URL_A].map((url) => ({ url, limits: DEFAULT_DEPLOYMENT_LIMITS, encoding: "json" as const, headers: {} }));
    world.answers.set(URL_A, manifest(CART));
    const first = await world.open();
    const old = await registered(first, URL_A);
    world.answers.set(URL_A, manifest({ ...CART, events: [{ name: "added", version: 2 }] }));
    await registered(first, URL_A);
    await first.rollback();
    const again = await world.open({ functions });
    await again.close();
    assert.deepEqual(world.served, [`shop/cart@${old}`]);
  });

  it("two at the same time both happen, one after the other", async () => {
    const world = new World();
    world.answers.set(URL_A, manifest(CART));
    world.answers.set(URL_B, manifest(STOCK));
    const [one, other] = [await world.open(), await world.open()];
    await Promise.all([registered(one, URL_A), registered(other, URL_B)]);
    const third = await world.open();
    assert.deepEqual(third.names(), ["shop/cart", "shop/stock"]);
  });

  it("calls a function in an encoding that it speaks", async () => {
    const world = new World();
    const onlyProtobuf = { holdfast: "1", encodings: ["protobuf"], types: [CART] };
    world.answers.set(URL_A, { kind: "discovered", manifest: Buffer.from(JSON.stringify(onlyProtobuf)) });
    const connected: string[] = [];
    const registration = await world.open({
      connect: ({ url, encoding }) => {
        connected.push(encoding);
        return world.invoker(url);
      },
    });
    registration.invokerOf(await registered(registration, URL_A));
    assert.deepEqual(connected, ["json", "protobuf"], "discovery is JSON always");
  });

  it("survives a directory that does not say what happened", async () => {
    const world = new World();
    const real = new MemoryDirectory();
    let isLost = true;
    world.directory = {
      read: (key) => real.read(key),
      list: (prefix) => real.list(prefix),
      remove: (key, expected) => real.remove(key, expected),
      close: () => real.close(),
      swap: async (key, expected, document) => {
        const outcome = await real.swap(key, expected, document);
        if (!isLost) return outcome;
        isLost = key !== "deployments";
        return { kind: "unknown", message: "the answer was lost" };
      },
    };
    world.answers.set(URL_A, manifest(CART));
    const registration = await world.open();
    await registered(registration, URL_A);
    assert.deepEqual(registration.names(), ["shop/cart"]);
    assert.equal(registration.list().length, 1);
  });

  it("refuses endpoints that are down, and manifests that do not fit, each with its place", async () => {
    const world = new World();
    const registration = await world.open();
    const down = await registration.register(URL_A, false);
    assert.ok(down.kind === "refused" && down.code === "endpoint_unreachable");
    const bad: readonly (readonly [object, RegExp])[] = [
      [{ ...CART, type: "cart" }, /types\[0\]\.type/],
      [{ ...CART, kind: "actor" }, /types\[0\]\.kind/],
      [{ ...CART, commands: [{ name: "$add" }] }, /types\[0\]\.commands\[0\]\.name/],
      [{ ...CART, commands: [{ name: "add" }, { name: "add" }] }, /names 'add' twice/],
      [{ ...CART, queries: [{ name: "add" }] }, /names 'add' twice/],
      [{ ...CART, replies: ["add"] }, /names two handlers/],
      [{ ...CART, stateVersion: 0 }, /types\[0\]\.stateVersion/],
      [{ ...CART, wishes: { history: "soon" } }, /types\[0\]\.wishes\.history/],
      [{ ...CART, wishes: { stateBytesMax: 5_000_000 } }, /types\[0\]\.wishes\.stateBytesMax/],
    ];
    for (const [type, place] of bad) {
      world.answers.set(URL_A, manifest(type));
      const refused = await registration.register(URL_A, false);
      assert.ok(refused.kind === "refused" && refused.code === "manifest_malformed", JSON.stringify(type));
      assert.match(refused.detail, place);
    }
    world.answers.set(URL_A, manifest());
    assert.equal((await registration.register(URL_A, true)).kind, "refused");
    world.answers.set(URL_A, { kind: "discovered", manifest: Buffer.from(`{"holdfast":"2","contracts":["2"],"types":[]}`) });
    const newer = await registration.register(URL_A, false);
    assert.ok(newer.kind === "refused" && newer.code === "manifest_version");
  });

  it("removes a deployment that nothing needs: not what serves, not what a rollback goes back to, nothing under way", async () => {
    const world = new World();
    world.answers.set(URL_A, manifest(CART));
    world.answers.set(URL_B, manifest(CART));
    let open = 0;
    const registration = await world.open({ openInvocations: () => open });
    const first = await registered(registration, URL_A);
    const second = await registered(registration, URL_B);
    world.answers.set(URL_A, manifest(CART, STOCK));
    const third = await registered(registration, URL_A);
    const removal = async (id: string): Promise<string> => {
      const outcome = await registration.remove(id);
      return outcome.kind === "refused" ? `${outcome.code}: ${outcome.detail}` : outcome.kind;
    };
    assert.match(await removal(third), /^deployment_in_use: .* it serves shop\/cart, shop\/stock$/);
    assert.match(await removal(second), /^deployment_in_use: .* a rollback would go back to it$/);
    open = 2;
    assert.match(await removal(first), /^deployment_in_use: .* 2 of its invocations are under way$/);
    open = 0;
    assert.match(
      await removal(first),
      /^deployment_in_use: .* other routers may still have invocations of it; try again in 20 s$/,
    );
    world.nowMs += 19_999;
    assert.match(await removal(first), /^deployment_in_use: /);
    world.nowMs += 1;
    assert.equal(await removal(first), "done");
    assert.match(await removal(first), /^deployment_not_found: /);
    const left = registration.list().map(({ id }) => id);
    assert.deepEqual(left, [second, third]);
    assert.equal((await registration.rollback()).kind, "done", "to the one that stayed");
    const again = await registration.rollback();
    assert.ok(again.kind === "refused" && again.code === "nothing_to_roll_back", "further back lies what was removed");
    assert.deepEqual(world.served, [`shop/cart@${second}`]);
    assert.equal((await world.open()).list().length, 2, "also after a restart");
  });
});

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
