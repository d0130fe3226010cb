/** The segment format as version 1 wrote it. These bytes are on people's disks: a change here needs a new version. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { ByteReader } from "../../src/core/bytes/byte-reader.js";
import { ByteWriter } from "../../src/core/bytes/byte-writer.js";
import { encodeUtf8, readUtf8 } from "../../src/core/bytes/utf8.js";
import { BlockCursor } from "../../src/core/store/block.js";
import { crc32 } from "../../src/core/store/crc32.js";
import { keyHash } from "../../src/core/store/key-hash.js";
import { OpenSegment } from "../../src/core/store/open-segment.js";
import { decodeSegmentReference, encodeSegmentReference, type SegmentReference } from "../../src/core/store/segment-reference.js";
import { SegmentWriter } from "../../src/core/store/segment-writer.js";
import { PARTIAL, TOMBSTONE } from "../../src/core/store/version-fold.js";
import { concatenated } from "./store-driver.js";

const FOLDER = "test/golden/";
const CLUSTER = encodeUtf8("golden");
const OBJECT = "shard-0/1-golden";

const ENTRIES = Array.from({ length: 300 }, (_, index) => ({
  key: `k/${String(index).padStart(4, "0")}`,
  flags: index % 10 === 3 ? TOMBSTONE : index % 10 === 5 ? PARTIAL : 0,
  expiresAtMs: index % 7 === 0 ? 1_800_000_000_000 + index : 0,
  value: index % 10 === 3 ? "" : `value ${index} ${"v".repeat(index % 90)}`,
}));

function written(): { readonly bytes: Uint8Array; readonly reference: SegmentReference } {
  const writer = new SegmentWriter({ clusterId: CLUSTER, object: OBJECT }, 3, crc32);
  for (const { key, flags, expiresAtMs, value } of ENTRIES) writer.add(encodeUtf8(key), flags, expiresAtMs, encodeUtf8(value));
  const chunks: Uint8Array[] = [];
  for (let chunk = writer.takeRest(); chunk !== null; chunk = writer.takeRest()) chunks.push(chunk);
  return { bytes: concatenated(chunks), reference: writer.reference as SegmentReference };
}

test("the golden segment of format 1 reads entry by entry", () => {
  const bytes = new Uint8Array(readFileSync(`${FOLDER}segment-1.bin`));
  const reference = decodeSegmentReference(new ByteReader(new Uint8Array(readFileSync(`${FOLDER}segment-reference-1.bin`))));
  assert.equal(reference.object, OBJECT);
  assert.equal(reference.bytes, bytes.length);
  const segment = new OpenSegment(1, reference, bytes.subarray(bytes.length - reference.tailBytes), CLUSTER, crc32);
  const read: typeof ENTRIES = [];
  for (let block = 0; block < segment.blocks; block++) {
    const from = segment.blockOffset(block);
    const content = bytes.subarray(from, from + segment.blockLength(block));
    segment.checkBlock(block, content);
    const cursor = new BlockCursor();
    cursor.reset(content, OBJECT);
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
  assert.deepEqual(read, ENTRIES);
});

test("a segment is written today byte for byte as format 1 was", () => {
  const { bytes, reference } = written();
  assert.deepEqual(bytes, new Uint8Array(readFileSync(`${FOLDER}segment-1.bin`)));
  const writer = new ByteWriter();
  encodeSegmentReference(writer, reference);
  assert.deepEqual(writer.take(), new Uint8Array(readFileSync(`${FOLDER}segment-reference-1.bin`)));
});
