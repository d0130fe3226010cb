import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { BOOKKEEPING_KEY } from "./bookkeeping.js";
import { cellKey } from "./cell.js";
import { eventKey } from "./event.js";
import { isInHashRange } from "./hash-range.js";
import { inboxKey } from "./inbox.js";
import { entityPrefix } from "./key-space.js";
import { outboxKey } from "./outbox.js";
import { resultKey } from "./result.js";
import { timerDueKey, timerKey } from "./timer.js";

const anyHash = fc.integer({ min: 0, max: 2 ** 32 - 1 });

test("every key of an entity lies in the range that holds its hash, and in no other", () => {
  fc.assert(
    fc.property(anyHash, anyHash, fc.nat({ max: 2 ** 40 }), (hash, limit, dueAtMs) => {
      const owner = { type: "shop/cart", id: "c1" };
      const prefix = entityPrefix(owner, hash);
      const keys = [
        cellKey(prefix),
        eventKey(prefix, 7),
        resultKey(prefix, "c"),
        inboxKey(prefix, 3),
        timerKey(prefix, "t"),
        timerDueKey({ dueAtMs, owner, name: "t" }, hash),
      ];
      for (const key of keys) {
        assert.equal(isInHashRange(key, { from: 0, to: limit }), hash < limit);
        assert.equal(isInHashRange(key, { from: limit, to: 2 ** 32 }), hash >= limit);
      }
    }),
  );
});

test("what belongs to no entity is in every range", () => {
  for (const key of [BOOKKEEPING_KEY, outboxKey(3, 5)]) assert.ok(isInHashRange(key, { from: 5, to: 6 }));
});
