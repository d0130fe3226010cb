import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { encodeUtf8 } from "../bytes/utf8.js";
import { planCompaction, SEGMENTS_MAX } from "./compaction-plan.js";
import type { SegmentReference } from "./segment-reference.js";

function segment(bytes: number, firstKey = "a", lastKey = "z"): SegmentReference {
  return {
    object: "s",
    bytes,
    tailBytes: 1,
    count: 1,
    tombstones: 0,
    level: 0,
    checksum: 0,
    firstKey: encodeUtf8(firstKey),
    lastKey: encodeUtf8(lastKey),
  };
}

/** Flushes and merges; what a merge writes is the sum of its inputs, but no more than `liveBytes`: the rest was dead. */
function simulate(flushes: readonly number[], liveBytes: number): { most: number; amplification: number; spaceMax: number } {
  let segments: SegmentReference[] = [];
  let flushed = 0;
  let written = 0;
  let most = 0;
  let spaceMax = 0;
  for (const bytes of flushes) {
    segments.unshift(segment(bytes));
    flushed += bytes;
    written += bytes;
    for (let plan = planCompaction(segments); plan !== null; plan = planCompaction(segments)) {
      const sum = segments.slice(plan.from, plan.from + plan.count).reduce((total, each) => total + each.bytes, 0);
      const merged = segment(Math.min(sum, liveBytes));
      written += merged.bytes;
      segments = [...segments.slice(0, plan.from), merged, ...segments.slice(plan.from + plan.count)];
    }
    most = Math.max(most, segments.length);
    spaceMax = Math.max(
      spaceMax,
      segments.reduce((total, each) => total + each.bytes, 0),
    );
  }
  return { most, amplification: written / flushed, spaceMax };
}

test("equal flushes of ever new keys are each rewritten a few times, and segments stay few", () => {
  const { most, amplification } = simulate(new Array(2_000).fill(1_000_000), Infinity);
  assert.ok(most <= 24, `${most} segments`);
  assert.ok(amplification < 8, `each byte was written ${amplification} times`);
});

test("overwriting the same keys for ever takes no more than three times their space", () => {
  const { amplification, spaceMax } = simulate(new Array(2_000).fill(1_000_000), 20_000_000);
  assert.ok(spaceMax <= 62_000_000, `${spaceMax} bytes`);
  assert.ok(amplification < 6, `each byte was written ${amplification} times`);
});

test("whatever the flushes' sizes, a manifest stays far below its limit", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 100, max: 1e8 }), { minLength: 50, maxLength: 400 }), (flushes) => {
      assert.ok(simulate(flushes, Infinity).most < SEGMENTS_MAX / 2);
    }),
    { numRuns: 100 },
  );
});

test("ever smaller flushes, which are never similar, are merged all the same", () => {
  const flushes = Array.from({ length: 60 }, (_, index) => Math.round(1e12 / 1.7 ** index));
  assert.ok(simulate(flushes, Infinity).most <= 25);
});

test("a plan is at the bottom only where nothing older overlaps its keys", () => {
  const small = [segment(10), segment(10), segment(10), segment(10)];
  assert.deepEqual(planCompaction([...small, segment(1_000)]), { from: 0, count: 4, isBottom: false });
  const apart = small.map((each) => ({ ...each, firstKey: encodeUtf8("a"), lastKey: encodeUtf8("c") }));
  assert.deepEqual(planCompaction([...apart, segment(1_000, "d", "f")]), { from: 0, count: 4, isBottom: true });
  assert.deepEqual(planCompaction(small), { from: 0, count: 4, isBottom: true });
  assert.equal(planCompaction(small.slice(1)), null);
});
