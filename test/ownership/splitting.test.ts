import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { CoreSettings } from "../../src/core/core-settings.js";
import type { Effect } from "../../src/core/effect.js";
import { SHARD_PREFIX, type ShardDescriptor, shardKey } from "../../src/core/ownership/documents.js";
import { makerOf } from "../../src/core/ownership/segment-name.js";
import { documentCodec } from "../../src/protocol/record/document-codec.js";
import { idsOverRing, SHARDS, SplitCluster } from "./split-cluster.js";
import { CLUSTER_ID } from "./storage.js";

const IDS = idsOverRing(8, 3);
const MOVING_SEEDS = [41, 42, 43, 44];

/** Calls at random moments for so long: each sends to some entities all over the ring, now and then with a delay. */
function load(cluster: SplitCluster, forMs: number, calls: number): void {
  for (let call = 0; call < calls; call++) {
    cluster.at(cluster.random(forMs), () => {
      const any = (): string => IDS[cluster.random(IDS.length)] as string;
      const targets = Array.from({ length: 1 + cluster.random(3) }, any);
      cluster.hop(any(), [...new Set(targets)], cluster.random(5) === 0 ? 50 + cluster.random(2_000) : 0);
    });
  }
}

/** Segments come, are merged and are deleted all the time. */
const BUSY: Partial<CoreSettings> = {
  upkeep: {
    tailBytesTarget: 1 << 20,
    tailRecordsTarget: 25,
    tailAgeMaxMs: 400,
    dirtyBytesMax: 1 << 20,
    flushesMax: 2,
    recordTtlMs: Infinity,
  },
  orphans: { sweepEveryMs: 300 },
};

function started(seed: number, nodes: readonly string[], changed: Partial<CoreSettings> = {}): SplitCluster {
  const cluster = new SplitCluster(seed, changed);
  for (const node of nodes) cluster.start(node);
  assert.ok(
    cluster.run(10_000, () => cluster.isOpen()),
    "the nodes are open",
  );
  return cluster;
}

function settle(cluster: SplitCluster, generation: number): void {
  assert.ok(
    cluster.run(60_000, () => cluster.isSplitTo(generation)),
    `all shards are of generation ${generation}`,
  );
  assert.ok(cluster.rest(60_000), "everything comes to rest");
  cluster.check(IDS);
}

/** The swaps of a split, by what stands there: the halves of the first generation's shards, or one of them that is split. */
function isSwapOf(effect: Effect, what: "half" | "parent"): boolean {
  if (effect.kind !== "swapDocument" || !effect.key.startsWith(SHARD_PREFIX)) return false;
  const { lineage } = documentCodec.decodeDescriptor(effect.document.body, CLUSTER_ID);
  if (lineage === undefined) return false;
  return what === "parent" ? lineage.isSplit : !lineage.isSplit && lineage.parentEpoch !== null;
}

describe("a split under load", () => {
  for (const seed of [1, 2, 3, 4, 5]) {
    test(`of all shards of two nodes, and again, loses, doubles and overtakes no message, and fails no call (seed ${seed})`, () => {
      const cluster = started(seed, ["a-1", "b-1"]);
      load(cluster, 4_000, 400);
      cluster.at(1_000, () => cluster.split(1));
      cluster.at(2_500, () => cluster.split(2));
      cluster.run(4_000);
      settle(cluster, 2);
      assert.deepEqual(cluster.problems, []);
      for (let shard = 0; shard < SHARDS * 3; shard++) {
        const { owner, segments, lineage } = cluster.storage.shard(shard) ?? assert.fail();
        assert.deepEqual([owner, segments, lineage?.isSplit], [null, [], true], `shard ${shard}`);
      }
    });
  }

  test("of a node that is alone, asked for while it serves", () => {
    const cluster = started(11, ["a-1"]);
    load(cluster, 2_000, 150);
    cluster.at(500, () => cluster.split(1));
    cluster.run(2_000);
    settle(cluster, 1);
    assert.deepEqual(cluster.problems, []);
  });
});

describe("the owner dies in the middle of a split, and", () => {
  const steps = [
    ["before the first half is named", "before", "half", 1],
    ["behind the first half is named", "after", "half", 1],
    ["before the second half is named", "before", "half", 2],
    ["when both halves are named", "after", "half", 2],
    ["before its own descriptor says so", "before", "parent", 1],
    ["when its own descriptor says so", "after", "parent", 1],
  ] as const;
  for (const [when, moment, what, nth] of steps) {
    test(`another goes on, ${when}`, () => {
      for (const seed of [21, 22]) {
        const cluster = started(seed, ["a-1", "b-1"]);
        let left: number = nth;
        let dead: string | null = null;
        cluster[moment] = (effect, incarnation) => {
          if (dead !== null || !isSwapOf(effect, what) || --left > 0) return undefined;
          dead = incarnation;
          return "die";
        };
        load(cluster, 4_000, 200);
        cluster.at(500, () => cluster.split(1));
        cluster.run(4_000);
        assert.ok(dead !== null, "somebody died");
        settle(cluster, 1);
      }
    });
  }

  test("both owners do, and two others begin anew", () => {
    for (const seed of [31, 32, 33]) {
      const cluster = started(seed, ["a-1", "b-1"]);
      let deaths = 0;
      cluster.after = (effect) =>
        deaths < 2 && isSwapOf(effect, deaths === 0 ? "half" : "parent") && deaths++ < 2 ? "die" : undefined;
      load(cluster, 4_000, 200);
      cluster.at(500, () => cluster.split(1));
      cluster.at(1_500, () => {
        for (const { incarnation } of [...cluster.living]) cluster.kill(incarnation);
        cluster.start("c-1");
        cluster.start("d-1");
      });
      cluster.run(4_000);
      settle(cluster, 1);
    }
  });
});

describe("shards move and split at once", () => {
  test("as nodes join and die while everything is split twice", () => {
    for (const seed of MOVING_SEEDS) {
      const cluster = started(seed, ["a-1", "b-1"], BUSY);
      load(cluster, 6_000, 400);
      cluster.at(490, () => cluster.start("c-1"));
      cluster.at(500, () => cluster.split(1));
      cluster.at(1_200 + cluster.random(500), () => cluster.kill("a-1"));
      cluster.at(2_500, () => cluster.split(2));
      cluster.at(2_510 + cluster.random(400), () => cluster.start("d-1"));
      cluster.at(3_000 + cluster.random(800), () => cluster.kill("b-1"));
      cluster.run(6_000);
      settle(cluster, 2);
      cluster.run(3_000);
      const { objects } = cluster.storage.driver;
      const named = new Set<string>();
      for (let shard = 0; shard < SHARDS * 7; shard++) {
        const { segments, previous } = cluster.storage.shard(shard) ?? assert.fail(`shard ${shard} has no descriptor`);
        for (const { object } of [...segments, ...(previous?.segments ?? [])]) named.add(object);
      }
      for (const object of named) assert.ok(objects.has(object), `${object} is named and gone`);
      const left = [...objects.keys()].filter(
        (object) => (makerOf(object)?.shard ?? Infinity) < SHARDS * 3 && !named.has(object),
      );
      assert.deepEqual(left, [], "what no half needs any more is deleted");
    }
  });
});

describe("a split that comes to nothing for now", () => {
  /** Writes of segments fail, most of them, within that time. */
  function slowSnapshots(cluster: SplitCluster, fromMs: number, toMs: number): void {
    const since = cluster.nowMs;
    cluster.storage.intercept = (effect) => {
      const atMs = cluster.nowMs - since;
      if (effect.kind !== "store" || effect.effect.kind !== "writeObject" || atMs < fromMs || atMs > toMs) return undefined;
      if (cluster.random(10) < 2) return undefined;
      const { request } = effect.effect;
      const result = { kind: "refused", message: "not now" } as const;
      return { kind: "store", shard: effect.shard, input: { kind: "objectWritten", request, result } };
    };
  }

  test("serves on as before, and is made up for when the snapshot store is back", () => {
    for (const seed of [51, 52, 53, 54]) {
      const cluster = started(seed, ["a-1", "b-1"], BUSY);
      load(cluster, 7_000, 300);
      cluster.at(500, () => cluster.split(1));
      slowSnapshots(cluster, 500, 7_000);
      cluster.run(7_000);
      settle(cluster, 1);
      assert.deepEqual(cluster.problems, []);
    }
  });

  test("whose owner sleeps in the middle of it changes nothing of what the next owner has made", () => {
    for (const seed of [61, 62, 63, 64]) {
      const cluster = started(seed, ["a-1", "b-1"]);
      let isAsleep = false;
      cluster.before = (effect, incarnation) => {
        if (!isAsleep && isSwapOf(effect, "half")) {
          isAsleep = true;
          cluster.sleep(incarnation, 1_500 + cluster.random(1_000));
        }
        return undefined;
      };
      load(cluster, 5_000, 300);
      cluster.at(500, () => cluster.split(1));
      cluster.run(5_000);
      settle(cluster, 1);
    }
  });

  test("because its node is told to stop: what has begun comes to its end, and the next one goes on", () => {
    for (const seed of [71, 72, 73, 74]) {
      const cluster = started(seed, ["a-1", "b-1"]);
      load(cluster, 3_000, 200);
      cluster.at(500, () => cluster.split(1));
      cluster.at(500 + cluster.random(200), () => cluster.stop("a-1"));
      cluster.run(3_000);
      settle(cluster, 1);
      assert.equal(cluster.nodes[0]?.ended?.kind, "stopped");
    }
  });

  test("because a half's descriptor is of a later epoch, or cannot be read: it is not written over, and the shard stays whole", () => {
    const foreign: ShardDescriptor = {
      shard: SHARDS,
      epoch: 100,
      owner: "z-1",
      covered: 0,
      ranges: [],
      segments: [],
      previous: null,
      lineage: { parentEpoch: 99, isSplit: false },
    };
    const bodies = [documentCodec.encodeDescriptor(foreign, CLUSTER_ID), Uint8Array.of(1, 2, 3)];
    for (const body of bodies) {
      const cluster = started(81, ["a-1"]);
      cluster.storage.putDocument(shardKey(SHARDS), body);
      load(cluster, 6_000, 100);
      cluster.at(500, () => cluster.split(1));
      cluster.run(6_000);
      assert.ok(cluster.rest(20_000));
      cluster.check(IDS);
      assert.deepEqual(cluster.problems, []);
      assert.deepEqual(cluster.storage.documents.get(shardKey(SHARDS))?.body, body);
      assert.equal(cluster.storage.shard(0)?.owner, "a-1");
      assert.equal(cluster.storage.shard(1)?.lineage?.isSplit, true, "the other one is halved");
      cluster.storage.documents.delete(shardKey(SHARDS));
      settle(cluster, 1);
    }
  });
});
