import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Effect } from "../../src/core/effect.js";
import { BY_ENTITY, placementHash, shardOfHash } from "../../src/core/entity/address.js";
import type { Input } from "../../src/core/input.js";
import { CLUSTER_KEY } from "../../src/core/ownership/documents.js";
import { DOCUMENT_FORMAT_VERSION, documentCodec } from "../../src/protocol/record/document-codec.js";
import { CART, CoreBench, written } from "./core-bench.js";
import { CLUSTER_ID, codec, Storage } from "./storage.js";

const IDS = Array.from({ length: 12 }, (_, index) => `c${index}`);

function write(bench: CoreBench, rounds = 1): void {
  for (let round = 0; round < rounds; round++) {
    for (const id of IDS) bench.put(id);
    bench.run();
  }
}

/** What was written to storage, in short and in order, from a place in `asked` on. */
function writes(storage: Storage, from = 0): string[] {
  return storage.asked.slice(from).flatMap((effect) => {
    if (effect.kind === "append") return [codec.decode(effect.body).kind === "seal" ? "seal" : "record"];
    if (effect.kind === "swapDocument") return [effect.key];
    if (effect.kind === "trimLog") return [`trim ${effect.log}`];
    if (effect.kind === "removeDocument") return [`remove ${effect.key}`];
    if (effect.kind !== "store" || effect.effect.kind === "readObject") return [];
    return [effect.effect.kind];
  });
}

/** Keeps what the storage would report of some effects until it is let go. */
function holding(bench: CoreBench, which: (effect: Effect) => boolean): () => void {
  const held: Input[] = [];
  bench.storage.intercept = (effect) => {
    if (!which(effect)) return undefined;
    const input = bench.storage.performed(effect);
    if (input !== null) held.push(input);
    return null;
  };
  return () => {
    bench.storage.intercept = () => undefined;
    bench.give(...held);
    bench.run();
  };
}

describe("a flush", () => {
  test("is named by the descriptor only when the position that it covers is durable", () => {
    const bench = CoreBench.started("a-1");
    const release = holding(bench, (effect) => effect.kind === "append");
    for (const id of IDS) bench.put(id);
    bench.run(11_000);
    assert.ok(writes(bench.storage).includes("writeObject"), "it is written while the log still waits");
    assert.deepEqual(bench.storage.shard(0)?.segments, []);
    assert.equal(bench.answers.size, 0);
    release();
    assert.equal(bench.storage.shard(0)?.segments.length, 1);
    assert.ok((bench.storage.shard(0)?.covered ?? 0) >= 1);
    assert.equal(bench.answers.size, IDS.length);
  });

  test("whose swap is lost ends the incarnation: somebody else has the shard", () => {
    const bench = CoreBench.started("a-1");
    bench.storage.putShard({ shard: 0, epoch: 9, owner: "b-1" });
    write(bench);
    bench.run(11_000);
    assert.equal(bench.ended?.kind, "fenced");
    assert.equal(bench.storage.shard(0)?.owner, "b-1");
  });

  test("leaves nothing to replay to the next incarnation, which finds every state", () => {
    const bench = CoreBench.started("a-1");
    write(bench);
    bench.run(11_000);
    const from = bench.storage.asked.length;
    const next = CoreBench.started("b-1", bench.storage);
    for (const shard of [0, 1]) assert.deepEqual(bench.storage.shard(shard)?.ranges, []);
    for (const id of IDS) assert.equal(next.versionOf(id), 1);
    const reads = bench.storage.asked.slice(from).filter(({ kind }) => kind === "readRecords");
    assert.ok(reads.length <= 2, "no more than the walk to the log's end");
  });
});

test("what was not flushed is replayed by the next incarnation", () => {
  const bench = CoreBench.started("a-1");
  write(bench, 3);
  const next = CoreBench.started("b-1", bench.storage);
  for (const id of IDS) assert.equal(next.versionOf(id), 3);
  assert.equal(bench.storage.node("a-1")?.status, "dead");
});

describe("the base", () => {
  test("is published before anything below it is trimmed, and never above what a shard still needs", () => {
    const bench = CoreBench.started("a-1");
    bench.storage.intercept = (effect) => {
      if (effect.kind !== "trimLog") return undefined;
      const base = bench.storage.node("a-1")?.base ?? 0;
      assert.ok(effect.base <= base, "trimmed without being published");
      for (const shard of [0, 1]) {
        const ranges = bench.storage.shard(shard)?.previous?.ranges ?? [];
        assert.ok(
          ranges.every(({ from }) => from >= effect.base),
          "a previous manifest needs what is trimmed",
        );
        const covered = bench.storage.shard(shard)?.covered ?? 0;
        if (base > covered + 1) assert.equal(bench.core.snapshot().tailRecords, 0, "a shard still needs what is below the base");
      }
      return undefined;
    };
    for (let round = 0; round < 300; round++) {
      bench.put(IDS[round % IDS.length] ?? "");
      bench.run();
    }
    bench.run(25_000);
    const base = bench.storage.node("a-1")?.base ?? 0;
    assert.ok(base > 256, `${base}`);
    assert.notEqual(bench.storage.at("a-1", 1), undefined, "previous manifests go back to the beginning");
    for (let round = 0; round < 300; round++) {
      bench.put(IDS[round % IDS.length] ?? "");
      bench.run();
    }
    bench.run(25_000);
    assert.equal(bench.storage.at("a-1", 1), undefined);
    assert.equal(bench.storage.at("a-1", base - 1), undefined, "they have moved on");
    bench.storage.intercept = () => undefined;
    const next = CoreBench.started("b-1", bench.storage);
    assert.equal(next.versionOf("c0"), 50);
  });

  test("does not move while the publishing is under way, nor is anything trimmed then", () => {
    const bench = CoreBench.started("a-1");
    bench.put("c0");
    bench.run(25_000);
    const release = holding(bench, (effect) => effect.kind === "swapDocument" && effect.key === "node/a-1");
    for (let round = 0; round < 300; round++) {
      bench.put("c0");
      bench.run();
    }
    bench.run(25_000);
    assert.ok(!writes(bench.storage).includes("trim a-1"));
    release();
    bench.run(100);
    assert.ok(writes(bench.storage).includes("trim a-1"));
  });

  test("that cannot be published, because the node was declared dead, ends the incarnation", () => {
    const bench = CoreBench.started("a-1");
    for (let round = 0; round < 300; round++) {
      bench.put("c0");
      bench.run();
    }
    bench.storage.putNode({ incarnation: "a-1", status: "dead" });
    bench.run(25_000);
    assert.equal(bench.ended?.kind, "fenced");
    assert.ok(!writes(bench.storage).includes("trim a-1"));
  });
});

describe("a shard whose entries change nothing but its bookkeeping", () => {
  const HERE = idOf(0);
  const THERE = idOf(1);

  /** A bench in which an entity of shard 0 sends to one of shard 1 whatever it is asked, which refuses it: that leaves a mark. */
  function sending(incarnation: string, storage?: Storage): CoreBench {
    const bench = CoreBench.started(incarnation, storage);
    const send = { kind: "send", to: { type: CART, id: THERE }, command: "put", input: new Uint8Array(0) } as const;
    const effects = [{ ...send, replyTo: null, afterMs: 0, timer: null }];
    bench.answerOf = (entity) => {
      const { state, outcomes } = written(entity);
      if (entity.id === HERE) return { state: state ?? null, outcomes: outcomes.map((one) => ({ ...one, effects })) };
      const refused = { kind: "refused", code: "no", message: "", details: new Uint8Array(0) } as const;
      return { outcomes: outcomes.map(({ n }) => ({ n, ...refused })) };
    };
    return bench;
  }

  function send(bench: CoreBench, count: number): void {
    for (let round = 0; round < count; round++) {
      bench.put(HERE);
      bench.run(20);
    }
    assert.equal(bench.core.snapshot().outbox, 0, "every message is consumed and acknowledged");
  }

  test("is flushed before an orderly stop releases it", () => {
    const bench = sending("a-1");
    send(bench, 3);
    bench.stop();
    assert.deepEqual(bench.ended, { kind: "stopped" });
    const next = sending("b-1", bench.storage);
    send(next, 1);
    assert.deepEqual(
      next.core.queues.map(({ marksAbove }) => marksAbove),
      [0, 0],
      "the marks of the first three messages are there",
    );
  });

  test("holds the base until it is flushed", () => {
    const bench = sending("a-1");
    send(bench, 400);
    bench.run(25_000);
    assert.ok((bench.storage.node("a-1")?.base ?? 0) > 256);
    const next = sending("b-1", bench.storage);
    send(next, 1);
    assert.deepEqual(
      next.core.queues.map(({ marksAbove }) => marksAbove),
      [0, 0],
    );
  });

  test("is flushed also when another start has replayed those entries", () => {
    const bench = sending("a-1");
    send(bench, 3);
    sending("b-1", bench.storage).stop();
    const next = sending("c-1", bench.storage);
    send(next, 1);
    assert.deepEqual(
      next.core.queues.map(({ marksAbove }) => marksAbove),
      [0, 0],
    );
  });

  /** An id that lies in a shard of the bench's two. */
  function idOf(shard: number): string {
    const ids = IDS.filter((id) => shardOfHash(placementHash({ type: CART, id }, BY_ENTITY), 2) === shard);
    return ids[0] ?? assert.fail(`none of the ids lies in shard ${shard}`);
  }
});

test("a former incarnation is forgotten when no descriptor names its log any more, also not as what was before", () => {
  const bench = CoreBench.started("a-1");
  write(bench);
  const next = CoreBench.started("b-1", bench.storage);
  assert.notEqual(bench.storage.node("a-1"), null);
  next.run(16_000);
  for (const shard of [0, 1]) assert.deepEqual(bench.storage.shard(shard)?.ranges, []);
  next.run(5_000);
  assert.notEqual(bench.storage.node("a-1"), null);
  write(next);
  next.run(25_000);
  assert.equal(bench.storage.node("a-1"), null);
  assert.equal(bench.storage.logs.get("a-1")?.size, 0);
});

describe("where records expire", () => {
  const TTL_MS = 64_000;
  const upkeep = {
    tailBytesTarget: 1 << 20,
    tailRecordsTarget: 1_000,
    tailAgeMaxMs: 1_000_000,
    dirtyBytesMax: 1 << 20,
    flushesMax: 2,
    recordTtlMs: TTL_MS,
  };
  const admission = { tailBytesMax: 8 << 20, tailRecordsMax: 20_000, durableLagMaxMs: 50_000, recordAgeMaxMs: TTL_MS / 2 };

  /** Deletes what has outlived its time; the moments at which records were written are kept by the test. */
  class Expiring {
    readonly writtenAtMs = new Map<number, number>();
    readonly bench: CoreBench;

    constructor(bench: CoreBench) {
      this.bench = bench;
    }

    run(ms: number): void {
      for (let leftMs = ms; leftMs > 0; leftMs -= 500) {
        this.bench.run(500);
        const log = this.bench.storage.logs.get("a-1") ?? new Map();
        for (const position of log.keys()) {
          const writtenAtMs = this.writtenAtMs.get(position) ?? this.bench.nowMs;
          this.writtenAtMs.set(position, writtenAtMs);
          if (this.bench.nowMs - writtenAtMs > TTL_MS) log.delete(position);
        }
      }
    }

    /** Of what a claim would read now. */
    get oldestAgeMs(): number {
      const base = this.bench.storage.node("a-1")?.base ?? 0;
      const ages = [...this.writtenAtMs].flatMap(([position, atMs]) => (position >= base ? [this.bench.nowMs - atMs] : []));
      return Math.max(0, ...ages);
    }
  }

  test("the base of a log that hardly grows moves all the same: nothing at or above it comes near its end", () => {
    const bench = CoreBench.started("a-1", undefined, { upkeep, admission });
    const expiring = new Expiring(bench);
    for (let round = 0; round < 12; round++) {
      bench.put(IDS[round % IDS.length] ?? "");
      expiring.run(20_000);
      assert.ok(expiring.oldestAgeMs <= TTL_MS / 4 + TTL_MS / 64 + 5_500, `${expiring.oldestAgeMs}`);
    }
    assert.ok(!bench.storage.logs.get("a-1")?.has(1), "the first record is gone");
    const next = CoreBench.started("b-1", bench.storage);
    for (const id of IDS) assert.equal(next.versionOf(id), 1, id);
  });

  test("an owner says now and then that it lives, also with nothing to do", () => {
    const bench = CoreBench.started("a-1", undefined, { upkeep, admission });
    bench.run(10 * TTL_MS);
    const { heardAtMs = 0 } = bench.storage.node("a-1") ?? {};
    assert.ok(bench.nowMs + 1_000_000 - heardAtMs <= TTL_MS / 64 + 5_500, `${heardAtMs}`);
  });

  test("what a former incarnation left is flushed at once where it is old already", () => {
    const storage = new Storage();
    const first = CoreBench.started("a-1", storage, { upkeep });
    write(first);
    const next = new CoreBench("b-1", storage, { upkeep });
    next.nowMs = TTL_MS / 4 + 1_000;
    next.run(200);
    for (const shard of [0, 1]) assert.deepEqual(storage.shard(shard)?.ranges, []);
    const young = new CoreBench("c-1", storage, { upkeep });
    next.put("c0");
    next.run();
    young.nowMs = next.nowMs;
    young.run(200);
    assert.equal([0, 1].flatMap((shard) => storage.shard(shard)?.ranges ?? []).length, 2, "what is young waits its time");
  });

  test("with flushes that fail for too long commands are refused, and taken again when one has succeeded", () => {
    const bench = CoreBench.started("a-1", undefined, { upkeep, admission });
    bench.storage.intercept = (effect) =>
      effect.kind === "store" && effect.effect.kind === "writeObject"
        ? {
            kind: "store",
            shard: effect.shard,
            input: {
              kind: "objectWritten",
              request: effect.effect.request,
              result: { kind: "refused", message: "gone" },
            },
          }
        : undefined;
    const outcomeOf = (id: string): string => {
      const request = bench.put(id);
      bench.run(10);
      const answer = bench.answers.get(request);
      return answer?.kind === "problem" ? answer.problem.code : (answer?.kind ?? "none");
    };
    assert.equal(outcomeOf("c0"), "outcome");
    bench.run(TTL_MS / 2 - 2_000);
    assert.equal(outcomeOf("c0"), "outcome");
    bench.run(3_000);
    assert.equal(outcomeOf("c0"), "storage_slow");
    bench.storage.intercept = () => undefined;
    bench.run(20_000);
    assert.equal(outcomeOf("c0"), "outcome");
  });
});

test("a shard that nothing is written to makes the tail no longer", () => {
  const bench = CoreBench.started("a-1", undefined, {
    upkeep: {
      tailBytesTarget: 1 << 20,
      tailRecordsTarget: 10,
      tailAgeMaxMs: 1_000_000,
      dirtyBytesMax: 1 << 20,
      flushesMax: 2,
      recordTtlMs: Infinity,
    },
    admission: { tailBytesMax: 8 << 20, tailRecordsMax: 50, durableLagMaxMs: 50_000, recordAgeMaxMs: Infinity },
  });
  for (let round = 0; round < 200; round++) {
    const request = bench.put("c0");
    bench.run(200);
    assert.equal(bench.answers.get(request)?.kind, "outcome", `in round ${round}`);
  }
});

describe("the orphan sweep", () => {
  test("deletes objects of lower epochs that no manifest names, and nothing else", () => {
    const storage = new Storage();
    const first = CoreBench.started("a-1", storage);
    write(first);
    first.run(11_000);
    const named = [0, 1].flatMap((shard) => storage.shard(shard)?.segments.map(({ object }) => object) ?? []);
    assert.equal(named.length, 2);
    const orphans = ["segments/0/1-a-1-99", "segments/1/1-x"];
    const kept = ["segments/0/2-b-1-50", "segments/0/3-late", "segments/7/1-other", "segments/0/name", "elsewhere/0/1-x"];
    for (const name of [...orphans, ...kept]) storage.driver.objects.set(name, Uint8Array.of(1));
    const next = CoreBench.started("b-1", storage, { orphans: { sweepEveryMs: 1_000 } });
    next.run(3_000);
    assert.deepEqual([...storage.driver.objects.keys()].sort(), [...named, ...kept].sort());
  });
});

describe("an orderly stop", () => {
  test("answers, flushes, releases the shards, seals the log and closes the document, in this order", () => {
    const bench = CoreBench.started("a-1");
    const from = bench.storage.asked.length;
    for (const id of IDS) bench.put(id);
    bench.stop();
    assert.deepEqual(bench.ended, { kind: "stopped" });
    assert.equal(bench.answers.size, IDS.length);
    assert.deepEqual(
      writes(bench.storage, from).filter((what) => what !== "record"),
      ["writeObject", "writeObject", "shard/000000", "shard/000001", "shard/000000", "shard/000001", "seal", "node/a-1"],
    );
    const node = bench.storage.node("a-1");
    assert.equal(node?.status, "closed");
    assert.equal(node.base, node.seal);
    for (const shard of [0, 1]) {
      const descriptor = bench.storage.shard(shard);
      assert.equal(descriptor?.owner, null);
      assert.deepEqual(descriptor.ranges, []);
    }
  });

  test("leaves nothing to walk and nothing to replay", () => {
    const bench = CoreBench.started("a-1");
    write(bench);
    bench.stop();
    const from = bench.storage.asked.length;
    const next = CoreBench.started("b-1", bench.storage);
    assert.ok(bench.storage.asked.slice(from).every(({ kind }) => kind !== "readRecords"));
    for (const id of IDS) assert.equal(next.versionOf(id), 1);
  });

  test("whose seal is uncertain leaves the document alive, and the next start finds the end", () => {
    const bench = CoreBench.started("a-1");
    write(bench);
    bench.storage.intercept = (effect) =>
      effect.kind === "append" && codec.decode(effect.body).kind === "seal"
        ? { kind: "appendEnded", log: effect.log, position: effect.position, outcome: { kind: "unknown", message: "slow" } }
        : undefined;
    bench.stop();
    assert.deepEqual(bench.ended, { kind: "stopped" });
    assert.equal(bench.storage.node("a-1")?.status, "alive");
    bench.storage.intercept = () => undefined;
    const next = CoreBench.started("b-1", bench.storage);
    for (const id of IDS) assert.equal(next.versionOf(id), 1);
  });

  test("before the shards are open ends at once", () => {
    const bench = new CoreBench("a-1");
    bench.storage.intercept = () => null;
    bench.run();
    bench.stop();
    assert.deepEqual(bench.ended, { kind: "stopped" });
  });
});

test("documents of a newer format refuse the start by their code", () => {
  for (const key of [CLUSTER_KEY, "node/old-1", "shard/000000"]) {
    const storage = new Storage();
    const cluster = { clusterId: CLUSTER_ID, name: "shop", shards: 2, recordFormatFloor: 1 };
    storage.putDocument(CLUSTER_KEY, documentCodec.encodeCluster(cluster));
    storage.putNode({ incarnation: "old-1" });
    storage.putShard({ shard: 0 });
    const document = storage.documents.get(key) ?? assert.fail(key);
    document.body[3] = DOCUMENT_FORMAT_VERSION + 1;
    const bench = new CoreBench("a-1", storage);
    bench.run();
    assert.equal(bench.ended?.kind, "refused", key);
    assert.equal(bench.ended.code, "format_newer");
  }
});
