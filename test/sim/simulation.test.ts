/** `npm test` runs 300 seeds; `npm run soak -- --minutes N` goes on with fresh ones, `npm run sim -- --seed N` repeats one. */
import assert from "node:assert/strict";
import { availableParallelism } from "node:os";
import { test } from "node:test";
import { runSeeds, seedsOf } from "./batch.js";
import { notCovered } from "./coverage.js";
import { printReport } from "./print-report.js";
import { simulate } from "./simulation.js";

const SEEDS = 300;
/** Each of these found something when it was new; they stay, whatever else is run. */
const REGRESSIONS = [178, 3, 5, 13, 14, 104, 121, 137];

test("whatever fails, what was acknowledged holds, and everything comes to rest", async () => {
  const threads = Math.min(4, Math.max(2, availableParallelism()));
  const { failed, counts, reports } = await runSeeds(seedsOf(1, SEEDS), threads);
  for (const report of failed.slice(0, 3)) printReport({ ...report, counts: new Map(report.counts) }, { isVerbose: false });
  assert.deepEqual(
    failed.map(({ seed }) => `npm run sim -- --seed ${seed}`),
    [],
  );
  assert.equal(reports.length, SEEDS);
  assert.deepEqual(notCovered(counts), []);
});

test("one seed, one history: seeds run twice leave equal traces", () => {
  for (const seed of REGRESSIONS.slice(0, 4)) {
    const [first, second] = [simulate(seed), simulate(seed)];
    assert.equal(first.traceHash, second.traceHash, `seed ${seed}`);
    assert.deepEqual([...first.counts], [...second.counts]);
  }
});
