/** How an incarnation joins its cluster, brings former ones to their ends and takes their shards over, by whole routers. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { CoreSettings } from "../../src/core/core-settings.js";
import type { Effect } from "../../src/core/effect.js";
import type { Input } from "../../src/core/input.js";
import { CLUSTER_KEY, type ClusterDocument, type NodeDocument, nodeKey, shardKey } from "../../src/core/ownership/documents.js";
import { RECORD_FORMAT_KNOWN } from "../../src/core/ownership/record-formats.js";
import { documentCodec } from "../../src/protocol/record/document-codec.js";
import { CoreBench } from "./core-bench.js";
import { CLUSTER_ID, codec, entryOf, Storage } from "./storage.js";

const CLUSTER: ClusterDocument = { clusterId: CLUSTER_ID, name: "shop", shards: 2, recordFormatFloor: 1 };
const LEASE = { heartbeatEveryMs: 100, leaseMs: 300, observeMs: 600 };
/** Of a descriptor that nothing has been done with. */
const FRESH = { covered: 0, ranges: [], segments: [], previous: null };

function storageWithCluster(cluster: Partial<ClusterDocument> = {}): Storage {
  const storage = new Storage();
  storage.putDocument(CLUSTER_KEY, documentCodec.encodeCluster({ ...CLUSTER, ...cluster }));
  return storage;
}

/** Steps in before the first effect alone that `answer` answers. */
function once(storage: Storage, answer: (effect: Effect) => Input | null | undefined): void {
  let isDone = false;
  storage.intercept = (effect) => {
    const input = isDone ? undefined : answer(effect);
    isDone ||= input !== undefined;
    return input;
  };
}

function refusalOf(storage: Storage, changed: Partial<CoreSettings> = {}): { readonly code: string; readonly message: string } {
  const bench = new CoreBench("me-2", storage, changed);
  bench.run();
  assert.ok(bench.ended?.kind === "refused", JSON.stringify(bench.ended));
  return bench.ended;
}

/** Keys of what was swapped, and seals, in order. */
function writes(storage: Storage): string[] {
  return storage.asked.flatMap((effect) => {
    if (effect.kind === "append") return [`seal ${effect.log}`];
    return effect.kind === "swapDocument" ? [effect.key] : [];
  });
}

describe("where nothing is stored yet", () => {
  test("the cluster is made, the node announces itself, and every shard begins at epoch 1 without a past", () => {
    const { storage } = CoreBench.started("me-2");
    const cluster = storage.documents.get(CLUSTER_KEY) ?? assert.fail();
    assert.deepEqual(documentCodec.decodeCluster(cluster.body), { ...CLUSTER, recordFormatFloor: RECORD_FORMAT_KNOWN });
    const beats = { status: "alive", counter: 0, base: 1, seal: null, startedAtMs: 1_000_000, heardAtMs: 1_000_000 };
    const place = { address: "", capacity: 1, isLeaving: false, recordFormat: RECORD_FORMAT_KNOWN };
    assert.deepEqual(storage.node("me-2"), { incarnation: "me-2", ...beats, ...place });
    for (const shard of [0, 1]) assert.deepEqual(storage.shard(shard), { shard, epoch: 1, owner: "me-2", ...FRESH });
    assert.deepEqual(writes(storage), [CLUSTER_KEY, "node/me-2", "shard/000000", "shard/000001"]);
  });

  test("who is outrun in making the cluster takes the one that is there", () => {
    const storage = new Storage();
    const clusterId = new Uint8Array(16).fill(5);
    once(storage, (effect) => {
      if (effect.kind !== "swapDocument" || effect.key !== CLUSTER_KEY) return undefined;
      storage.putDocument(CLUSTER_KEY, documentCodec.encodeCluster({ ...CLUSTER, clusterId }));
      return storage.performed(effect);
    });
    CoreBench.started("me-2", storage);
    const node = storage.documents.get(nodeKey("me-2")) ?? assert.fail();
    assert.equal(documentCodec.decodeNode(node.body, clusterId).incarnation, "me-2");
  });
});

describe("a start is refused", () => {
  test("over data of another cluster, of another number of shards, or with records of a newer format", () => {
    const { code, message } = refusalOf(storageWithCluster({ name: "till" }));
    assert.deepEqual([code, message], ["cluster_mismatch", "this data belongs to cluster 'till', the settings say 'shop'"]);
    const shards = refusalOf(storageWithCluster({ shards: 4 }));
    assert.equal(shards.code, "cluster_mismatch");
    assert.match(shards.message, /has 4 shards, the settings say 2/);
    assert.equal(refusalOf(storageWithCluster({ recordFormatFloor: RECORD_FORMAT_KNOWN + 1 })).code, "format_newer");
  });

  test("before anything is written", () => {
    const storage = storageWithCluster({ name: "till" });
    refusalOf(storage);
    assert.ok(storage.asked.every(({ kind }) => kind === "readDocument"));
  });

  test("over a log that was last heard of so long ago that its records may have expired, unless that is accepted", () => {
    const upkeep = (recordTtlMs: number): Partial<CoreSettings> => {
      const targets = { tailBytesTarget: 1 << 20, tailRecordsTarget: 1_000, tailAgeMaxMs: 10_000, dirtyBytesMax: 1 << 20 };
      return { upkeep: { ...targets, flushesMax: 2, recordTtlMs } };
    };
    const late = upkeep(100_000);
    const silent = (document: Partial<NodeDocument> = {}): Storage => {
      const storage = storageWithCluster();
      storage.record("old-1", [entryOf(0, 1, 1)]);
      storage.putNode({ incarnation: "old-1", heardAtMs: 949_999, ...document });
      storage.putShard({ shard: 0, owner: "old-1" });
      return storage;
    };
    for (const status of ["alive", "dead"] as const) {
      const storage = silent({ status });
      const { code, message } = refusalOf(storage, late);
      assert.equal(code, "records_expired");
      assert.match(message, /log old-1 .*--accept-loss old-1/);
      assert.equal(storage.node("old-1")?.status, status, "it is left as it is");
      assert.equal(storage.shard(0)?.owner, "old-1");
    }
    const accepted: [Storage, Partial<CoreSettings>][] = [
      [silent(), { ...late, acceptLossOf: ["old-1"] }],
      [silent({ heardAtMs: 950_000 }), late],
      [silent({ status: "closed", seal: 2 }), late],
      [silent(), upkeep(Infinity)],
    ];
    for (const [storage, settings] of accepted) {
      CoreBench.started("me-2", storage, settings);
      assert.equal(storage.shard(0)?.owner, "me-2");
    }
  });

  test("under the name of an incarnation that exists: a new one is begun", () => {
    const storage = storageWithCluster();
    storage.putNode({ incarnation: "me-2" });
    const bench = new CoreBench("me-2", storage);
    bench.run(1_000);
    assert.equal(bench.ended?.kind, "fenced");
  });

  test("when a former log has a record of a newer format; no shard of it is taken", () => {
    const storage = storageWithCluster();
    storage.putNode({ incarnation: "old-1" });
    storage.putShard({ shard: 0, owner: "old-1" });
    storage.record("old-1", [entryOf(0, 1, 1)]);
    const body = storage.at("old-1", 1) ?? assert.fail();
    body[3] = 9;
    assert.equal(refusalOf(storage).code, "format_newer");
    assert.equal(storage.shard(0)?.owner, "old-1");
  });
});

test("a shard that somebody else swaps between the look and the swap is looked at again, and never taken by the old look", () => {
  const storage = storageWithCluster();
  storage.putShard({ shard: 1, epoch: 4 });
  once(storage, (effect) => {
    if (effect.kind !== "swapDocument" || effect.key !== shardKey(1)) return undefined;
    storage.putShard({ shard: 1, epoch: 5, owner: null, covered: 7, ranges: [] });
    return storage.performed(effect);
  });
  CoreBench.started("me-2", storage);
  assert.deepEqual(storage.shard(1), { shard: 1, epoch: 6, owner: "me-2", ...FRESH });
});

describe("a former incarnation", () => {
  function storageWithFormer(): Storage {
    const storage = storageWithCluster();
    storage.putNode({ incarnation: "old-1", counter: 7, base: 2 });
    storage.record("old-1", [], [entryOf(0, 3, 1)], [entryOf(1, 5, 1)]);
    storage.putShard({ shard: 0, epoch: 3, owner: "old-1", covered: 0 });
    storage.putShard({ shard: 1, epoch: 5, owner: "old-1", covered: 2 });
    return storage;
  }

  function rangesAfterStart(storage: Storage): readonly (readonly object[])[] {
    CoreBench.started("me-2", storage);
    return [0, 1].map((shard) => storage.shard(shard)?.ranges ?? assert.fail());
  }

  test("is marked dead first, then sealed, then its shards are swapped; what it left becomes a closed range", () => {
    const storage = storageWithFormer();
    CoreBench.started("me-2", storage);
    const [first, second] = [storage.shard(0), storage.shard(1)];
    assert.deepEqual(first?.ranges, [{ log: "old-1", epoch: 3, from: 2, to: 4 }], "not below the base");
    assert.deepEqual(second?.ranges, [{ log: "old-1", epoch: 5, from: 3, to: 4 }], "behind what is covered");
    assert.deepEqual([first.epoch, second?.epoch], [4, 6]);
    assert.deepEqual([first.covered, second?.covered], [0, 0]);
    const node = storage.node("old-1");
    assert.deepEqual([node?.status, node?.counter, node?.base, node?.seal], ["dead", 7, 2, 4]);
    const seal = codec.decode(storage.at("old-1", 4) ?? assert.fail());
    assert.ok(seal.kind === "seal" && seal.by === "me-2");
    assert.deepEqual(writes(storage), ["node/me-2", "node/old-1", "seal old-1", "node/old-1", "shard/000000", "shard/000001"]);
  });

  test("that renews its document just before the mark lives: it is watched anew, and walked from the base that it had in the end", () => {
    const storage = storageWithFormer();
    let renewedAtMs = 0;
    const bench = new CoreBench("me-2", storage, { lease: LEASE });
    once(storage, (effect) => {
      if (effect.kind !== "swapDocument" || effect.key !== "node/old-1") return undefined;
      renewedAtMs = bench.nowMs;
      storage.putNode({ incarnation: "old-1", counter: 8, base: 3 });
      storage.logs.get("old-1")?.delete(2);
      return storage.performed(effect);
    });
    bench.run(650);
    assert.ok(renewedAtMs >= 600);
    assert.equal(storage.node("old-1")?.status, "alive");
    bench.run(500);
    assert.equal(storage.node("old-1")?.status, "alive", "the wait begins again");
    bench.run(500);
    assert.deepEqual(storage.shard(0)?.ranges, [{ log: "old-1", epoch: 3, from: 3, to: 4 }]);
    assert.equal(storage.node("old-1")?.counter, 8);
  });

  test("that is dead without a seal, because its first claimer died, is sealed by the next", () => {
    const storage = storageWithFormer();
    storage.putNode({ incarnation: "old-1", status: "dead", base: 2 });
    CoreBench.started("me-2", storage);
    assert.equal(storage.node("old-1")?.seal, 4);
  });

  test("that is sealed in its document is not walked again", () => {
    const storage = storageWithFormer();
    storage.putNode({ incarnation: "old-1", status: "dead", base: 2, seal: 3 });
    const [first, second] = rangesAfterStart(storage);
    assert.deepEqual(first, [{ log: "old-1", epoch: 3, from: 2, to: 3 }]);
    assert.deepEqual(second, [], "covered reaches to the seal");
    const reads = storage.asked.filter(({ kind }) => kind === "readRecords");
    assert.deepEqual(
      reads.map((effect) => effect.kind === "readRecords" && [effect.position, effect.countMax]),
      [[2, 1]],
      "the replay alone",
    );
    assert.ok(storage.asked.every(({ kind }) => kind !== "append"));
  });

  test("that released its shards left no range; the epoch grows all the same", () => {
    const storage = storageWithCluster();
    storage.putNode({ incarnation: "old-1", status: "closed", base: 9, seal: 9 });
    storage.putShard({ shard: 0, epoch: 3, owner: null, covered: 8 });
    CoreBench.started("me-2", storage);
    assert.deepEqual(storage.shard(0), { shard: 0, epoch: 4, owner: "me-2", ...FRESH });
  });

  test("that never got to replay keeps the ranges before its own in the descriptor, oldest first", () => {
    const storage = storageWithFormer();
    const earlier = { log: "oldest-0", epoch: 2, from: 5, to: 6 };
    storage.put("oldest-0", 5, storage.at("old-1", 1) ?? assert.fail());
    storage.putShard({ shard: 0, epoch: 3, owner: "old-1", ranges: [earlier] });
    assert.deepEqual(rangesAfterStart(storage)[0], [earlier, { log: "old-1", epoch: 3, from: 2, to: 4 }]);
  });

  test("that has no document left: nothing of its epoch exists, and nothing is sealed", () => {
    const storage = storageWithCluster();
    storage.putShard({ shard: 0, epoch: 3, owner: "ghost-1" });
    assert.deepEqual(rangesAfterStart(storage)[0], []);
    assert.ok(storage.asked.every(({ kind }) => kind !== "append"));
  });

  test("whose document is gone when it is to be marked is no obstacle", () => {
    const storage = storageWithFormer();
    once(storage, (effect) => {
      if (effect.kind !== "swapDocument" || effect.key !== "node/old-1") return undefined;
      storage.documents.delete("node/old-1");
      return storage.performed(effect);
    });
    assert.deepEqual(rangesAfterStart(storage), [[], []]);
  });

  test("is one of many: each is ended before a shard of its own is taken", () => {
    const storage = storageWithFormer();
    storage.putNode({ incarnation: "old-3" });
    storage.putShard({ shard: 1, epoch: 5, owner: "old-3" });
    for (const incarnation of ["old-4", "old-5"]) storage.putNode({ incarnation });
    CoreBench.started("me-2", storage);
    const order = writes(storage);
    for (const [shard, log] of [
      [0, "old-1"],
      [1, "old-3"],
    ] as const) {
      assert.ok(order.indexOf(`seal ${log}`) < order.lastIndexOf(nodeKey(log)), log);
      assert.ok(order.lastIndexOf(nodeKey(log)) < order.indexOf(shardKey(shard)), log);
    }
    for (const log of ["old-4", "old-5"]) assert.ok(order.includes(`seal ${log}`), "what nobody needs is ended as well");
  });

  test("that flushed after its descriptor was read, and then died, is taken over by what it left last", () => {
    const storage = storageWithFormer();
    once(storage, (effect) => {
      if (effect.kind !== "append" || effect.log !== "old-1") return undefined;
      storage.putShard({ shard: 0, epoch: 3, owner: "old-1", covered: 3 });
      return storage.performed(effect);
    });
    assert.deepEqual(rangesAfterStart(storage)[0], [], "the seal is at 4, and all before it is covered");
    assert.equal(storage.shard(0)?.epoch, 4);
  });
});
