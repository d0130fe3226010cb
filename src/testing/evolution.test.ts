import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { command, entity, event, query, unchecked, type Wishes } from "../sdk/index.js";
import { testRouter } from "./index.js";

const Visits = entity("site/visits", {
  events: { came: unchecked<{ from?: string; by?: string }>() },
  commands: { come: command({ input: unchecked<string>() }) },
  queries: { show: query({ reply: unchecked<unknown>() }) },
});
const v1 = (wishes: Wishes = {}) =>
  Visits.eventSourced({ initial: () => ({ count: 0 }), ...wishes }).handle({
    apply: { came: (state) => ({ count: state.count + 1 }) },
    commands: { come: (ctx, from) => ctx.emit("came", { from }) },
    queries: { show: (state) => state },
  });
/** Counts by origin: what version 1 kept does not tell, its history does. */
const v2Refolded = Visits.eventSourced({ stateVersion: 2, initial: (): Record<string, number> => ({}) }).handle({
  apply: { came: (state, { from = "?" }) => ({ ...state, [from]: (state[from] ?? 0) + 1 }) },
  commands: { come: (ctx, from) => ctx.emit("came", { from }) },
  queries: { show: (state) => state },
});
const migrated: number[] = [];
const v2Migrated = Visits.eventSourced({
  stateVersion: 2,
  history: "none",
  initial: () => ({ total: 0 }),
  migrate(state, fromVersion) {
    migrated.push(fromVersion);
    return { total: (state as { count: number }).count };
  },
}).handle({
  apply: { came: (state) => ({ total: state.total + 1 }) },
  commands: { come: (ctx, from) => ctx.emit("came", { from }) },
  queries: { show: (state) => state },
});
const a = Visits("a");

const Note = entity("site/note", {
  commands: { write: command({ input: unchecked<string>() }) },
  queries: { read: query({ reply: unchecked<string | null>() }) },
});
const noteOptions = { initial: (): { text: string } | null => null };
const noteHandlers = {
  commands: {
    write(ctx: { state: { text: string } | null }, text: string) {
      ctx.state = { text };
    },
  },
  queries: { read: (state: { text: string } | null) => state?.text ?? null },
};

describe("definitions that change", () => {
  it("fold an event-sourced state again from history where its form changed", async () => {
    const t = await testRouter([v1()]);
    for (const from of ["x", "y", "x"]) await t.call(a.come(from));
    assert.deepEqual(await t.query(a.show()), { count: 3 });
    await t.deploy([v2Refolded]);
    assert.deepEqual(await t.query(a.show()), { x: 2, y: 1 });
    await t.call(a.come("y"));
    assert.deepEqual(await t.state(a), { x: 2, y: 2 });
  });

  it("migrate a folded state where its history is not kept", async () => {
    const t = await testRouter([v1({ history: "none" })]);
    await t.call(a.come("x"));
    await t.query(a.show());
    await t.deploy([v2Migrated]);
    await t.call(a.come("x"));
    assert.deepEqual(await t.state(a), { total: 2 });
    assert.deepEqual(migrated, [1]);
    await t.restart();
    assert.deepEqual(await t.query(a.show()), { total: 2 });
  });

  it("migrate a value", async () => {
    const t = await testRouter([Note.value(noteOptions).handle(noteHandlers)]);
    await t.call(Note("n").write("old"));
    const migrate = (state: unknown) => ({ text: `${(state as { text: string }).text}, migrated` });
    await t.deploy([Note.value({ ...noteOptions, stateVersion: 2, migrate }).handle(noteHandlers)]);
    assert.equal(await t.query(Note("n").read()), "old, migrated");
    await t.call(Note("n").write("new"));
    assert.deepEqual(await t.state(Note("n")), { text: "new" });
  });
});

describe("wishes", () => {
  it("are understood by the router, all of them", async () => {
    const wishes = {
      history: "7d",
      idempotencyRetention: "2h",
      stateTtl: "1h",
      stateBytesMax: 10_000,
      mailboxMax: 10,
      expose: ["state", "events"],
      colocation: { prefix: ":" },
      onPoison: "pause",
    } as const;
    const t = await testRouter([Note.value({ ...noteOptions, ...wishes }).handle(noteHandlers)]);
    await t.call(Note("n").write("short-lived"));
    await t.advance("59m");
    assert.equal(await t.query(Note("n").read()), "short-lived");
    await t.advance("2m");
    assert.equal(await t.query(Note("n").read()), null);
    await assert.rejects(t.call(Note("n").write("x".repeat(20_000))), { code: "state_too_large" });
  });
});

describe("versioned events", () => {
  it("tell apply which form they have, long after the form changed", async () => {
    const Temperature = (data: ReturnType<typeof event<ReturnType<typeof unchecked<number>>>>) =>
      entity("site/temperature", { events: { measured: data }, commands: { measure: command({ input: unchecked<number>() }) } })
        .eventSourced({ initial: (): number[] => [] })
        .handle({
          apply: { measured: (all, value, { eventVersion }) => [...all, eventVersion === 1 ? value : value - 273] },
          commands: { measure: (ctx, value) => ctx.emit("measured", value) },
        });
    const kelvin = Temperature(event(unchecked<number>(), { version: 2 }));
    const t = await testRouter([Temperature(event(unchecked<number>()))]);
    const message = (input: number) =>
      ({ kind: "command", to: { type: "site/temperature", id: "t" }, name: "measure", input, access: "public" }) as const;
    await t.call(message(20));
    await t.deploy([kelvin]);
    await t.call(message(294));
    await t.restart();
    assert.deepEqual(await t.state({ $address: message(0).to }), [20, 21]);
  });
});
