import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { BOOKKEEPING_KEY, decodeBookkeeping } from "../store/key-spaces/bookkeeping.js";
import type { ShardStore } from "../store/shard-store.js";
import { ShardState } from "./shard-state.js";
import { inheritedSource, streamOf, streamSource } from "./stream-source.js";

const anyShard = fc.nat({ max: 131_071 });

test("a stream has one number for whoever consumes it, from which source and target are known again", () => {
  fc.assert(
    fc.property(anyShard, anyShard, anyShard, (source, target, consumer) => {
      const number = streamSource(source, target, consumer);
      assert.deepEqual(streamOf(number, consumer), { source, target });
      assert.equal(streamSource(source, consumer, consumer), source, "as it was before there were splits");
      const ofHalf = inheritedSource(streamSource(source, consumer, consumer), consumer);
      assert.deepEqual(
        streamOf(ofHalf, target),
        { source, target: consumer },
        "whoever came from the consumer knows what was sent to it",
      );
      assert.equal(inheritedSource(ofHalf, 5), ofHalf, "halves of halves know it by the same number");
    }),
  );
});

/** A store that holds the bookkeeping and nothing else. */
function stateOf(shard: number, parent: number | null): { readonly state: ShardState; saved(): Uint8Array } {
  let saved = new Uint8Array(0);
  const store = { put: (key: Uint8Array, value: Uint8Array) => key === BOOKKEEPING_KEY && (saved = value.slice()) };
  const hashOf = (): number => 0;
  const state = new ShardState(shard, store as unknown as ShardStore, hashOf, () => null, undefined, parent);
  return { state, saved: () => saved };
}

test("a half begins with its parent's marks under the old streams' numbers, and with no numbers of its own", () => {
  const { state: parent, saved } = stateOf(3, null);
  parent.sequence = 70;
  parent.timeMs = 5_000;
  parent.nextInboxNumber = 9;
  parent.nextNumberByTarget.set(1, 40);
  for (const number of [1, 2, 4]) parent.marksOf(8).consume(number);
  for (const number of [1, 2]) parent.marksOf(3).consume(number);
  parent.results.add(3_600_000, 5);
  parent.saveBookkeeping();
  assert.equal(decodeBookkeeping(saved()).shard, undefined);

  const { state: half, saved: savedByHalf } = stateOf(22, 3);
  half.loadBookkeeping(saved());
  assert.deepEqual([half.sequence, half.timeMs, half.nextInboxNumber], [70, 5_000, 9]);
  assert.equal(half.nextNumber(1), 1);
  assert.equal(half.results.at(0), 3, "the larger part of an odd number");
  const old = half.marksOf(streamSource(8, 3, 22));
  assert.deepEqual([old.low, old.above], [3, [4]]);
  assert.equal(half.marksOf(8).low, 1, "to the half itself nobody has sent");
  assert.deepEqual([...half.marksBySource.keys()], [streamSource(8, 3, 22), 8]);
  assert.ok(half.isUnsaved, "the first flush makes it its own");

  half.saveBookkeeping();
  assert.ok(!half.isUnsaved);
  const { state: again } = stateOf(22, 3);
  again.loadBookkeeping(savedByHalf());
  assert.deepEqual([...again.marksBySource], [...half.marksBySource]);
  assert.equal(again.results.at(0), 3, "it was halved once");

  const { state: quarter } = stateOf(60, 22);
  quarter.loadBookkeeping(savedByHalf());
  assert.deepEqual(quarter.marksOf(streamSource(8, 3, 60)).low, 3);
  assert.equal(quarter.marksOf(streamSource(8, 22, 60)).low, 1);
});
