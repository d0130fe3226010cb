/** Hand-offs that something comes in between of: who has the shard then, and that nothing of it is lost (RULES.md 1, 7, 8). */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Effect } from "../../src/core/effect.js";
import type { Input } from "../../src/core/input.js";
import { documentCodec } from "../../src/protocol/record/document-codec.js";
import { ClusterBench, ID_BY_SHARD, SHARDS } from "./cluster-bench.js";
import { type CoreBench, LEDGER } from "./core-bench.js";
import { assertVersions, putAll } from "./ledgers.js";
import { CLUSTER_ID } from "./storage.js";

const HALF = SHARDS / 2;
const LONG_MS = 60_000;

function writeAll(cluster: ClusterBench, bench: CoreBench): void {
  const requests = putAll(bench);
  cluster.run(200);
  for (const request of requests) assert.equal(bench.answers.get(request)?.kind, "outcome", bench.codeOf(request) ?? "none");
}

/** Descriptors that the effect would put there, naming that owner. */
function isSwapTo(effect: Effect, owner: string): boolean {
  if (effect.kind !== "swapDocument" || !effect.key.startsWith("shard/")) return false;
  return documentCodec.decodeDescriptor(effect.document.body, CLUSTER_ID).owner === owner;
}

function outcomeOf(bench: CoreBench, request: number): void {
  assert.equal(bench.codeOf(request), "outcome", JSON.stringify(bench.answers.get(request)));
}

/** What the router writes to the snapshot store comes to nothing. */
function withoutSnapshots(bench: CoreBench): void {
  bench.intercept = (effect): Input | null | undefined =>
    effect.kind === "store" && effect.effect.kind === "writeObject" ? null : undefined;
}

describe("a hand-off comes to nothing, and the shard is served as before,", () => {
  test("when its next owner dies before the swap", () => {
    const cluster = new ClusterBench();
    const one = cluster.start("a-1");
    writeAll(cluster, one);
    withoutSnapshots(one);
    cluster.add("b-1");
    cluster.until("it has asked", () => cluster.frames.some(({ frame }) => frame.kind === "handOffAsked"));
    cluster.run(200);
    cluster.kill("b-1");
    one.intercept = () => undefined;
    cluster.run(3_000);
    assert.equal(cluster.shardsOf("a-1").length, SHARDS);
    writeAll(cluster, one);
    assertVersions(cluster, one, 2);
    assert.equal(one.core.snapshot().cluster?.moves.handedOff, 0);
  });

  test("when the snapshot store is gone; when it is back the shard goes", () => {
    const cluster = new ClusterBench();
    const one = cluster.start("a-1");
    writeAll(cluster, one);
    withoutSnapshots(one);
    const other = cluster.add("b-1");
    cluster.run(LONG_MS);
    assert.equal(one.core.phase, "open");
    assert.deepEqual(cluster.shardsOf("b-1"), []);
    writeAll(cluster, one);
    writeAll(cluster, other);
    assert.ok(other.core.snapshot().forwarding.sent > 0, "asked of the other, it is done there");
    assertVersions(cluster, one, 3);
  });

  test("when its log takes nothing: what waits is answered here, and once", () => {
    const cluster = new ClusterBench();
    const one = cluster.start("a-1");
    writeAll(cluster, one);
    const held: Effect[] = [];
    let isHolding = false;
    one.intercept = (effect): null | undefined => {
      if (!isHolding || effect.kind !== "append") return undefined;
      held.push(effect);
      return null;
    };
    cluster.add("b-1");
    cluster.until("it has asked", () => cluster.frames.some(({ frame }) => frame.kind === "handOffAsked"));
    isHolding = true;
    const requests = putAll(one);
    cluster.run(10_000);
    isHolding = false;
    for (const effect of held) {
      const input = cluster.storage.performed(effect);
      if (input !== null) one.give(input);
    }
    cluster.until("the other has its share", () => cluster.shardsOf("b-1").length >= HALF - 1);
    cluster.run(1_000);
    for (const request of requests) assert.equal(one.codeOf(request), "outcome");
    assertVersions(cluster, one, 2);
  });
});

describe("after the swap", () => {
  test("a next owner that dies at once leaves nothing behind: whoever is left takes the shards back, with all that was written", () => {
    const cluster = new ClusterBench();
    const one = cluster.start("a-1");
    writeAll(cluster, one);
    const other = cluster.add("b-1");
    // It never hears what became of its shards, and opens none.
    other.intercept = (effect): null | undefined =>
      effect.kind === "store" || (effect.kind === "readDocument" && effect.key.startsWith("shard/")) ? null : undefined;
    cluster.until("some are its own", () => cluster.shardsOf("b-1").length > 0);
    cluster.kill("b-1");
    cluster.until("all are back", () => cluster.shardsOf("a-1").length === SHARDS);
    writeAll(cluster, one);
    assertVersions(cluster, one, 2);
  });

  test("a next owner that is told to stop before it hears of it stops soon, is not asked over and over, and the shard goes on", () => {
    const cluster = new ClusterBench();
    const one = cluster.start("a-1");
    writeAll(cluster, one);
    const other = cluster.add("b-1");
    const theirs: number[] = [];
    const ours: number[] = [];
    let stoppedAtMs = 0;
    one.intercept = (effect): Input | null | undefined => {
      if (!isSwapTo(effect, "b-1") || effect.kind !== "swapDocument" || stoppedAtMs > 0) return undefined;
      if (other.core.phase !== "open") return null;
      stoppedAtMs = cluster.nowMs;
      const id = ID_BY_SHARD[Number(effect.key.slice(-6))] ?? "";
      theirs.push(other.put(id, LEDGER));
      ours.push(one.put(id, LEDGER));
      other.give({ kind: "stopAsked" });
      return undefined;
    };
    cluster.until("it was told to stop", () => stoppedAtMs > 0);
    cluster.frames.length = 0;
    cluster.until("it has stopped", () => other.ended !== null, 2_000);
    assert.deepEqual(other.ended, { kind: "stopped" });
    const asked = cluster.frames.filter(({ to, frame }) => to === "b-1" && frame.kind === "asked").length;
    assert.ok(asked <= 20, `it was asked ${asked} times within ${cluster.nowMs - stoppedAtMs} ms`);
    for (const request of theirs) assert.notEqual(other.codeOf(request), null, "who asked it has an answer");
    cluster.until("the shard is back", () => cluster.shardsOf("a-1").length === SHARDS, 3_000);
    cluster.run(1_000);
    for (const request of ours) outcomeOf(one, request);
  });

  test("when both die, a third finds all that was written", () => {
    const cluster = new ClusterBench();
    const one = cluster.start("a-1");
    writeAll(cluster, one);
    cluster.add("b-1");
    cluster.until("some have gone", () => cluster.shardsOf("b-1").length > 0);
    writeAll(cluster, one);
    cluster.kill("a-1");
    cluster.kill("b-1");
    const third = cluster.start("c-1");
    assertVersions(cluster, third, 2);
    assert.equal(cluster.shardsOf("c-1").length, SHARDS);
  });

  test("an owner that does not hear of its swap asks until it knows, and loses nothing", () => {
    const cluster = new ClusterBench();
    const one = cluster.start("a-1");
    writeAll(cluster, one);
    let unheard = 0;
    one.intercept = (effect): Input | undefined => {
      if (!isSwapTo(effect, "b-1") || effect.kind !== "swapDocument" || unheard >= 20) return undefined;
      unheard++;
      if (unheard % 2 === 1) cluster.storage.performed(effect);
      const { key, document } = effect;
      return { kind: "documentSwapped", key, token: document.token, outcome: { kind: "unknown", message: "no answer" } };
    };
    cluster.add("b-1");
    cluster.until("the other has its share", () => cluster.shardsOf("b-1").length >= HALF - 1, 60_000);
    assert.ok(unheard > 0);
    assert.equal(one.core.phase, "open");
    assertVersions(cluster, one, 1);
  });

  test("an owner whose swap meets a foreign one is over: the shard is not its any more", () => {
    const cluster = new ClusterBench();
    const one = cluster.start("a-1");
    writeAll(cluster, one);
    one.intercept = (effect): Input | null | undefined => {
      if (!isSwapTo(effect, "b-1") || effect.kind !== "swapDocument") return undefined;
      const shard = Number(effect.key.slice(-6));
      cluster.storage.putShard({ ...(cluster.storage.shard(shard) ?? assert.fail()), shard, epoch: 9, owner: "x-1" });
      return cluster.storage.performed(effect);
    };
    cluster.add("b-1");
    cluster.until("it has ended", () => one.ended !== null);
    assert.equal(one.ended?.kind, "fenced");
  });
});

describe("the closed range of a shard that was handed over", () => {
  /** Entries that are made between the flush and the swap: a store that takes its time, and a client that does not wait. */
  function handedOver(): { readonly cluster: ClusterBench; readonly one: CoreBench; readonly other: CoreBench } {
    const cluster = new ClusterBench();
    const one = cluster.start("a-1", { upkeep: UPKEEP });
    writeAll(cluster, one);
    const held: Input[] = [];
    let isHolding = true;
    one.intercept = (effect): null | undefined => {
      if (!isHolding || effect.kind !== "store" || effect.effect.kind !== "writeObject") return undefined;
      const input = cluster.storage.performed(effect);
      if (input !== null) held.push(input);
      return null;
    };
    const other = cluster.add("b-1", { upkeep: UPKEEP });
    cluster.until("a flush has begun", () => held.length > 0);
    cluster.run(300);
    writeAll(cluster, one);
    isHolding = false;
    one.give(...held);
    cluster.until("the other has its share", () => cluster.shardsOf("b-1").length >= HALF - 1);
    return { cluster, one, other };
  }

  test("holds just what was not flushed: from behind what is covered to its last entry, and is replayed", () => {
    const { cluster, other } = handedOver();
    const gone = cluster.shardsOf("b-1").map((shard) => cluster.storage.shard(shard) ?? assert.fail());
    const withRange = gone.filter(({ ranges }) => ranges.length > 0);
    assert.ok(withRange.length > 0, "some were written to while they were flushed");
    for (const { epoch, ranges, segments, covered } of withRange) {
      assert.equal(ranges.length, 1);
      assert.equal(ranges[0]?.log, "a-1");
      assert.equal(ranges[0]?.epoch, epoch - 1);
      assert.ok((ranges[0]?.from ?? 0) > 1 && (ranges[0]?.to ?? 0) > (ranges[0]?.from ?? 0));
      assert.ok(segments.length > 0);
      assert.equal(covered, 0, "nothing of the next owner's log is covered");
    }
    assertVersions(cluster, other, 2);
  });

  test("keeps the base of the log below it until the next owner has flushed, and needs no earlier manifest of then", () => {
    const { cluster, one, other } = handedOver();
    const lent = Math.min(
      ...cluster.shardsOf("b-1").flatMap((shard) => cluster.storage.shard(shard)?.ranges.map(({ from }) => from) ?? []),
    );
    assert.ok(lent < Infinity);
    const write = (bench: CoreBench, shards: readonly number[], rounds: number): void => {
      for (let round = 0; round < rounds; round++) {
        for (const shard of shards) bench.put(ID_BY_SHARD[shard] ?? "", LEDGER);
        cluster.run(1);
      }
    };
    withoutSnapshots(other);
    write(one, cluster.shardsOf("a-1"), 400);
    for (let round = 0; round < 4; round++) {
      cluster.run(2 * UPKEEP.tailAgeMaxMs);
      write(one, cluster.shardsOf("a-1"), 1);
    }
    const durable = one.core.snapshot().durablePosition;
    assert.ok(durable > 300, `${durable}`);
    assert.ok((cluster.storage.node("a-1")?.base ?? Infinity) <= lent, "the range is needed still");
    assert.notEqual(cluster.storage.at("a-1", lent), undefined);
    // It begins anew, as its uploads never end, and can flush now.
    cluster.kill("b-1");
    const next = cluster.start("b-2", { upkeep: UPKEEP });
    for (let round = 0; round < 6; round++) {
      write(next, cluster.shardsOf("b-2"), 1);
      write(one, cluster.shardsOf("a-1"), 1);
      cluster.run(2 * UPKEEP.tailAgeMaxMs);
    }
    write(one, cluster.shardsOf("a-1"), 300);
    cluster.run(5 * UPKEEP.tailAgeMaxMs);
    const base = cluster.storage.node("a-1")?.base ?? 0;
    assert.ok(base > lent, `${base} is still at ${lent}`);
    assert.equal(cluster.storage.at("a-1", lent), undefined);
  });
});

/** The next owner of a shard flushes late: nothing is lent for a short time only. */
const UPKEEP = {
  tailBytesTarget: 1 << 20,
  tailRecordsTarget: 100_000,
  tailAgeMaxMs: 10_000,
  dirtyBytesMax: 1 << 20,
  flushesMax: 2,
  recordTtlMs: Infinity,
};
