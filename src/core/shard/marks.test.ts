import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Marks } from "./marks.js";

test("a number is consumed when it was, whatever the order; low never passes one that was not, and above holds no more than it must", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 30 }), { maxLength: 60 }), fc.nat({ max: 59 }), (numbers, restartAt) => {
      let marks = new Marks();
      const consumed = new Set<number>();
      for (const [index, number] of numbers.entries()) {
        if (index === restartAt) marks = new Marks(marks.low, marks.above);
        marks.consume(number);
        consumed.add(number);
        for (let one = 1; one <= 31; one++) assert.equal(marks.has(one), consumed.has(one), `${one}`);
        assert.ok(!consumed.has(marks.low));
        assert.equal(marks.low - 1 + marks.above.length, consumed.size, "each number is held once");
      }
    }),
  );
});

test("in order nothing is held above the low mark", () => {
  const marks = new Marks();
  for (let number = 1; number <= 1_000; number++) marks.consume(number);
  assert.deepEqual([marks.low, marks.above], [1_001, []]);
});
