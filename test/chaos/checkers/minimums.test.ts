import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { checkMinimum, minimumsOf } from "./minimums.js";

describe("the minimums of a run", () => {
  it("are twenty of each command and two of each fault in five minutes", () => {
    assert.deepEqual(minimumsOf(300, true), { perCommandKind: 20, perFaultKind: 2 });
    assert.deepEqual(minimumsOf(20, true), { perCommandKind: 0, perFaultKind: 0 });
  });

  it("name what came too seldom, also what never came", () => {
    const counts = new Map([
      ["kill", 3],
      ["pause", 1],
    ]);
    assert.deepEqual(checkMinimum("fault", counts, ["kill"], 2), []);
    assert.equal(checkMinimum("fault", counts, ["kill", "pause", "cut"], 2).length, 2);
  });
});
