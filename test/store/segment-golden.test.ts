/**
 * The segment format as version 1 wrote it. Deflated bytes depend on the release of zlib, so that only reading is held to them.
 * These bytes are on people's disks: a change here needs a new version.
 */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { ByteReader } from "../../src/core/bytes/byte-reader.js";
import { ByteWriter } from "../../src/core/bytes/byte-writer.js";
import { encodeUtf8, readUtf8 } from "../../src/core/bytes/utf8.js";
import { BlockCursor } from "../../src/core/store/block.js";
import { keyHash } from "../../src/core/store/key-hash.js";
import { OpenSegment } from "../../src/core/store/open-segment.js";
import { decodeSegmentReference, encodeSegmentReference, type SegmentReference } from "../../src/core/store/segment-reference.js";
import { SegmentWriter } from "../../src/core/store/segment-writer.js";
import { PARTIAL, TOMBSTONE } from "../../src/core/store/version-fold.js";
import { segmentTools } from "../../src/router/driver/segment-tools.js";
import { concatenated } from "./store-driver.js";

const FOLDER = "test/golden/";
const CLUSTER = encodeUtf8("golden");
const OBJECT = "shard-0/1-golden";

/** Enough for several blocks of either size. */
const COUNT = { segment: 300, "segment-deflated": 900 };

const entriesOf = (count: number) =>
  Array.from({ length: count }, (_, index) => ({
    key: `k/${String(index).padStart(4, "0")}`,
    flags: index % 10 === 3 ? TOMBSTONE : index % 10 === 5 ? PARTIAL : 0,
    expiresAtMs: index % 7 === 0 ? 1_800_000_000_000 + index : 0,
    value: index % 10 === 3 ? "" : `value ${index} ${"v".repeat(index % 90)}`,
  }));

interface Golden {
  readonly bytes: Uint8Array;
  /** Encoded. */
  readonly reference: Uint8Array;
}

function written(name: keyof typeof COUNT): Golden {
  const writer = new SegmentWriter({ clusterId: CLUSTER, object: OBJECT }, 3, segmentTools, name === "segment-deflated");
  for (const { key, flags, expiresAtMs, value } of entriesOf(COUNT[name]))
    writer.add(encodeUtf8(key), flags, expiresAtMs, encodeUtf8(value));
  const chunks: Uint8Array[] = [];
  for (let chunk = writer.takeRest(); chunk !== null; chunk = writer.takeRest()) chunks.push(chunk);
  const reference = new ByteWriter();
  encodeSegmentReference(reference, writer.reference as SegmentReference);
  return { bytes: concatenated(chunks), reference: reference.take() };
}

function golden(name: keyof typeof COUNT): Golden {
  const files = { bytes: `${FOLDER}${name}-1.bin`, reference: `${FOLDER}${name.replace("segment", "segment-reference")}-1.bin` };
  if (process.env["HOLDFAST_WRITE_GOLDEN"] === "1") {
    const { bytes, reference } = written(name);
    writeFileSync(files.bytes, bytes);
    writeFileSync(files.reference, reference);
  }
  return { bytes: new Uint8Array(readFileSync(files.bytes)), reference: new Uint8Array(readFileSync(files.reference)) };
}

for (const [name, codec] of [
  ["segment", 0],
  ["segment-deflated", 1],
] as const) {
  test(`the golden ${name} of format 1 reads entry by entry`, () => {
    const { bytes, reference: encoded } = golden(name);
    const reference = decodeSegmentReference(new ByteReader(encoded));
    assert.equal(reference.object, OBJECT);
    assert.equal(reference.bytes, bytes.length);
    const segment = new OpenSegment(1, reference, bytes.subarray(bytes.length - reference.tailBytes), CLUSTER, segmentTools);
    const read: ReturnType<typeof entriesOf> = [];
    for (let block = 0; block < segment.blocks; block++) {
      const from = segment.blockOffset(block);
      assert.equal(bytes[from], codec);
      const content = bytes.subarray(from, from + segment.blockLength(block));
      const cursor = new BlockCursor();
      cursor.reset(segment.openBlock(block, content), OBJECT);
      while (cursor.next()) {
        assert.ok(segment.mayHold(cursor.key, keyHash(cursor.key)));
        read.push({
          key: readUtf8(cursor.key),
          flags: cursor.flags,
          expiresAtMs: cursor.expiresAtMs,
          value: readUtf8(cursor.value),
        });
      }
    }
    assert.ok(segment.blocks > 1);
    assert.deepEqual(read, entriesOf(COUNT[name]));
  });
}

test("a segment is written today byte for byte as format 1 was", () => {
  assert.deepEqual(written("segment"), golden("segment"));
});
