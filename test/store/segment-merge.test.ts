import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeUtf8, readUtf8 } from "../../src/core/bytes/utf8.js";
import { BlockCursor } from "../../src/core/store/block.js";
import { OpenSegment } from "../../src/core/store/open-segment.js";
import { SegmentMerge } from "../../src/core/store/segment-merge.js";
import type { SegmentReference } from "../../src/core/store/segment-reference.js";
import { CHUNK_BYTES_MAX, SegmentWriter } from "../../src/core/store/segment-writer.js";
import type { CompactionJob } from "../../src/core/store/store-io.js";
import { PARTIAL, TOMBSTONE } from "../../src/core/store/version-fold.js";
import { segmentTools } from "../../src/router/driver/segment-tools.js";
import { concatenated, StoreDriver } from "./store-driver.js";

type Row = readonly [key: string, value: string, flags?: number, expiresAtMs?: number];

const CLUSTER = encodeUtf8("merge");
const joined = (newer: Uint8Array, older: Uint8Array) => encodeUtf8(`${readUtf8(newer)}+${readUtf8(older)}`);

function written(driver: StoreDriver, object: string, rows: readonly Row[]): SegmentReference {
  const writer = new SegmentWriter({ clusterId: CLUSTER, object }, 0, segmentTools, false);
  for (const [key, value, flags = 0, expiresAtMs = 0] of rows) writer.add(encodeUtf8(key), flags, expiresAtMs, encodeUtf8(value));
  const chunks: Uint8Array[] = [];
  for (let chunk = writer.takeRest(); chunk !== null; chunk = writer.takeRest()) chunks.push(chunk);
  driver.objects.set(object, concatenated(chunks));
  return writer.reference as SegmentReference;
}

function jobOf(inputs: readonly SegmentReference[], isBottom: boolean): CompactionJob {
  return { object: "out", clusterId: CLUSTER, inputs, isBottom, nowMs: 1_000, level: 1, isDeflated: false, readBytes: 16_000 };
}

/** Runs a merge to its end; what it wrote, row by row, and the largest chunk. */
function merged(
  driver: StoreDriver,
  job: CompactionJob,
): { readonly rows: Row[]; readonly chunkBytesMax: number; readonly reads: number } {
  const merge = new SegmentMerge(job, joined, segmentTools);
  const chunks: Uint8Array[] = [];
  for (let reads = 0; ; ) {
    const step = merge.step();
    if (step.kind === "read") {
      reads += 1;
      merge.supply(step.input, driver.read(step.object, step.offset, step.length));
    } else if (step.kind === "chunk") chunks.push(step.bytes);
    else if (step.kind === "failed") assert.fail(step.message);
    else {
      const rows = step.segment === null ? [] : rowsOf(concatenated(chunks), step.segment);
      return { rows, chunkBytesMax: Math.max(0, ...chunks.map((chunk) => chunk.length)), reads };
    }
  }
}

function rowsOf(bytes: Uint8Array, reference: SegmentReference): Row[] {
  const segment = new OpenSegment(1, reference, bytes.subarray(bytes.length - reference.tailBytes), CLUSTER, segmentTools);
  const rows: Row[] = [];
  for (let block = 0; block < segment.blocks; block++) {
    const from = segment.blockOffset(block);
    const content = bytes.subarray(from, from + segment.blockLength(block));
    const cursor = new BlockCursor();
    cursor.reset(segment.openBlock(block, content), reference.object);
    while (cursor.next()) rows.push([readUtf8(cursor.key), readUtf8(cursor.value), cursor.flags, cursor.expiresAtMs]);
  }
  return rows;
}

const NEW: readonly Row[] = [
  ["a", "new a"],
  ["b", "", TOMBSTONE],
  ["c", "partial c", PARTIAL],
  ["d", "expired", 0, 999],
  ["e", "lives", 0, 1_001],
  ["f", "alone", PARTIAL],
  ["g", "over a tombstone", PARTIAL],
];
const OLD: readonly Row[] = [
  ["a", "old a"],
  ["b", "old b"],
  ["c", "old c"],
  ["d", "old d"],
  ["e", "old e"],
  ["g", "", TOMBSTONE],
  ["z", "only old"],
];

test("above the bottom tombstones and expired values go on hiding what is older, and partial ones stay partial", () => {
  const driver = new StoreDriver(joined);
  const inputs = [written(driver, "new", NEW), written(driver, "old", OLD)];
  assert.deepEqual(merged(driver, jobOf(inputs, false)).rows, [
    ["a", "new a", 0, 0],
    ["b", "", TOMBSTONE, 0],
    ["c", "partial c+old c", 0, 0],
    ["d", "", TOMBSTONE, 0],
    ["e", "lives", 0, 1_001],
    ["f", "alone", PARTIAL, 0],
    ["g", "over a tombstone", 0, 0],
    ["z", "only old", 0, 0],
  ]);
});

test("at the bottom they are gone, and partial ones are whole", () => {
  const driver = new StoreDriver(joined);
  const inputs = [written(driver, "new", NEW), written(driver, "old", OLD)];
  const { rows } = merged(driver, jobOf(inputs, true));
  assert.deepEqual(
    rows.map(([key, , flags]) => `${key}${flags}`),
    ["a0", "c0", "e0", "f0", "g0", "z0"],
  );
});

test("chunks are bounded, values of megabytes included, and inputs are read in larger pieces", () => {
  const driver = new StoreDriver(joined);
  const rows: Row[] = Array.from({ length: 3_000 }, (_, index) => [`k${String(index).padStart(5, "0")}`, "v".repeat(100)]);
  const big: Row[] = [["k00007x", "b".repeat(2_000_000)]];
  const inputs = [written(driver, "big", big), written(driver, "many", rows)];
  const result = merged(driver, jobOf(inputs, true));
  assert.equal(result.rows.length, 3_001);
  assert.ok(result.chunkBytesMax <= CHUNK_BYTES_MAX);
  assert.ok(result.reads < 45, `${result.reads} reads`);
});

test("a read that fails ends the merge; a missing or damaged input does so by its name", () => {
  const driver = new StoreDriver(joined);
  const inputs = [written(driver, "new", NEW), written(driver, "old", OLD)];
  const spoilt = (driver.objects.get("old") as Uint8Array).slice();
  spoilt[60] = (spoilt[60] as number) ^ 1;
  const cases = [
    { bytes: "failed", code: undefined },
    { bytes: "absent", code: "segment_missing" },
    { bytes: spoilt, code: "segment_damaged" },
  ] as const;
  for (const { bytes, code } of cases) {
    const merge = new SegmentMerge(jobOf(inputs, true), joined, segmentTools);
    for (;;) {
      const step = merge.step();
      if (step.kind === "read") {
        const isOld = step.object === "old";
        if (isOld && bytes === "failed") merge.supply(step.input, { kind: "failed", message: "the disk is tired" });
        else if (isOld && bytes === "absent") merge.supply(step.input, { kind: "absent" });
        else if (isOld && bytes instanceof Uint8Array) {
          merge.supply(step.input, { kind: "found", bytes: bytes.subarray(step.offset, step.offset + step.length) });
        } else merge.supply(step.input, driver.read(step.object, step.offset, step.length));
      } else if (step.kind !== "chunk") {
        assert.equal(step.kind, "failed");
        assert.equal(step.problem?.code, code);
        assert.match(step.message, /old/);
        assert.equal(merge.step(), step, "it stays at that");
        break;
      }
    }
  }
});

test("keys outside of the job's range of hashes are left out, whatever they are, and all of them leave nothing", () => {
  const driver = new StoreDriver(joined);
  const key = (hash: number, name: string): string => `\u0001${String.fromCharCode(0, 0, 0, hash)}${name}`;
  const inputs = [
    written(driver, "new", [
      [key(3, "a"), "3"],
      [key(5, "b"), "", TOMBSTONE],
    ]),
    written(driver, "old", [
      [key(2, "a"), "2"],
      [key(4, "a"), "4"],
      [key(5, "b"), "5"],
    ]),
  ];
  const within = (from: number, to: number): readonly Row[] =>
    merged(driver, { ...jobOf(inputs, false), hashes: { from, to } }).rows;
  assert.deepEqual(
    within(0, 4).map(([, value]) => value),
    ["2", "3"],
  );
  assert.deepEqual(
    within(4, 2 ** 32).map(([, value, flags]) => [value, flags]),
    [
      ["4", 0],
      ["", TOMBSTONE],
    ],
  );
  assert.deepEqual(within(6, 9), []);
});
