/** What a descriptor keeps of the manifest before, and that a shard which goes back to it loses nothing. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { nodeKey, type ShardDescriptor, shardKey } from "../../src/core/ownership/documents.js";
import { goneBack } from "../../src/core/ownership/going-back.js";
import { documentCodec } from "../../src/protocol/record/document-codec.js";
import { CoreBench } from "./core-bench.js";
import { CLUSTER_ID, type Storage } from "./storage.js";

const IDS = Array.from({ length: 12 }, (_, index) => `c${index}`);
const SHARDS = [0, 1];
const FLUSHED_MS = 11_000;

function write(bench: CoreBench): void {
  for (const id of IDS) bench.put(id);
  bench.run();
}

function writeAndFlush(bench: CoreBench, rounds = 1): void {
  for (let round = 0; round < rounds; round++) {
    write(bench);
    bench.run(FLUSHED_MS);
  }
}

function shardOf(storage: Storage, shard: number): ShardDescriptor {
  return storage.shard(shard) ?? assert.fail(`shard ${shard}`);
}

function names({ segments }: { readonly segments: readonly { readonly object: string }[] }): readonly string[] {
  return segments.map(({ object }) => object);
}

/** Every segment that only the present manifest names is lost, of these shards. */
function lose(storage: Storage, shards: readonly number[] = SHARDS): void {
  for (const shard of shards) {
    const descriptor = shardOf(storage, shard);
    const kept = new Set(descriptor.previous === null ? [] : names(descriptor.previous));
    for (const object of names(descriptor)) if (!kept.has(object)) assert.ok(storage.driver.objects.delete(object));
  }
}

function goBack(storage: Storage, shards: readonly number[] = SHARDS): void {
  for (const shard of shards) {
    const descriptor = shardOf(storage, shard);
    const result = goneBack(descriptor, descriptor.owner === null ? null : storage.node(descriptor.owner));
    assert.equal(result.kind, "possible", JSON.stringify(result));
    storage.putDocument(shardKey(shard), documentCodec.encodeDescriptor(result.descriptor, CLUSTER_ID));
  }
}

describe("the previous manifest", () => {
  test("is there from the first flush on: no segments, and the records that the flush holds", () => {
    const bench = CoreBench.started("a-1");
    for (const shard of SHARDS) assert.equal(shardOf(bench.storage, shard).previous, null);
    writeAndFlush(bench);
    for (const shard of SHARDS) {
      const { previous, covered, epoch } = shardOf(bench.storage, shard);
      assert.deepEqual(previous, { segments: [], ranges: [{ log: "a-1", epoch, from: 1, to: covered + 1 }] });
    }
  });

  test("moves with every flush that adds something, and stays with one that does not", () => {
    const bench = CoreBench.started("a-1");
    writeAndFlush(bench);
    const [first] = SHARDS.map((shard) => shardOf(bench.storage, shard));
    writeAndFlush(bench);
    const second = shardOf(bench.storage, 0);
    assert.deepEqual(second.previous?.segments, first?.segments);
    const from = (first?.covered ?? 0) + 1;
    assert.deepEqual(second.previous?.ranges, [{ log: "a-1", epoch: 1, from, to: second.covered + 1 }]);
    // A crash leaves a range in which nothing is of this shard: the flush of it has nothing to write.
    bench.put(IDS[0] ?? "");
    bench.run();
    const next = CoreBench.started("b-1", bench.storage);
    next.run(FLUSHED_MS * 2);
    const untouched = SHARDS.map((shard) => shardOf(bench.storage, shard)).filter(({ segments }) => segments.length === 2);
    assert.equal(untouched.length, 1);
    for (const { previous, ranges } of untouched) {
      assert.deepEqual(ranges, []);
      assert.equal(previous?.segments.length, 1);
    }
  });

  test("stays where it is while segments are merged, and what it names is not deleted", () => {
    const bench = CoreBench.started("a-1");
    writeAndFlush(bench, 4);
    bench.run(FLUSHED_MS);
    for (const shard of SHARDS) {
      const { segments, previous } = shardOf(bench.storage, shard);
      assert.equal(segments.length, 1, "they are merged");
      assert.equal(previous?.segments.length, 3, "what was there before the last flush");
      for (const { object } of [...segments, ...previous.segments]) assert.ok(bench.storage.driver.objects.has(object));
    }
    assert.equal(bench.storage.driver.objects.size, 2 * 4, "the newest of those that were merged is gone");
    writeAndFlush(bench);
    assert.equal(bench.storage.driver.objects.size, 2 * 2, "nothing names the others any more");
  });

  test("is carried along by a take-over", () => {
    const bench = CoreBench.started("a-1");
    writeAndFlush(bench, 2);
    const before = SHARDS.map((shard) => shardOf(bench.storage, shard).previous);
    write(bench);
    CoreBench.started("b-1", bench.storage);
    assert.deepEqual(
      SHARDS.map((shard) => shardOf(bench.storage, shard).previous),
      before,
    );
  });

  test("is let go where it would hold more than four tails of the log, with what it alone names", () => {
    const bench = CoreBench.started("a-1", undefined, {
      upkeep: {
        tailBytesTarget: 1 << 20,
        tailRecordsTarget: 50,
        tailAgeMaxMs: 10_000,
        dirtyBytesMax: 1 << 20,
        flushesMax: 2,
        recordTtlMs: Infinity,
      },
    });
    writeAndFlush(bench, 4);
    const busy = IDS[0] ?? "";
    for (let round = 0; round < 600; round++) {
      bench.put(busy);
      bench.run();
    }
    bench.run(FLUSHED_MS);
    const kept = SHARDS.filter((shard) => shardOf(bench.storage, shard).previous !== null);
    assert.equal(kept.length, 1, "that of the shard that is written to");
    assert.ok(!bench.storage.logs.get("a-1")?.has(1), "the log is trimmed");
    for (const shard of SHARDS) {
      const { segments, previous } = shardOf(bench.storage, shard);
      const named = new Set([...segments, ...(previous?.segments ?? [])].map(({ object }) => object));
      const there = [...bench.storage.driver.objects.keys()].filter((name) => name.startsWith(`segments/${shard}/`));
      assert.deepEqual(new Set(there), named);
    }
  });
});

describe("a shard that goes back", () => {
  test("has everything, when the newest segment is lost", () => {
    const bench = CoreBench.started("a-1");
    writeAndFlush(bench, 2);
    bench.stop();
    lose(bench.storage);
    goBack(bench.storage);
    const next = CoreBench.started("b-1", bench.storage);
    for (const id of IDS) assert.equal(next.versionOf(id), 2, id);
  });

  test("has everything, when what was merged is lost", () => {
    const bench = CoreBench.started("a-1");
    writeAndFlush(bench, 4);
    bench.run(FLUSHED_MS);
    bench.stop();
    lose(bench.storage);
    goBack(bench.storage);
    const next = CoreBench.started("b-1", bench.storage);
    for (const id of IDS) assert.equal(next.versionOf(id), 4, id);
  });

  test("has what former owners left behind the lost segment, over several starts in which it was refused", () => {
    const bench = CoreBench.started("a-1");
    writeAndFlush(bench, 2);
    write(bench);
    lose(bench.storage, [0]);
    const served: number[] = [];
    for (const incarnation of ["b-1", "c-1"]) {
      const next = CoreBench.started(incarnation, bench.storage);
      assert.deepEqual(
        next.core.snapshot().refusedShards.map(({ shard }) => shard),
        [0],
      );
      assert.match(next.core.snapshot().refusedShards[0]?.message ?? "", /segments\/0\//);
      write(next);
      served.push(...IDS.flatMap((id) => next.versionOf(id) ?? []));
      next.stop();
      assert.deepEqual(next.ended, { kind: "stopped" });
    }
    assert.ok(served.length > 0, "the other shard serves meanwhile");
    goBack(bench.storage, [0]);
    const last = CoreBench.started("d-1", bench.storage);
    const versions = IDS.map((id) => last.versionOf(id));
    assert.deepEqual(new Set(versions), new Set([3, 5]), "three rounds in the shard that was refused, five in the other");
    last.run(FLUSHED_MS);
    assert.deepEqual(shardOf(bench.storage, 0).ranges, []);
  });

  test("may lose its newest segment again and go back again", () => {
    let bench = CoreBench.started("a-1");
    writeAndFlush(bench, 2);
    for (const incarnation of ["b-1", "c-1"]) {
      bench.stop();
      lose(bench.storage);
      goBack(bench.storage);
      bench = CoreBench.started(incarnation, bench.storage);
      writeAndFlush(bench);
    }
    for (const id of IDS) assert.equal(bench.versionOf(id), 4, id);
  });

  test("is refused while its owner may live, while the end of its log is not known, and where nothing was before", () => {
    const bench = CoreBench.started("a-1");
    const descriptor = shardOf(bench.storage, 0);
    const alive = bench.storage.node("a-1") ?? assert.fail(nodeKey("a-1"));
    const codeOf = (...parts: Parameters<typeof goneBack>): string => {
      const result = goneBack(...parts);
      return result.kind === "possible" ? "possible" : result.code;
    };
    const previous = { segments: [], ranges: [] };
    assert.equal(codeOf(descriptor, { ...alive, status: "closed", seal: 4 }), "previous_missing");
    assert.equal(codeOf({ ...descriptor, previous }, alive), "shard_owned");
    assert.equal(codeOf({ ...descriptor, previous }, { ...alive, status: "dead" }), "shard_owned");
    assert.equal(codeOf({ ...descriptor, previous }, { ...alive, status: "dead", seal: 4 }), "possible");
    assert.equal(codeOf({ ...descriptor, previous }, null), "possible");
  });
});
