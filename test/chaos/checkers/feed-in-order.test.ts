import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { checkFeed } from "./feed-in-order.js";

const event = (entityVersion: number, by = 1) => ({ entityVersion, name: "credited", data: { by, key: `k${entityVersion}` } });
const HISTORY = [event(1), event(2), event(3)];

describe("a feed that was followed", () => {
  it("is fine where it shows the history", () => {
    assert.deepEqual(checkFeed("feed", HISTORY, HISTORY), []);
    assert.deepEqual(checkFeed("feed", [], []), []);
  });

  it("is found out where a version is missing, comes twice, or comes too early", () => {
    assert.match(checkFeed("feed", [event(1), event(3)], HISTORY)[0] ?? "", /3 was shown where 2 was due/);
    assert.match(checkFeed("feed", [event(1), event(1), event(2)], HISTORY)[0] ?? "", /1 was shown where 2 was due/);
    assert.match(checkFeed("feed", [event(2), event(1), event(3)], HISTORY)[0] ?? "", /2 was shown where 1 was due/);
  });

  it("is found out where it shows what never was, or something else", () => {
    assert.match(checkFeed("feed", [...HISTORY, event(4)], HISTORY)[0] ?? "", /not in the history/);
    assert.match(checkFeed("feed", [event(1), event(2, 9), event(3)], HISTORY)[0] ?? "", /was shown as/);
  });

  it("is found out where it stops before the end", () => {
    assert.match(checkFeed("feed", HISTORY.slice(0, 2), HISTORY)[0] ?? "", /ended at version 2 of 3/);
  });
});
