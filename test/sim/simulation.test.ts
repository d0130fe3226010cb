/** `npm test` runs 300 seeds; `npm run soak -- --minutes N` goes on with fresh ones, `npm run sim -- --seed N` repeats one. */
import assert from "node:assert/strict";
import { availableParallelism } from "node:os";
import { test } from "node:test";
import { runSeeds } from "./batch.js";
import { notCovered, notMetBy } from "./coverage.js";
import { printReport } from "./print-report.js";

const SEEDS = 300;
/** Each of these found something when it was new; they stay, whatever else is run, and run twice. */
const REGRESSIONS = [3, 5, 7, 13, 14, 104, 121, 137, 178];

const once = Array.from({ length: SEEDS }, (_, index) => index + 1);
const seeds = [...once, ...REGRESSIONS].values();
/** All in one batch: a second run has the other's warm threads, and need not be the same one's. */
const batch = runSeeds(() => seeds.next().value ?? null, Math.min(4, Math.max(2, availableParallelism())));

test("whatever fails, what was acknowledged holds, and everything comes to rest", async () => {
  const { failed, reports } = await batch;
  for (const report of failed.slice(0, 3)) printReport({ ...report, counts: new Map(report.counts) }, { isVerbose: false });
  assert.deepEqual(
    failed.map(({ seed }) => `npm run sim -- --seed ${seed}`),
    [],
  );
  assert.deepEqual(new Set(reports.map(({ seed }) => seed)), new Set(once));
});

test("every seed runs enough, and meets enough; all of them together meet everything", async () => {
  const { counts, reports } = await batch;
  assert.deepEqual(
    reports.flatMap((report) => notMetBy(report.shape, new Map(report.counts)).map((what) => `seed ${report.seed}: ${what}`)),
    [],
  );
  assert.deepEqual(notCovered(counts), []);
});

test("one seed, one history: seeds run twice leave equal traces", async () => {
  const { reports } = await batch;
  for (const seed of REGRESSIONS) {
    const [first, second, ...others] = reports.filter((report) => report.seed === seed);
    assert.ok(first !== undefined && second !== undefined && others.length === 0);
    assert.equal(first.traceHash, second.traceHash, `seed ${seed}`);
    assert.deepEqual(first.counts, second.counts, `seed ${seed}`);
  }
});
