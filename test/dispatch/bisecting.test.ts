import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { InvocationEnd } from "../../src/core/entity/invocation.js";
import { CUT, DispatchSimulation, deployment, randomFrom, runnable, UNREACHABLE } from "./dispatch-simulation.js";
import { healthyScript } from "./scripted-function.js";

interface Bisection {
  readonly faultedKeys: readonly string[];
  readonly finishedKeys: ReadonlySet<string>;
  readonly failedInvocations: number;
  readonly largestFailed: readonly number[];
}

/** Entities of which some break every invocation they are in, offered together. A shard drops what is found at fault. */
function bisect(size: number, poison: ReadonlySet<number>, end: InvocationEnd, seed: number | null): Bisection {
  const faultedKeys: string[] = [];
  const finishedKeys = new Set<string>();
  const largestFailed: number[] = [];
  const random = seed === null ? null : randomFrom(seed);
  const simulation: DispatchSimulation = new DispatchSimulation(
    {
      invoke(batch) {
        const isBroken = batch.members.some((member) => poison.has(Number(member.runnable.key.slice(1))));
        if (!isBroken) return healthyScript(batch, () => 0);
        largestFailed.push(batch.members.length);
        return { results: [], end, endAfterMs: 1 };
      },
      finished: ({ key }) => void finishedKeys.add(key),
      judged(each, verdict) {
        if (verdict.kind === "faulted") faultedKeys.push(each.key);
        // Shards may offer again at once, in any order: here after a time drawn from the seed.
        else simulation.at(simulation.nowMs + (random === null ? 0 : random() * 3), () => simulation.offer(each));
      },
    },
    [deployment("d1", ["t/a"])],
    // The first batch is to hold them all.
    { batchTargetMs: 1_000 },
  );
  for (let n = 0; n < size; n++) simulation.offer(runnable(`e${n}`));
  simulation.runUntil(120_000);
  return { faultedKeys, finishedKeys, failedInvocations: largestFailed.length, largestFailed };
}

test("wherever one of 64 entities breaks its invocation, it is found in log2 failures + 1, and it alone is at fault", () => {
  for (let guilty = 0; guilty < 64; guilty++) {
    const { faultedKeys, finishedKeys, failedInvocations, largestFailed } = bisect(64, new Set([guilty]), CUT, null);
    assert.deepEqual(faultedKeys, [`e${guilty}`]);
    assert.equal(finishedKeys.size, 63);
    assert.equal(failedInvocations, 7);
    assert.deepEqual(largestFailed, [64, 32, 16, 8, 4, 2, 1]);
  }
});

test("however many break theirs, and however late they are offered again, only they are at fault and all others finish", () => {
  const ends: InvocationEnd[] = [
    CUT,
    { kind: "timeout", message: "late" },
    { kind: "malformed", code: "bad", message: "not JSON" },
  ];
  const cases = fc.record({
    size: fc.integer({ min: 1, max: 64 }),
    // Fewer than a sick endpoint would show: that case is told apart in outage.test.ts.
    poison: fc.uniqueArray(fc.integer({ min: 0, max: 63 }), { minLength: 0, maxLength: 3 }),
    end: fc.constantFrom(...ends),
    seed: fc.integer(),
  });
  fc.assert(
    fc.property(cases, ({ size, poison, end, seed }) => {
      const guilty = poison.filter((n) => n < size);
      const { faultedKeys, finishedKeys } = bisect(size, new Set(guilty), end, seed);
      assert.deepEqual(new Set(faultedKeys), new Set(guilty.map((n) => `e${n}`)));
      assert.equal(finishedKeys.size, size - guilty.length);
    }),
    { numRuns: 300 },
  );
});

test("while suspects are bisected the others go on", () => {
  let guiltyRuns = 0;
  let othersFinished = 0;
  const simulation: DispatchSimulation = new DispatchSimulation(
    {
      invoke(batch) {
        if (!batch.members.some((member) => member.runnable.key === "guilty")) return healthyScript(batch, () => 0);
        guiltyRuns++;
        return { results: [], end: { kind: "timeout", message: "30 s" }, endAfterMs: 30_000 };
      },
      finished(each) {
        othersFinished++;
        simulation.offer(each);
      },
      judged: (each) => simulation.offer(each),
    },
    [deployment("d1", ["t/a"])],
  );
  simulation.offer(runnable("guilty"));
  for (let n = 1; n < 16; n++) simulation.offer(runnable(`e${n}`));
  // These come while the broken invocation hangs, and are suspected of nothing.
  simulation.at(10, () => {
    for (let n = 100; n < 116; n++) simulation.offer(runnable(`e${n}`));
  });
  simulation.runUntil(61_000);
  assert.equal(guiltyRuns, 3);
  assert.ok(othersFinished > 16 * 50_000 * 0.5, `${othersFinished}`);
});

test("a crash that takes other invocations of its process along never counts against them", () => {
  const faults = new Map<string, number>();
  let finished = 0;
  const random = randomFrom(3);
  // Every invocation open at the time of a crash is cut, so it is played by hand: ends are decided when they come.
  let crashAtMs = -1;
  const simulation: DispatchSimulation = new DispatchSimulation(
    {
      invoke(batch, nowMs) {
        if (nowMs < crashAtMs) return { results: [], end: CUT, endAfterMs: crashAtMs - nowMs };
        if (batch.members.some((member) => member.runnable.key === "guilty")) {
          crashAtMs = nowMs + 2;
          return { results: [], end: CUT, endAfterMs: 2 };
        }
        if (nowMs < crashAtMs + 5 && crashAtMs > 0) return { results: [], end: UNREACHABLE, endAfterMs: 0.1 };
        return healthyScript(batch, () => 0);
      },
      finished(each) {
        finished++;
        simulation.at(simulation.nowMs + random() * 2, () => simulation.offer(each));
      },
      judged(each, verdict) {
        if (verdict.kind === "faulted") faults.set(each.key, (faults.get(each.key) ?? 0) + 1);
        const attempts = faults.get(each.key) ?? 0;
        if (attempts < 3) simulation.offer(runnable(each.key, { isSuspect: attempts > 0 }));
      },
    },
    [deployment("d1", ["t/a"])],
  );
  for (let n = 0; n < 100; n++) simulation.offer(runnable(`e${n}`));
  simulation.at(500, () => simulation.offer(runnable("guilty")));
  simulation.runUntil(5_000);
  assert.deepEqual([...faults], [["guilty", 3]]);
  assert.ok(finished > 100_000, `${finished}`);
});

test("requests that cannot be sent say nothing of the endpoint: each is found at fault, and the others go on at once", () => {
  const end: InvocationEnd = { kind: "malformed", code: "request_too_large", message: "7 MB" };
  const poison = new Set([3, 11, 19, 27, 35, 43, 51, 59]);
  const { faultedKeys, finishedKeys } = bisect(64, poison, end, null);
  assert.deepEqual(new Set(faultedKeys), new Set([...poison].map((n) => `e${n}`)));
  assert.equal(finishedKeys.size, 56);
  const outages: (string | null)[] = [];
  const simulation: DispatchSimulation = new DispatchSimulation(
    {
      invoke: () => {
        outages.push(simulation.dispatcher.outageOf("t/a"));
        return { results: [], end, endAfterMs: 1 };
      },
      finished: () => assert.fail("nothing fits"),
      judged: (each, verdict) => (verdict.kind === "suspected" ? simulation.offer(each) : assert.equal(verdict.kind, "faulted")),
    },
    [deployment("d1", ["t/a"])],
  );
  for (let n = 0; n < 20; n++) simulation.offer(runnable(`e${n}`));
  simulation.runUntil(10_000);
  assert.deepEqual([simulation.waitingCount, simulation.runningKeys.length], [0, 0]);
  assert.deepEqual(new Set(outages), new Set([null]));
});
