import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { checkFields } from "./expected-equals-actual.js";

const tally = { count: 7, hops: 1, rung: 2, early: 0, timers: {} };

describe("expected equals actual", () => {
  it("has nothing to say where they are equal, nor of an entity that was never changed", () => {
    assert.deepEqual(checkFields("chaos/tally/a", { count: 7, hops: 1, rung: 2 }, tally), []);
    assert.deepEqual(checkFields("chaos/tally/a", {}, null), []);
    assert.deepEqual(checkFields("chaos/note/a", { digest: "" }, null), []);
  });

  it("finds what is lost, and what is doubled", () => {
    assert.deepEqual(checkFields("chaos/tally/a", { count: 8, hops: 1, rung: 2 }, tally), ["chaos/tally/a: count is 7, not 8"]);
    assert.deepEqual(checkFields("chaos/tally/a", { count: 6, hops: 1, rung: 2 }, tally), ["chaos/tally/a: count is 7, not 6"]);
    assert.deepEqual(checkFields("chaos/answerer/a", { given: 3 }, null), ["chaos/answerer/a: given is 0, not 3"]);
  });

  it("finds effects of what was refused, where nothing is expected", () => {
    assert.equal(checkFields("chaos/tally/a", {}, { ...tally, count: 1_000_000, hops: 0, rung: 0 }).length, 1);
  });

  it("finds timers that rang early, and that never rang", () => {
    const expected = { count: 7, hops: 1, rung: 2 };
    assert.match(checkFields("chaos/tally/a", expected, { ...tally, early: 1 })[0] ?? "", /early is 1/);
    assert.match(checkFields("chaos/tally/a", expected, { ...tally, timers: { t: { by: 1 } } })[0] ?? "", /timer t/);
  });

  it("finds another text than the one written last", () => {
    assert.equal(checkFields("chaos/note/a", { digest: "new" }, { digest: "old", text: "" }).length, 1);
  });
});
