import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { MEMORY_ACCOUNTS, MemoryBudget } from "./memory-budget.js";

test("bytes below total less reserve are no pressure, those above shed, those above the total fill it", () => {
  const budget = new MemoryBudget(1_000, 200);
  budget.take("state", 800);
  assert.equal(budget.pressure(), "none");
  assert.equal(budget.pressure(1), "shed");
  budget.take("mailboxes", 200);
  assert.equal(budget.pressure(), "shed");
  assert.equal(budget.pressure(1), "full");
  budget.give("state", 800);
  assert.equal(budget.pressure(), "none");
});

test("a full cache is evicted before anything is shed, and says by how much", () => {
  const budget = new MemoryBudget(1_000, 200);
  budget.take("cache", 700);
  assert.equal(budget.cacheExcessBytes, 0);
  budget.take("state", 500);
  assert.equal(budget.pressure(), "evict");
  assert.equal(budget.cacheExcessBytes, 400);
  budget.give("cache", 400);
  assert.equal(budget.pressure(), "none");
  budget.take("state", 301);
  assert.equal(budget.pressure(), "shed");
  assert.equal(budget.cacheExcessBytes, 300);
});

test("giving more than an account holds is a broken invariant", () => {
  const budget = new MemoryBudget(1_000, 200);
  budget.take("feeds", 5);
  assert.throws(() => budget.give("feeds", 6), { name: "BrokenInvariant" });
  assert.throws(() => budget.give("state", 1), { name: "BrokenInvariant" });
  assert.equal(budget.bytes, 5);
});

test("relief is told from the rate at which bytes were given back", () => {
  const budget = new MemoryBudget(10_000, 1_000);
  budget.take("uncommitted", 1_000_000);
  budget.passed(0);
  assert.equal(budget.reliefMs(0), null);
  for (let ms = 10; ms <= 5_000; ms += 10) {
    budget.give("uncommitted", 100);
    budget.passed(ms);
  }
  const expected = (950_000 - 9_000) / 10;
  assert.ok(Math.abs((budget.reliefMs(0) ?? 0) / expected - 1) < 0.05, `${budget.reliefMs(0)} of ${expected}`);
});

test("a rate of long ago is forgotten in a quiet time", () => {
  const budget = new MemoryBudget(10_000, 1_000);
  budget.take("uncommitted", 30_000);
  budget.passed(0);
  budget.give("uncommitted", 10_000);
  budget.passed(100);
  const before = budget.reliefMs(0) ?? 0;
  budget.passed(60_000);
  assert.ok((budget.reliefMs(0) ?? 0) > 100 * before);
});

test("the accounts always sum up to the whole, whatever is taken and given", () => {
  const steps = fc.array(fc.tuple(fc.constantFrom(...MEMORY_ACCOUNTS), fc.integer({ min: 0, max: 5_000 }), fc.boolean()));
  fc.assert(
    fc.property(steps, (taken) => {
      const budget = new MemoryBudget(10_000, 1_000);
      for (const [account, bytes, isTake] of taken) {
        if (isTake) budget.take(account, bytes);
        else budget.give(account, Math.min(bytes, budget.bytesOf(account)));
        const sum = MEMORY_ACCOUNTS.reduce((total, each) => total + budget.bytesOf(each), 0);
        assert.equal(sum, budget.bytes);
        const fixed = sum - budget.bytesOf("cache");
        assert.equal(budget.pressure() === "full", fixed > 10_000);
        assert.equal(budget.pressure() === "none", sum <= 9_000);
        assert.equal(sum - budget.cacheExcessBytes <= 9_000, fixed <= 9_000);
      }
    }),
  );
});
