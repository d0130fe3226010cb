// Run by `npm --prefix bench test`.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Histogram } from "./histogram.mjs";

test("a percentile is the recorded value, at most a sixty-fourth too high", () => {
  const sorted = Array.from({ length: 20_000 }, (_, n) => 0.001 * 1.0009 ** n).filter((ms) => ms < 4_000_000);
  const histogram = new Histogram();
  for (const ms of sorted) histogram.record(ms);
  for (const share of [0.01, 0.5, 0.9, 0.99, 0.999, 1]) {
    const exact = Math.round(sorted[Math.ceil(sorted.length * share) - 1] * 1000) / 1000;
    const found = histogram.percentile(share);
    assert.ok(found >= exact && found <= exact * (1 + 1 / 64) + 0.001, `${share}: ${found} for ${exact}`);
  }
});

test("an empty histogram has no latency, and the highest value is exact", () => {
  const histogram = new Histogram();
  assert.equal(histogram.percentile(0.99), 0);
  histogram.record(1234.567);
  assert.deepEqual(histogram.summary(), { p50Ms: 1234.567, p99Ms: 1234.567, p999Ms: 1234.567, maxMs: 1234.567 });
});
