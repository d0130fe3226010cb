import assert from "node:assert/strict";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { cart } from "../../examples/shopping-cart/cart.js";
import { Cart, Inventory } from "../../examples/shopping-cart/contracts.js";
import { inventory } from "../../examples/shopping-cart/inventory.js";
import { payment } from "../../examples/shopping-cart/payment.js";
import { connect, type HoldfastClient, RefusedError } from "../../src/client/index.js";
import { DEFAULT_SETTINGS } from "../../src/router/config/settings.js";
import { type RunningRouter, startRouter } from "../../src/router/main.js";
import { command, entity, type FunctionServer, query, refuse, serve, unchecked } from "../../src/sdk/index.js";

const Counter = entity("demo/tally", {
  events: { added: unchecked<number>() },
  commands: { add: command({ input: unchecked<number>(), reply: unchecked<number>() }) },
  queries: { total: query({ input: unchecked<{ times: number } | undefined>(), reply: unchecked<number>() }) },
});
const counter = Counter.eventSourced({ initial: () => 0, expose: ["state", "events"] }).handle({
  apply: { added: (total, by) => total + by },
  commands: {
    add(ctx, by) {
      if (ctx.state + by < 0) throw refuse("negative", "a tally does not go below 0", { total: ctx.state });
      ctx.emit("added", by);
      return ctx.state;
    },
  },
  queries: { total: (total, input) => total * (input?.times ?? 1) },
});

const python = fileURLToPath(new URL("../../../examples/python-counter/counter.py", import.meta.url));
const hasPython = spawnSync("python3", ["--version"]).status === 0;
const SILENT = { info: () => undefined, warn: () => undefined, error: () => undefined };
const ANY_PORT = { host: "127.0.0.1", port: 0 };

describe("client, router and functions over HTTP", () => {
  let functions: FunctionServer;
  let router: RunningRouter;
  let client: HoldfastClient;

  before(async () => {
    functions = await serve([counter, cart, inventory, payment], { port: 0 });
    const memory = { kind: "memory" } as const;
    const stores = { journal: memory, snapshots: memory, directory: memory };
    router = await startRouter(
      { ...DEFAULT_SETTINGS, ...stores, listen: { ingress: ANY_PORT, admin: ANY_PORT } },
      { log: SILENT },
    );
    const registered = await router.registration.register(functions.url, false);
    assert.equal(registered.kind, "done", JSON.stringify(registered));
    client = connect(router.ingressUrl);
  });
  after(async () => {
    await router.stop();
    await functions.close();
  });

  it("calls and queries, with typed refusals", async () => {
    assert.equal(await client.call(Counter("a/ü 1").add(5)), 5);
    assert.equal(await client.query(Counter("a/ü 1").total({ times: 3 })), 15);
    const error = await client.call(Counter("a/ü 1").add(-6)).catch((thrown: unknown) => thrown);
    assert.ok(error instanceof RefusedError);
    assert.deepEqual([error.code, error.details, error.status], ["negative", { total: 5 }, 409]);
  });

  it("names the fields of input that does not fit", async () => {
    const invalid = Cart("x").add({ sku: "socks", quantity: 0, priceCents: 1 });
    const error = await client.call(invalid).catch((thrown: unknown) => thrown);
    assert.ok(error instanceof RefusedError);
    assert.deepEqual([error.code, error.status], ["invalid_input", 422]);
    assert.equal((error.details as { path: string }[])[0]?.path, "quantity");
  });

  it("shows state and history, and follows what happens", async () => {
    const one = Counter("followed");
    await client.call(one.add(1));
    assert.deepEqual(await client.state(one), { version: 1, state: 1 });
    assert.deepEqual(await client.state(Counter("untouched")), { version: 0, state: null });
    const seen: [number, number][] = [];
    for await (const event of client.events(one, { follow: true })) {
      seen.push([event.version, event.data]);
      if (seen.length === 1) await client.call(one.add(2));
      if (seen.length === 2) break;
    }
    assert.deepEqual(seen, [
      [1, 1],
      [2, 2],
    ]);
    const history = [];
    for await (const event of client.events(one, { after: 1 })) history.push(event.data);
    assert.deepEqual(history, [2]);
  });

  it("hands commands over, also for later, and tells their outcome", async () => {
    const one = Counter("sent");
    const tomorrow = await client.send(Counter("tomorrow").add(10), { delay: "1d" });
    assert.equal((await client.outcome(Counter("tomorrow"), tomorrow.commandId)).kind, "pending");
    const now = await client.send(one.add(1));
    assert.deepEqual(await client.outcome(one, now.commandId, { wait: "20s" }), { kind: "replied", reply: 1 });
    const soon = await client.send(one.add(10), { delay: "50ms" });
    assert.deepEqual(await client.outcome(one, soon.commandId, { wait: "20s" }), { kind: "replied", reply: 11 });
    await assert.rejects(client.outcome(one, "c-never"), { code: "command_not_found" });
  });

  it("takes effect once, although the answer is lost on the way again and again", async () => {
    let sent = 0;
    const lossy = connect(router.ingressUrl, {
      fetch: async (url, init) => {
        const response = await fetch(url, init);
        if (++sent % 3 === 0) return response;
        await response.arrayBuffer();
        throw new TypeError("the connection broke");
      },
    });
    for (let total = 1; total <= 5; total++) assert.equal(await lossy.call(Counter("lossy").add(1)), total);
    assert.equal(sent, 15);
    assert.equal(await client.query(Counter("lossy").total()), 5);
  });

  it("refuses one key for two different commands", async () => {
    const key = { idempotencyKey: "order-1" };
    assert.equal(await client.call(Counter("keyed").add(1), key), 1);
    assert.equal(await client.call(Counter("keyed").add(1), key), 1);
    await assert.rejects(client.call(Counter("keyed").add(2), key), { code: "idempotency_key_reused" });
  });

  it("knows no internal command and says what there is", async () => {
    const internal = { ...Inventory("socks").reserve({ quantity: 1 }), access: "public" as const };
    await assert.rejects(client.call(internal), (error: { code: string; details: unknown }) => {
      assert.equal(error.code, "unknown_command");
      assert.deepEqual((error.details as { exists: unknown }).exists, { commands: ["restock"], queries: ["left"] });
      return true;
    });
  });

  it("sells a pair of socks", async () => {
    const mine = Cart("c1");
    assert.deepEqual(await client.call(Inventory("socks").restock({ quantity: 3 })), { left: 3 });
    await client.call(mine.add({ sku: "socks", quantity: 2, priceCents: 500 }));
    const isConfirmed = async () => (await client.query(mine.view())).lines["socks"]?.confirmed === true;
    while (!(await isConfirmed())) await new Promise((resolve) => setTimeout(resolve, 5));
    assert.deepEqual(await client.call(mine.checkout()), { status: "paying", totalCents: 1_000 });
    while ((await client.query(mine.view())).status !== "paid") await new Promise((resolve) => setTimeout(resolve, 5));
    assert.deepEqual(await client.query(Inventory("socks").left()), { left: 1 });
  });

  it("runs a function in plain Python", { skip: !hasPython && "python3 is not installed" }, async () => {
    const child: ChildProcess = spawn("python3", [python, "0"], { stdio: ["ignore", "pipe", "ignore"] });
    try {
      assert.ok(child.stdout);
      const [line] = (await once(child.stdout, "data")) as [Buffer];
      const registered = await router.registration.register(/http:\S+/.exec(line.toString())?.[0] ?? "", false);
      assert.equal(registered.kind, "done", JSON.stringify(registered));
      const Plain = entity("demo/counter", {
        commands: { add: command({ input: unchecked<number>(), reply: unchecked<number>() }) },
        queries: { total: query({ reply: unchecked<number>() }) },
      });
      assert.equal(await client.call(Plain("a").add(5)), 5);
      await assert.rejects(client.call(Plain("a").add(-9)), { code: "not_possible" });
      assert.equal(await client.query(Plain("a").total()), 5);
      assert.deepEqual(await client.state(Plain("a")), { version: 1, state: 5 });
    } finally {
      child.kill();
    }
  });
});
