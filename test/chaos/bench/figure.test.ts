import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { p99Row, percentiles } from "./figure.js";

describe("percentiles of what was measured", () => {
  it("are values that were measured", () => {
    const hundred = Array.from({ length: 100 }, (_, index) => 100 - index);
    assert.deepEqual(percentiles(hundred), { count: 100, p50: 50, p99: 99, max: 100 });
    assert.deepEqual(percentiles([7]), { count: 1, p50: 7, p99: 7, max: 7 });
  });

  it("of 40 events: the p99 is the worst of them", () => {
    const forty = Array.from({ length: 40 }, (_, index) => index + 1);
    assert.equal(percentiles(forty).p99, 40);
    assert.equal(p99Row("it", percentiles(forty), 39).isMet, false);
    assert.equal(p99Row("it", percentiles(forty), 40).isMet, true);
  });
});
