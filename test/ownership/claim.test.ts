import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Effect } from "../../src/core/effect.js";
import type { Input } from "../../src/core/input.js";
import { type Claimed, type ClaimSettings, claim, RECORD_FORMAT_KNOWN } from "../../src/core/ownership/claim.js";
import { CLUSTER_KEY, type ClusterDocument, type NodeDocument, nodeKey, shardKey } from "../../src/core/ownership/documents.js";
import { OwnNode } from "../../src/core/ownership/own-node.js";
import { documentCodec } from "../../src/protocol/record/document-codec.js";
import { recordCodec } from "../../src/protocol/record/record-codec.js";
import { ClientBench } from "./client-bench.js";
import { CLUSTER_ID, codec, entryOf } from "./storage.js";

const SETTINGS: ClaimSettings = {
  incarnation: "me-2",
  clusterName: "shop",
  shards: 2,
  freshClusterId: CLUSTER_ID,
  recordTtlMs: Infinity,
  acceptLossOf: [],
  lease: null,
};
const CLUSTER: ClusterDocument = { clusterId: CLUSTER_ID, name: "shop", shards: 2, recordFormatFloor: 1 };

function claiming(
  bench: ClientBench,
  { nowMs = 1_000.7, ...settings }: Partial<ClaimSettings> & { readonly nowMs?: number } = {},
): Claimed[] {
  const claimed: Claimed[] = [];
  const merged = { ...SETTINGS, ...settings };
  const ownNode = new OwnNode(merged.incarnation, merged.lease, {
    client: bench.client,
    codec: documentCodec,
    nextToken: () => bench.nextToken(),
    lost: () => bench.refuse("fenced", "declared dead"),
  });
  ownNode.moveTo({ wallMs: nowMs, monotonicMs: 0 });
  claim(
    merged,
    {
      client: bench.client,
      codec: documentCodec,
      ownNode,
      recordCodec,
      nextToken: () => bench.nextToken(),
      nextNonce: () => bench.nextNonce(),
      refuse: (code, message) => bench.refuse(code, message),
      standingBy: () => undefined,
    },
    (result) => claimed.push(result),
  );
  return claimed;
}

function claimed(bench: ClientBench, settings: Partial<ClaimSettings> = {}): Claimed {
  const ends = claiming(bench, settings);
  bench.settle();
  assert.deepEqual(bench.refusals, []);
  assert.equal(ends.length, 1);
  return ends[0] ?? assert.fail();
}

function benchWithCluster(cluster: Partial<ClusterDocument> = {}): ClientBench {
  const bench = new ClientBench();
  bench.storage.putDocument(CLUSTER_KEY, documentCodec.encodeCluster({ ...CLUSTER, ...cluster }));
  return bench;
}

/** As `intercept`, for the first effect alone that `answer` answers. */
function once(bench: ClientBench, answer: (effect: Effect) => Input | null | undefined): void {
  let isDone = false;
  bench.storage.intercept = (effect) => {
    const input = isDone ? undefined : answer(effect);
    isDone ||= input !== undefined;
    return input;
  };
}

describe("where nothing is stored yet", () => {
  test("the cluster is made, the node announces itself, and every shard begins at epoch 1 without a past", () => {
    const bench = new ClientBench();
    const { cluster, shards, formerNodes } = claimed(bench);
    assert.deepEqual(cluster, { ...CLUSTER, recordFormatFloor: RECORD_FORMAT_KNOWN });
    const alive = { incarnation: "me-2", status: "alive", counter: 0, base: 1, seal: null, startedAtMs: 1_000, heardAtMs: 1_000 };
    assert.deepEqual(bench.storage.node("me-2"), alive);
    for (const [shard, { descriptor, token }] of shards.entries()) {
      assert.deepEqual(descriptor, { shard, epoch: 1, owner: "me-2", covered: 0, ranges: [], segments: [] });
      assert.deepEqual(bench.storage.shard(shard), descriptor);
      assert.equal(bench.storage.documents.get(shardKey(shard))?.token, token);
    }
    assert.equal(shards.length, 2);
    assert.deepEqual(formerNodes, []);
  });

  test("who is outrun in making the cluster takes the one that is there", () => {
    const bench = new ClientBench();
    const other = { ...CLUSTER, clusterId: new Uint8Array(16).fill(5) };
    once(bench, (effect) => {
      if (effect.kind !== "swapDocument" || effect.key !== CLUSTER_KEY) return undefined;
      bench.storage.putDocument(CLUSTER_KEY, documentCodec.encodeCluster(other));
      return bench.storage.performed(effect);
    });
    const ends = claiming(bench);
    bench.settle();
    assert.deepEqual(ends[0]?.cluster, other);
  });
});

describe("a start is refused", () => {
  const refusalOf = (
    bench: ClientBench,
    settings: Partial<ClaimSettings> = {},
  ): { readonly code: string; readonly message: string } => {
    const ends = claiming(bench, settings);
    bench.settle();
    assert.deepEqual(ends, []);
    assert.equal(bench.refusals.length, 1);
    return bench.refusals[0] ?? assert.fail();
  };

  test("over data of another cluster, of another number of shards, or with records of a newer format", () => {
    assert.deepEqual(refusalOf(benchWithCluster({ name: "till" })), {
      code: "cluster_mismatch",
      message: "this data belongs to cluster 'till', the settings say 'shop'",
    });
    const shards = refusalOf(benchWithCluster({ shards: 4 }));
    assert.equal(shards.code, "cluster_mismatch");
    assert.match(shards.message, /has 4 shards, the settings say 2/);
    assert.equal(refusalOf(benchWithCluster({ recordFormatFloor: RECORD_FORMAT_KNOWN + 1 })).code, "format_newer");
  });

  test("over a log that was last heard of so long ago that its records may have expired, unless that is accepted", () => {
    const late = { nowMs: 100_000, recordTtlMs: 100_000 };
    const silent = (document: Partial<NodeDocument> = {}): ClientBench => {
      const bench = benchWithCluster();
      bench.storage.record("old-1", [entryOf(0, 1, 1)]);
      bench.storage.putNode({ incarnation: "old-1", heardAtMs: 49_999, ...document });
      return bench;
    };
    for (const status of ["alive", "dead"] as const) {
      const bench = silent({ status });
      const { code, message } = refusalOf(bench, late);
      assert.equal(code, "records_expired");
      assert.match(message, /log old-1 .*--accept-loss old-1/);
      assert.equal(bench.storage.node("old-1")?.status, status, "it is left as it is");
    }
    assert.equal(claimed(silent(), { ...late, acceptLossOf: ["old-1"] }).formerNodes.length, 1);
    assert.equal(claimed(silent({ heardAtMs: 50_000 }), late).formerNodes.length, 1);
    assert.equal(claimed(silent({ status: "closed", seal: 2 }), late).formerNodes.length, 1, "its end is known");
    assert.equal(claimed(silent(), { ...late, recordTtlMs: Infinity }).formerNodes.length, 1);
  });

  test("before anything is written", () => {
    const bench = benchWithCluster({ name: "till" });
    refusalOf(bench);
    assert.ok(bench.storage.asked.every(({ kind }) => kind === "readDocument"));
  });

  test("under the name of an incarnation that exists", () => {
    const bench = benchWithCluster();
    bench.storage.putNode({ incarnation: "me-2" });
    assert.equal(refusalOf(bench).code, "fenced");
  });

  test("when a shard is swapped by somebody else between the look and the swap", () => {
    const bench = benchWithCluster();
    bench.storage.putShard({ shard: 1, epoch: 4 });
    once(bench, (effect) => {
      if (effect.kind !== "swapDocument" || effect.key !== shardKey(1)) return undefined;
      bench.storage.putShard({ shard: 1, epoch: 5, owner: "other" });
      return bench.storage.performed(effect);
    });
    assert.equal(refusalOf(bench).code, "fenced");
    assert.equal(bench.storage.shard(1)?.owner, "other");
  });

  test("when a former log has a record of a newer format", () => {
    const bench = benchWithCluster();
    bench.storage.putNode({ incarnation: "old-1" });
    bench.storage.record("old-1", [entryOf(0, 1, 1)]);
    const body = bench.storage.at("old-1", 1) ?? assert.fail();
    body[3] = 9;
    assert.equal(refusalOf(bench).code, "format_newer");
    assert.equal(bench.storage.shard(0), null, "no shard was taken");
  });
});

describe("a former incarnation", () => {
  function benchWithFormer(): ClientBench {
    const bench = benchWithCluster();
    bench.storage.putNode({ incarnation: "old-1", counter: 7, base: 2 });
    bench.storage.record("old-1", [], [entryOf(0, 3, 1)], [entryOf(1, 5, 1)]);
    bench.storage.putShard({ shard: 0, epoch: 3, owner: "old-1", covered: 0 });
    bench.storage.putShard({ shard: 1, epoch: 5, owner: "old-1", covered: 2 });
    return bench;
  }

  test("is marked dead first, then sealed, then its shards are swapped; what it left becomes a closed range", () => {
    const bench = benchWithFormer();
    const { shards, formerNodes } = claimed(bench);
    const [first, second] = shards;
    assert.deepEqual(first?.descriptor.ranges, [{ log: "old-1", epoch: 3, from: 2, to: 4 }], "not below the base");
    assert.deepEqual(second?.descriptor.ranges, [{ log: "old-1", epoch: 5, from: 3, to: 4 }], "behind what is covered");
    assert.deepEqual([first.descriptor.epoch, second?.descriptor.epoch], [4, 6]);
    assert.equal(first.descriptor.covered, 0);
    const dead = { incarnation: "old-1", status: "dead", counter: 7, base: 2, seal: 4, startedAtMs: 1, heardAtMs: 1 };
    assert.deepEqual(bench.storage.node("old-1"), dead);
    assert.deepEqual(
      formerNodes.map(({ document, token }) => [document, token]),
      [[dead, bench.storage.documents.get(nodeKey("old-1"))?.token]],
    );
    assert.deepEqual(codec.decode(bench.storage.at("old-1", 4) ?? assert.fail()), {
      kind: "seal",
      nonce: new Uint8Array(12).fill(101),
      by: "me-2",
    });
    const writes = bench.storage.asked.flatMap((effect) => {
      if (effect.kind === "append") return ["seal"];
      return effect.kind === "swapDocument" ? [effect.key] : [];
    });
    assert.deepEqual(writes, ["node/me-2", "node/old-1", "seal", "node/old-1", "shard/000000", "shard/000001"]);
  });

  test("that published a higher base just before the mark is looked at again, and walked from there", () => {
    const bench = benchWithFormer();
    once(bench, (effect) => {
      if (effect.kind !== "swapDocument" || effect.key !== "node/old-1") return undefined;
      bench.storage.putNode({ incarnation: "old-1", counter: 8, base: 3 });
      bench.storage.logs.get("old-1")?.delete(2);
      return bench.storage.performed(effect);
    });
    const { shards } = claimed(bench);
    assert.deepEqual(shards[0]?.descriptor.ranges, [{ log: "old-1", epoch: 3, from: 3, to: 4 }]);
    assert.deepEqual(bench.storage.node("old-1")?.counter, 8);
  });

  test("that is dead without a seal, because its first claimer died, is sealed by the next", () => {
    const bench = benchWithFormer();
    bench.storage.putNode({ incarnation: "old-1", status: "dead", base: 2 });
    assert.equal(claimed(bench).formerNodes[0]?.document.seal, 4);
  });

  test("that is sealed in its document is not walked again", () => {
    const bench = benchWithFormer();
    bench.storage.putNode({ incarnation: "old-1", status: "dead", base: 2, seal: 3 });
    const { shards } = claimed(bench);
    assert.deepEqual(shards[0]?.descriptor.ranges, [{ log: "old-1", epoch: 3, from: 2, to: 3 }]);
    assert.deepEqual(shards[1]?.descriptor.ranges, [], "covered reaches to the seal");
    assert.ok(bench.storage.asked.every(({ kind }) => kind !== "readRecords" && kind !== "append"));
  });

  test("that released its shards left no range; the epoch grows all the same", () => {
    const bench = benchWithCluster();
    bench.storage.putNode({ incarnation: "old-1", status: "closed", base: 9, seal: 9 });
    bench.storage.putShard({ shard: 0, epoch: 3, owner: null, covered: 8 });
    assert.deepEqual(claimed(bench).shards[0]?.descriptor, {
      shard: 0,
      epoch: 4,
      owner: "me-2",
      covered: 0,
      ranges: [],
      segments: [],
    });
  });

  test("that never got to replay keeps the ranges before its own in the descriptor, oldest first", () => {
    const bench = benchWithFormer();
    const earlier = { log: "oldest-0", epoch: 2, from: 5, to: 9 };
    bench.storage.putShard({ shard: 0, epoch: 3, owner: "old-1", ranges: [earlier] });
    assert.deepEqual(claimed(bench).shards[0]?.descriptor.ranges, [earlier, { log: "old-1", epoch: 3, from: 2, to: 4 }]);
  });

  test("that has no document left: nothing of its epoch exists, and nothing is sealed", () => {
    const bench = benchWithCluster();
    bench.storage.putShard({ shard: 0, epoch: 3, owner: "ghost-1" });
    assert.deepEqual(claimed(bench).shards[0]?.descriptor.ranges, []);
    assert.ok(bench.storage.asked.every(({ kind }) => kind !== "append"));
  });

  test("whose document is gone when it is to be marked is no obstacle", () => {
    const bench = benchWithFormer();
    once(bench, (effect) => {
      if (effect.kind !== "swapDocument" || effect.key !== "node/old-1") return undefined;
      bench.storage.documents.delete("node/old-1");
      return bench.storage.performed(effect);
    });
    assert.deepEqual(claimed(bench).formerNodes, []);
  });

  test("is one of many: all are ended before any shard is taken", () => {
    const bench = benchWithFormer();
    for (const incarnation of ["old-3", "old-4", "old-5"]) bench.storage.putNode({ incarnation });
    const { formerNodes } = claimed(bench);
    assert.deepEqual(formerNodes.map(({ document }) => document.incarnation).sort(), ["old-1", "old-3", "old-4", "old-5"]);
    const order = bench.storage.asked.map((effect) => (effect.kind === "append" ? "seal" : effect.kind));
    assert.ok(order.lastIndexOf("seal") < order.lastIndexOf("listDocuments"), "the descriptors are read behind the last seal");
  });
});
