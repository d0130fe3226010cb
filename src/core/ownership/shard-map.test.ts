import assert from "node:assert/strict";
import { test } from "node:test";
import type { ShardDescriptor } from "./documents.js";
import { ShardMap } from "./shard-map.js";

function descriptor(epoch: number, owner: string | null): ShardDescriptor {
  return { shard: 1, epoch, owner, covered: 0, ranges: [], segments: [], previous: null };
}

function benched(): { readonly map: ShardMap; readonly moved: number[] } {
  const moved: number[] = [];
  return { map: new ShardMap(2, (shard) => moved.push(shard)), moved };
}

test("a shard of which nothing is known was never owned; one that does not exist neither", () => {
  const { map } = benched();
  for (const shard of [1, 5]) assert.deepEqual(map.of(shard), { epoch: 0, owner: null, standing: null, damage: null });
});

test("a descriptor that was read before what is known changes nothing; one of the same epoch is newer", () => {
  const { map, moved } = benched();
  map.seen(descriptor(4, "a-1"), "t4");
  map.seen(descriptor(3, "b-1"), "t3");
  assert.equal(map.of(1).owner, "a-1");
  assert.equal(map.of(1).standing?.token, "t4");
  map.seen({ ...descriptor(4, "a-1"), covered: 9 }, "t5");
  assert.equal(map.of(1).standing?.token, "t5");
  assert.deepEqual(moved, [1], "only the first has moved it");
});

test("what another node tells is believed where it is of a later epoch, and gives way to whatever is read", () => {
  const { map, moved } = benched();
  map.seen(descriptor(4, "a-1"), "t4");
  map.told(1, 4, "b-1");
  assert.equal(map.of(1).owner, "a-1");
  map.told(1, 6, "b-1");
  assert.deepEqual(map.of(1), { epoch: 6, owner: "b-1", standing: null, damage: null });
  map.seen(descriptor(5, "c-1"), "t5");
  assert.equal(map.of(1).owner, "c-1", "it was told wrongly, or too early");
  map.told(1_000_000, 1, "b-1");
  assert.equal(map.of(1_000_000).owner, null, "there is no such shard");
  assert.deepEqual(moved, [1, 1, 1]);
});

test("damage is told once, and gives way to what is read, of whatever epoch", () => {
  const { map } = benched();
  map.seen(descriptor(4, "a-1"), "t4");
  assert.equal(map.isAnyDamaged, false);
  assert.equal(map.damaged(1, "cut off"), true);
  assert.equal(map.damaged(1, "cut off"), false);
  map.told(1, 5, "b-1");
  assert.deepEqual(map.of(1), { epoch: 5, owner: "b-1", standing: null, damage: "cut off" });
  assert.equal(map.isAnyDamaged, true);
  map.seen(descriptor(2, null), "t2");
  assert.deepEqual([map.of(1).epoch, map.of(1).damage], [2, null], "as somebody has restored it");
  assert.equal(map.isAnyDamaged, false);
});
