import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ByteWriter } from "../../src/core/bytes/byte-writer.js";
import type { Effect } from "../../src/core/effect.js";
import type { Entry } from "../../src/core/log/entry.js";
import { valueName } from "../../src/core/log/spilled-value.js";
import type { ClosedRange } from "../../src/core/ownership/documents.js";
import { type ReplaySize, type ReplayTarget, replay } from "../../src/core/ownership/replay.js";
import { WalkedRecords } from "../../src/core/ownership/walked-records.js";
import { crc32 } from "../../src/core/store/crc32.js";
import { ClientBench } from "./client-bench.js";
import { codec, entryOf } from "./storage.js";

interface Target extends ReplayTarget {
  /** What was replayed, as `epoch:sequence`. */
  readonly seen: string[];
  readonly refusals: string[];
}

function target(shard: number, ...ranges: ClosedRange[]): Target {
  const seen: string[] = [];
  const refusals: string[] = [];
  return {
    shard,
    ranges,
    seen,
    refusals,
    replay: (entry) => seen.push(`${entry.epoch}:${entry.sequence}`),
    refuse: (message) => refusals.push(message),
  };
}

const range = (log: string, epoch: number, from: number, to: number): ClosedRange => ({ log, epoch, from, to });

function replayed(bench: ClientBench, ...targets: Target[]): ReplaySize {
  const ends: ReplaySize[] = [];
  replay(codec, bench.client, new WalkedRecords(), crc32, targets, (size) => ends.push(size));
  bench.settle();
  assert.equal(ends.length, 1, "replay ends once");
  return ends[0] ?? assert.fail();
}

function readsOf(bench: ClientBench): string[] {
  return bench.storage.asked.flatMap((effect) =>
    effect.kind === "readRecords" ? [`${effect.log}@${effect.position}x${effect.countMax}`] : [],
  );
}

test("nothing to replay is nothing to read", () => {
  const bench = new ClientBench();
  assert.deepEqual(replayed(bench, target(0), target(1)), { records: 0, bytes: 0, oldestAtMs: Infinity });
  assert.deepEqual(readsOf(bench), []);
});

test("a shard gets its own entries of its range's epoch, and none outside the range", () => {
  const bench = new ClientBench();
  bench.storage.record(
    "a",
    [entryOf(0, 1, 1)],
    [entryOf(0, 1, 2), entryOf(1, 1, 1), entryOf(0, 2, 9)],
    [entryOf(0, 1, 3)],
    [entryOf(0, 1, 4)],
  );
  const one = target(0, range("a", 1, 2, 4));
  assert.equal(replayed(bench, one).records, 2);
  assert.deepEqual(one.seen, ["1:2", "1:3"]);
});

test("several ranges are replayed in their order, whatever the logs are called", () => {
  const bench = new ClientBench();
  bench.storage.record("z", [entryOf(0, 1, 1)]);
  bench.storage.record("a", [entryOf(0, 2, 2)], [entryOf(0, 2, 3)]);
  bench.storage.record("m", [entryOf(0, 3, 4)]);
  const one = target(0, range("z", 1, 1, 2), range("a", 2, 1, 3), range("m", 3, 1, 2));
  replayed(bench, one);
  assert.deepEqual(one.seen, ["1:1", "2:2", "2:3", "3:4"]);
});

test("a log is read once for all shards whose turn it is, from the first to the last position that any needs", () => {
  const bench = new ClientBench();
  bench.storage.record("a", ...Array.from({ length: 6 }, (_, at) => [entryOf(0, 1, at + 1), entryOf(1, 4, at + 1)]));
  const first = target(0, range("a", 1, 2, 4));
  const second = target(1, range("a", 4, 3, 6));
  replayed(bench, first, second);
  assert.deepEqual(readsOf(bench), ["a@2x4"]);
  assert.deepEqual(first.seen, ["1:2", "1:3"]);
  assert.deepEqual(second.seen, ["4:3", "4:4", "4:5"]);
});

test("a shard that needs a log later than another does not get it earlier", () => {
  const bench = new ClientBench();
  bench.storage.record("a", [entryOf(0, 1, 1), entryOf(1, 2, 2)]);
  bench.storage.record("b", [entryOf(1, 1, 1)]);
  const first = target(0, range("a", 1, 1, 2));
  const second = target(1, range("b", 1, 1, 2), range("a", 2, 1, 2));
  replayed(bench, first, second);
  assert.deepEqual(first.seen, ["1:1"]);
  assert.deepEqual(second.seen, ["1:1", "2:2"]);
});

test("an absent position refuses the shards whose ranges hold it, by name, and no other", () => {
  const bench = new ClientBench();
  bench.storage.record("a", ...Array.from({ length: 5 }, (_, at) => [0, 1, 2].map((shard) => entryOf(shard, 1, at + 1))));
  bench.storage.logs.get("a")?.delete(3);
  const around = target(0, range("a", 1, 1, 6));
  const before = target(1, range("a", 1, 1, 3));
  const behind = target(2, range("a", 1, 4, 6));
  replayed(bench, around, before, behind);
  assert.deepEqual(around.seen, ["1:1", "1:2"]);
  assert.match(around.refusals[0] ?? "", /^records_missing: .*log a .*position 3/);
  assert.equal(around.refusals.length, 1);
  assert.deepEqual(before.seen, ["1:1", "1:2"]);
  assert.deepEqual(behind.seen, ["1:4", "1:5"]);
  assert.deepEqual([before.refusals, behind.refusals], [[], []]);
});

test("a refused shard's later ranges are not replayed", () => {
  const bench = new ClientBench();
  bench.storage.record("b", [entryOf(0, 2, 2)]);
  const one = target(0, range("a", 1, 1, 2), range("b", 2, 1, 2));
  replayed(bench, one);
  assert.deepEqual(one.seen, []);
  assert.equal(one.refusals.length, 1);
});

test("what nobody can use any more is not read: a range lost at its beginning costs one look", () => {
  const bench = new ClientBench();
  const one = target(0, range("gone", 1, 1, 5_000_000));
  replayed(bench, one);
  assert.equal(one.refusals.length, 1);
  assert.equal(readsOf(bench).length, 1);
});

test("of a log whose beginning is lost, what other shards need is read from where they need it", () => {
  const bench = new ClientBench();
  const entries = Array.from({ length: 3_000 }, (_, at) => [entryOf(1, 1, at + 1)]);
  bench.storage.record("a", ...entries);
  for (let position = 1; position < 2_990; position++) bench.storage.logs.get("a")?.delete(position);
  const lost = target(0, range("a", 1, 1, 3_001));
  const kept = target(1, range("a", 1, 2_995, 3_001));
  replayed(bench, lost, kept);
  assert.equal(lost.refusals.length, 1);
  assert.deepEqual(kept.seen, ["1:2995", "1:2996", "1:2997", "1:2998", "1:2999", "1:3000"]);
  assert.deepEqual(readsOf(bench), ["a@1x1024", "a@2995x6"]);
});

test("a seal, a newer record, another cluster's and what is no record refuse the shard, by position", () => {
  const spoil: readonly (readonly [spoiled: (body: Uint8Array) => void, why: RegExp])[] = [
    [(body) => (body[3] = 3), /newer.* position 2/],
    [(body) => (body[10] = 0), /position 2.*another cluster/],
    [(body) => body.fill(0), /position 2.*not a record/],
  ];
  for (const [change, why] of spoil) {
    const bench = new ClientBench();
    bench.storage.record("a", [entryOf(0, 1, 1)], [entryOf(0, 1, 2)], [entryOf(0, 1, 3)]);
    change(bench.storage.at("a", 2) ?? assert.fail());
    const one = target(0, range("a", 1, 1, 4));
    const other = target(1, range("a", 1, 3, 4));
    replayed(bench, one, other);
    assert.match(one.refusals.join(), why);
    assert.deepEqual(one.seen, ["1:1"]);
    assert.deepEqual(other.refusals, []);
  }
  const bench = new ClientBench();
  bench.storage.record("a", [entryOf(0, 1, 1)]);
  bench.storage.seal("a", 2);
  const one = target(0, range("a", 1, 1, 4));
  replayed(bench, one);
  assert.match(one.refusals.join(), /seal at position 2/);
});

/** Puts a record at a position in which references stand for entries; their values are there too. */
function spill(bench: ClientBench, log: string, position: number, ...entries: readonly Entry[]): void {
  const writer = new ByteWriter();
  const record = new ByteWriter();
  codec.beginRecord(record, new Uint8Array(12).fill(position));
  for (const [n, entry] of entries.entries()) {
    codec.encodeEntry(entry, writer);
    const bytes = codec.encodeValue(writer.take());
    const object = valueName(log, position, n);
    codec.encodeReference(entry, { object, length: bytes.length, checksum: crc32(bytes) }, record);
    bench.storage.driver.objects.set(object, bytes);
  }
  bench.storage.put(log, position, record.take());
}

function valuesRead(bench: ClientBench): string[] {
  return bench.storage.asked.flatMap((effect) => (effect.kind === "readValue" ? [effect.object] : []));
}

test("entries that lie in the snapshot store are read, and applied in their place", () => {
  const bench = new ClientBench();
  bench.storage.record("a", [entryOf(0, 1, 1)]);
  spill(bench, "a", 2, entryOf(0, 1, 2), entryOf(0, 1, 3));
  bench.storage.put("a", 3, bench.storage.at("a", 1) ?? assert.fail());
  spill(bench, "a", 4, entryOf(0, 1, 4));
  const one = target(0, range("a", 1, 1, 5));
  const { bytes } = replayed(bench, one);
  assert.deepEqual(one.seen, ["1:1", "1:2", "1:3", "1:1", "1:4"]);
  const values = [...bench.storage.driver.objects.values()].reduce((sum, value) => sum + value.length, 0);
  assert.ok(bytes > values, "values count as read");
});

test("only values that a shard needs are read: not another's, nor of another epoch or outside its range", () => {
  const bench = new ClientBench();
  spill(bench, "a", 1, entryOf(0, 1, 1));
  spill(bench, "a", 2, entryOf(0, 1, 2), entryOf(1, 1, 1), entryOf(0, 2, 9));
  spill(bench, "a", 3, entryOf(0, 1, 3));
  const one = target(0, range("a", 1, 2, 3));
  replayed(bench, one);
  assert.deepEqual(one.seen, ["1:2"]);
  assert.deepEqual(valuesRead(bench), ["values/a/2-0"]);
});

test("a value that is missing or damaged refuses its shard alone, by name; reads that fail are tried again", () => {
  const damages: readonly (readonly [(objects: Map<string, Uint8Array>, name: string) => void, RegExp])[] = [
    [(objects, name) => objects.delete(name), /no such object/],
    [(objects, name) => objects.set(name, (objects.get(name) ?? assert.fail()).subarray(1)), /bytes/],
    [(objects, name) => objects.set(name, Uint8Array.from([...(objects.get(name) ?? assert.fail()), 0])), /bytes/],
    [
      (objects, name) =>
        objects.set(
          name,
          (objects.get(name) ?? assert.fail()).map((byte) => byte ^ 1),
        ),
      /checksum/,
    ],
  ];
  for (const [damage, why] of damages) {
    const bench = new ClientBench();
    spill(bench, "a", 1, entryOf(0, 1, 1), entryOf(1, 1, 1));
    spill(bench, "a", 2, entryOf(0, 1, 2), entryOf(1, 1, 2));
    damage(bench.storage.driver.objects, "values/a/2-0");
    let failures = 3;
    bench.storage.intercept = (effect) =>
      effect.kind === "readValue" && failures-- > 0
        ? { kind: "valueRead", object: effect.object, result: { kind: "failed", message: "slow" } }
        : undefined;
    const lost = target(0, range("a", 1, 1, 3));
    const kept = target(1, range("a", 1, 1, 3));
    replayed(bench, lost, kept);
    assert.match(lost.refusals.join(), /^value_missing: .*position 2 of log a .*values\/a\/2-0/);
    assert.match(lost.refusals.join(), why);
    assert.deepEqual(lost.seen, ["1:1"]);
    assert.deepEqual(kept.seen, ["1:1", "1:2"]);
    assert.deepEqual(kept.refusals, []);
  }
});

test("values are read ahead, a few at once, and applied in order however they come", () => {
  const bench = new ClientBench();
  const entries = Array.from({ length: 30 }, (_, at) => entryOf(0, 1, at + 1));
  spill(bench, "a", 1, ...entries);
  const held: Effect[] = [];
  let mostHeld = 0;
  bench.storage.intercept = (effect) => {
    if (effect.kind !== "readValue") return undefined;
    held.push(effect);
    mostHeld = Math.max(mostHeld, held.length);
    return null;
  };
  const one = target(0, range("a", 1, 1, 2));
  const ends: ReplaySize[] = [];
  replay(codec, bench.client, new WalkedRecords(), crc32, [one], (size) => ends.push(size));
  bench.settle();
  while (held.length > 0) {
    const last = held.pop() ?? assert.fail();
    const input = bench.storage.performed(last);
    if (input !== null) bench.report(input);
    bench.settle();
  }
  assert.equal(ends.length, 1);
  assert.equal(mostHeld, 8);
  assert.deepEqual(
    one.seen,
    entries.map(({ sequence }) => `1:${sequence}`),
  );
});

test("any shards with any ranges over any logs get exactly their entries, in the order of their ranges", () => {
  const LOGS = ["a", "b", "c"];
  const LENGTH = 8;
  const anyRange = fc
    .tuple(fc.constantFrom(...LOGS), fc.integer({ min: 1, max: 2 }), fc.integer({ min: 1, max: LENGTH }), fc.nat({ max: LENGTH }))
    .map(([log, epoch, from, length]) => range(log, epoch, from, Math.min(LENGTH + 1, from + length)));
  const ranges = fc.array(fc.uniqueArray(anyRange, { maxLength: 3, selector: ({ log, epoch }) => log + epoch }), {
    maxLength: 4,
  });
  fc.assert(
    fc.property(ranges, (rangesOfShards) => {
      const bench = new ClientBench();
      const entriesAt = (log: string, position: number): Entry[] =>
        rangesOfShards.flatMap((_, shard) => [1, 2].map((epoch) => entryOf(shard, epoch, LOGS.indexOf(log) * 100 + position)));
      for (const log of LOGS) {
        bench.storage.record(log, ...Array.from({ length: LENGTH }, (_, at) => entriesAt(log, at + 1)));
      }
      const targets = rangesOfShards.map((some, shard) => target(shard, ...some));
      replayed(bench, ...targets);
      for (const one of targets) {
        const wanted = one.ranges.flatMap(({ log, epoch, from, to }) =>
          Array.from({ length: to - from }, (_, at) => `${epoch}:${LOGS.indexOf(log) * 100 + from + at}`),
        );
        assert.deepEqual(one.seen, wanted);
        assert.deepEqual(one.refusals, []);
      }
    }),
    { numRuns: 300 },
  );
});
