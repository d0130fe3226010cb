import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { shardOfHash } from "../entity/address.js";
import { ShardIds } from "./shard-ids.js";

const anyShards = fc.integer({ min: 1, max: 300 });
const anyGeneration = fc.integer({ min: 0, max: 7 });
const anyHash = fc.integer({ min: 0, max: 2 ** 32 - 1 });

test("generation 0 has the ids of a cluster that was never split", () => {
  fc.assert(
    fc.property(anyShards, anyHash, (shards, hash) => {
      const ids = new ShardIds(shards);
      const shard = ids.atHash(0, hash);
      assert.equal(shard, shardOfHash(hash, shards));
      assert.deepEqual([ids.generationOf(shard), ids.parentOf(shard), ids.placementOf(shard)], [0, null, shard]);
    }),
  );
});

test("no id is given twice, and each generation begins where the one before ends", () => {
  for (const shards of [1, 3, 16]) {
    const ids = new ShardIds(shards);
    let next = 0;
    for (let generation = 0; generation < 5; generation++) {
      for (let index = 0; index < shards * 2 ** generation; index++, next++) {
        assert.equal(ids.generationOf(next), generation);
        assert.equal(ids.atHash(generation, ids.hashesOf(next).from), next);
      }
    }
  }
});

test("two children share the range of their parent, and nothing beside it", () => {
  fc.assert(
    fc.property(anyShards, anyGeneration, anyHash, (shards, generation, hash) => {
      const ids = new ShardIds(shards);
      const shard = ids.atHash(generation, hash);
      const { from, to } = ids.hashesOf(shard);
      assert.ok(from <= hash && hash < to);
      const [lower, upper] = ids.childrenOf(shard);
      assert.deepEqual([ids.parentOf(lower), ids.parentOf(upper)], [shard, shard]);
      assert.equal(ids.hashesOf(lower).from, from);
      assert.equal(ids.hashesOf(lower).to, ids.hashesOf(upper).from);
      assert.equal(ids.hashesOf(upper).to, to);
      assert.equal(ids.atHash(generation + 1, hash), hash < ids.hashesOf(lower).to ? lower : upper);
      assert.ok(lower > shard, "a listing in the order of the keys shows a parent before its children");
      assert.equal(ids.placementOf(lower), ids.placementOf(shard));
      assert.equal(ids.placementOf(upper), upper);
    }),
  );
});

test("the ancestors of a shard are those whose range holds its own, nearest first", () => {
  fc.assert(
    fc.property(anyShards, anyGeneration, anyHash, (shards, generation, hash) => {
      const ids = new ShardIds(shards);
      const shard = ids.atHash(generation, hash);
      const expected = Array.from({ length: generation }, (_, at) => ids.atHash(generation - 1 - at, hash));
      assert.deepEqual([...ids.ancestorsOf(shard)], expected);
      for (const ancestor of expected) assert.ok(ids.isAncestor(ancestor, shard) && !ids.isAncestor(shard, ancestor));
      assert.ok(!ids.isAncestor(shard, shard));
    }),
  );
});

test("a cluster may have 65,536 shards, and no more", () => {
  assert.ok(new ShardIds(256).isAllowed(8));
  assert.ok(!new ShardIds(256).isAllowed(9));
  assert.ok(!new ShardIds(65_536).isAllowed(1));
  assert.ok(!new ShardIds(3).isAllowed(15));
});
