import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ResultCount } from "./result-count.js";

const HOUR = 3_600_000;

describe("the count of idempotency results", () => {
  it("counts every result until its hour is over, and none afterwards", () => {
    const results = new ResultCount();
    results.add(10);
    results.add(HOUR - 1);
    results.add(2 * HOUR);
    assert.equal(results.at(HOUR - 1), 3);
    assert.equal(results.at(HOUR), 1);
    assert.equal(results.at(2 * HOUR), 0);
  });

  it("is carried over by its entries", () => {
    const results = new ResultCount();
    for (let index = 0; index < 10; index++) results.add(index * HOUR + 1);
    const again = new ResultCount();
    for (const [expiresAtMs, count] of results.entries) again.add(expiresAtMs, count);
    for (let now = 0; now < 12; now++) assert.equal(again.at(now * HOUR), results.at(now * HOUR));
  });
});
