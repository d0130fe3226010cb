import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { NO_PLAN, type NodeDocument, type PlanDocument } from "./documents.js";
import { place as placeShards } from "./placement.js";
import { ShardIds } from "./shard-ids.js";

/** Of a cluster that was never split: the owners by shard. */
function place(living: readonly NodeDocument[], plan: PlanDocument, shards: number): readonly (string | null)[] {
  const all = Array.from({ length: shards }, (_, shard) => shard);
  const owners = placeShards(living, plan, all, new ShardIds(shards));
  return all.map((shard) => owners.get(shard) ?? null);
}

function node(name: string, changed: Partial<NodeDocument> = {}): NodeDocument {
  const beats = { status: "alive", counter: 1, base: 1, seal: null, startedAtMs: 1, heardAtMs: 1 } as const;
  const address = `${name}.host:7071`;
  return { incarnation: `${name}-1`, ...beats, address, capacity: 1, isLeaving: false, recordFormat: 2, ...changed };
}

function nodes(count: number): NodeDocument[] {
  return Array.from({ length: count }, (_, index) => node(`n${index}`));
}

function countsOf(owners: readonly (string | null)[]): Map<string | null, number> {
  const counts = new Map<string | null, number>();
  for (const owner of owners) counts.set(owner, (counts.get(owner) ?? 0) + 1);
  return counts;
}

const anyShards = fc.constantFrom(8, 16, 64, 100, 256, 512);
/** Names that a cluster may have: placement hashes them. */
const anyNames = fc.uniqueArray(fc.stringMatching(/^[a-z0-9]{1,12}$/), { minLength: 1, maxLength: 12 });

describe("every shard has one owner, and no node has much more than its share", () => {
  test("of equal nodes", () => {
    fc.assert(
      fc.property(anyShards, anyNames, (shards, names) => {
        const owners = place(
          names.map((name) => node(name)),
          NO_PLAN,
          shards,
        );
        assert.equal(owners.length, shards);
        const most = Math.max(Math.ceil(shards / names.length), Math.floor((shards / names.length) * 1.1));
        for (const [owner, count] of countsOf(owners)) {
          assert.notEqual(owner, null);
          assert.ok(count <= most, `${count} of ${shards} for ${owner}, one of ${names.length}`);
        }
      }),
    );
  });

  test("of nodes of different capacity, by what each can take", () => {
    const [small, large] = [node("small"), node("large", { capacity: 3 })];
    const counts = countsOf(place([small, large], NO_PLAN, 256));
    assert.ok(Math.abs((counts.get(large.incarnation) ?? 0) - 192) <= 19, `${counts.get(large.incarnation)} of 256`);
  });
});

describe("a node that comes or goes moves few shards", () => {
  /** Shards whose owner is another one, over those that have to move at least. */
  function moved(before: readonly NodeDocument[], after: readonly NodeDocument[], shards: number): [number, number] {
    const [was, is] = [place(before, NO_PLAN, shards), place(after, NO_PLAN, shards)];
    const count = was.filter((owner, shard) => owner !== is[shard]).length;
    return [count, shards / Math.max(before.length, after.length)];
  }

  for (const shards of [64, 256, 512]) {
    test(`of ${shards} shards: 1.3 times the least possible on the average of many clusters, and never twice`, () => {
      let [all, least] = [0, 0];
      for (let count = 1; count < 12; count++) {
        for (let seed = 0; seed < 10; seed++) {
          const cluster = nodes(count).map(({ incarnation }) => node(`${incarnation}-${seed}`));
          const [moves, fewest] = moved(cluster, [...cluster, node(`new-${seed}`)], shards);
          assert.ok(moves <= 2 * fewest + 4, `${moves} moves where ${fewest} would do, ${count} nodes`);
          all += moves;
          least += fewest;
        }
      }
      assert.ok(all <= 1.3 * least, `${(all / least).toFixed(2)} times the least possible`);
    });
  }
});

test("all nodes come to the same answer, in whatever order they see one another", () => {
  fc.assert(
    fc.property(
      anyNames.chain((names) => fc.tuple(fc.constant(names), fc.shuffledSubarray(names, { minLength: names.length }))),
      anyShards,
      ([names, shuffled], shards) => {
        const all = (some: readonly string[]): NodeDocument[] => some.map((name) => node(name));
        assert.deepEqual(place(all(names), NO_PLAN, shards), place(all(shuffled), NO_PLAN, shards));
      },
    ),
  );
});

describe("who owns nothing", () => {
  const owners = (some: readonly NodeDocument[], plan: Partial<PlanDocument> = {}): Set<string | null> =>
    new Set(place(some, { ...NO_PLAN, ...plan }, 64));

  test("a node that leaves, even where nobody else is", () => {
    const [one, other] = [node("a"), node("b", { isLeaving: true })];
    assert.deepEqual(owners([one, other]), new Set(["a-1"]));
    assert.deepEqual(owners([other]), new Set([null]));
    assert.deepEqual(owners([]), new Set([null]));
  });

  test("a node that is drained, as long as another is left", () => {
    const [one, other] = [node("a"), node("b")];
    const drained = [other.address];
    assert.deepEqual(owners([one, other], { drained }), new Set(["a-1"]));
    assert.deepEqual(owners([other], { drained }), new Set(["b-1"]));
  });

  test("a node that nobody reaches, where another is reached; of such alone the one that began first has all", () => {
    const [late, early] = [node("a", { address: "", startedAtMs: 9 }), node("b", { address: "", startedAtMs: 3 })];
    assert.deepEqual(owners([late, early]), new Set(["b-1"]));
    assert.deepEqual(owners([early, late]), new Set(["b-1"]));
    assert.deepEqual(owners([late, early, node("c")]), new Set(["c-1"]));
    const twin = node("z", { address: "", startedAtMs: 3 });
    assert.deepEqual(owners([twin, early]), new Set(["b-1"]), "began at the same moment: by name");
  });

  test("a former incarnation of a process that began anew at the same address: the new one has the very same shards", () => {
    const [one, other, anew] = [node("a"), node("b"), node("b", { incarnation: "b-2", startedAtMs: 2 })];
    const before = place([one, other], NO_PLAN, 64);
    const after = place([one, other, anew], NO_PLAN, 64);
    assert.deepEqual(
      after,
      before.map((owner) => (owner === "b-1" ? "b-2" : owner)),
    );
  });
});

test("a shard that the plan places lies there as long as that node lives; the others stay within their shares", () => {
  const all = nodes(4);
  const placed = [3, 7, 9].map((shard) => [shard, "n2.host:7071"] as const);
  const owners = place(all, { drained: [], placed }, 64);
  for (const [shard] of placed) assert.equal(owners[shard], "n2-1");
  for (const count of countsOf(owners).values()) assert.ok(count <= 17, `${count}`);
  const without = place(
    all.filter(({ incarnation }) => incarnation !== "n2-1"),
    { drained: [], placed },
    64,
  );
  assert.ok(without.every((owner) => owner !== null && owner !== "n2-1"));
  const everything = Array.from({ length: 64 }, (_, shard) => [shard, "n0.host:7071"] as const);
  assert.deepEqual(countsOf(place(all, { drained: [], placed: everything }, 64)), new Map([["n0-1", 64]]));
});
