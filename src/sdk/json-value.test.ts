import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { jsonCopy, sealState } from "./json-value.js";

function isFrozenThrough(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return true;
  return Object.isFrozen(value) && Object.values(value).every(isFrozenThrough);
}

describe("states", () => {
  it("are frozen all the way down, and any JSON value is one", () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 6 }), (value) => {
        const text = JSON.stringify(value);
        sealState(value);
        assert.ok(isFrozenThrough(value));
        assert.equal(JSON.stringify(value), text);
      }),
    );
  });

  it("are refused where JSON cannot write them, with the place", () => {
    const circle: Record<string, unknown> = { name: "c" };
    circle["within"] = { list: [circle] };
    let deep: unknown = 1;
    for (let level = 0; level < 200; level++) deep = [deep];
    const bad: [unknown, RegExp][] = [
      [{ at: new Date(0) }, /state\.at is a Date/],
      [{ list: [new Map()] }, /state\.list\[0\] is a Map/],
      [{ n: 1n }, /state\.n is a bigint/],
      [{ f: () => 1 }, /state\.f is a function/],
      [{ n: Number.NaN }, /state\.n is NaN/],
      [[Infinity], /state\[0\] is Infinity/],
      [circle, /state\.within\.list\[0\] leads back/],
      [deep, /nested deeper than 128/],
    ];
    for (const [value, words] of bad) assert.throws(() => sealState(value), words);
  });

  it("may hold one thing twice, and things without a prototype", () => {
    const shared = { a: 1 };
    const state = { left: shared, right: [shared, shared], bare: Object.assign(Object.create(null) as object, { b: 1 }) };
    assert.equal(JSON.stringify(sealState(state)), `{"left":{"a":1},"right":[{"a":1},{"a":1}],"bare":{"b":1}}`);
  });
});

describe("copies", () => {
  it("are what a reader will see", () => {
    assert.deepEqual(jsonCopy({ a: undefined, at: new Date(0), list: [undefined] }, "it"), {
      at: "1970-01-01T00:00:00.000Z",
      list: [null],
    });
    for (const bad of [1n, Number.NaN, () => 1, Symbol("s"), { n: 1n }])
      assert.throws(() => jsonCopy(bad, "the input"), /the input is/);
  });
});
