import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { MomentHeap } from "./moment-heap.js";

test("items come out by their moments, each once and none before its time, whatever is pushed in between", () => {
  const moment = fc.nat({ max: 20 });
  const action = fc.oneof(
    moment.map((at) => ({ kind: "push" as const, at })),
    moment.map((at) => ({ kind: "pop" as const, at })),
  );
  fc.assert(
    fc.property(fc.array(action, { maxLength: 200 }), (actions) => {
      const heap = new MomentHeap<{ readonly at: number }>();
      const model: { readonly at: number }[] = [];
      for (const { kind, at } of actions) {
        if (kind === "push") {
          const item = { at };
          heap.push(at, item);
          model.push(item);
        } else {
          const earliest = Math.min(...model.map((item) => item.at));
          const popped = heap.popDue(at);
          assert.equal(popped?.at, earliest <= at ? earliest : undefined);
          if (popped !== undefined) {
            assert.ok(model.includes(popped));
            model.splice(model.indexOf(popped), 1);
          }
        }
        assert.equal(heap.size, model.length);
        assert.equal(heap.first, model.length === 0 ? null : Math.min(...model.map((item) => item.at)));
      }
    }),
    { numRuns: 300 },
  );
});

test("an empty heap has no first moment and nothing that is due", () => {
  const heap = new MomentHeap<string>();
  assert.equal(heap.first, null);
  assert.equal(heap.popDue(Infinity), undefined);
  heap.push(Infinity, "never");
  assert.equal(heap.popDue(1e15), undefined);
});
