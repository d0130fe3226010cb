import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { delayMs, durationMs } from "./duration.js";
import { command, entity, event, query, refuse, replyOf, serve, unchecked } from "./index.js";

const Counter = entity("demo/counter", {
  commands: { add: command({ input: unchecked<number>() }) },
  queries: { total: query() },
});

describe("contracts", () => {
  it("make messages that are plain values", () => {
    assert.deepEqual(Counter("a").add(1), {
      kind: "command",
      to: { type: "demo/counter", id: "a" },
      name: "add",
      input: 1,
      access: "public",
    });
    assert.deepEqual(JSON.parse(JSON.stringify(Counter("a").total())), {
      kind: "query",
      to: { type: "demo/counter", id: "a" },
      name: "total",
    });
  });

  it("refuse the ids that the router refuses", () => {
    for (const id of ["", ".", "..", "a\u0000", "\u0085", "\ud800", "ä".repeat(129), 7 as unknown as string]) {
      assert.throws(() => Counter(id), /no entity id/, JSON.stringify(id));
    }
    for (const id of ["a/b", "ä".repeat(128), "😀", "...", " "]) assert.equal(Counter(id).$address.id, id);
  });

  it("refuse names that are reserved or mean something to JavaScript", () => {
    for (const name of ["$x", "then", "constructor", "__proto__", "a b", "", "1st", "toJSON"]) {
      const commands = Object.fromEntries([[name, command()]]);
      assert.throws(() => entity("demo/x", { commands }), TypeError, name);
    }
    for (const type of ["demo/", "/x", "demo/a/b", "$demo/x"] as const) assert.throws(() => entity(type, {}), /no entity type/);
    assert.throws(() => entity("demo/x", { commands: { a: command() }, queries: { a: query() } }), /both a command and a query/);
    assert.throws(() => event(unchecked(), { version: 0 }), RangeError);
  });
});

describe("definitions", () => {
  it("say at the start what is missing or too much, also without types", () => {
    const value = Counter.value({ initial: () => 0 });
    const handle = value.handle as (handlers: unknown) => unknown;
    assert.throws(() => handle({}), /commands has no handler for add/);
    assert.throws(() => handle({ commands: { add: Number }, queries: { total: Number, more: Number } }), /not declared: more/);
    assert.throws(() => Counter.value({ initial: () => 0, stateVersion: 0 }).handle(undefined as never), /stateVersion/);
    assert.throws(() => Counter.value({} as never).handle(undefined as never), /initial/);
    assert.throws(
      () => Counter.value({ initial: () => 0, replies: { toJSON: replyOf(Counter, "add") } }).handle(undefined as never),
      TypeError,
    );
  });

  it("are served once for each type", async () => {
    const counter = Counter.value({ initial: () => 0 }).handle({
      commands: { add: () => undefined },
      queries: { total: () => undefined },
    });
    await assert.rejects(serve([counter, counter], { port: 0 }), /same entity type/);
    await assert.rejects(serve([], { port: 0 }), /at least one/);
  });

  it("refuse with a code of a sane length", () => {
    assert.throws(() => refuse("", "x"), RangeError);
    assert.throws(() => refuse("x".repeat(129), "x"), RangeError);
  });
});

describe("durations", () => {
  it("are read in every unit, and refused where they are none", () => {
    const texts = ["250ms", "90s", "15m", "1.5h", "7d"] as const;
    assert.deepEqual(texts.map(durationMs), [250, 90_000, 900_000, 5_400_000, 604_800_000]);
    assert.equal(durationMs(1.4), 1);
    for (const bad of ["15", "m", "-1m", "1e3s", "15 m"] as never[]) assert.throws(() => durationMs(bad), /no duration/);
    for (const bad of [-1, Number.NaN, Infinity]) assert.throws(() => durationMs(bad), /no duration/);
    assert.throws(() => delayMs("367d"), /longer than 366 days/);
  });
});
