import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { deflateRawSync, inflateRawSync } from "node:zlib";
import fc from "fast-check";
import { ByteReader, MalformedBytes } from "../bytes/byte-reader.js";
import { ByteWriter } from "../bytes/byte-writer.js";
import { compareBytes } from "../bytes/compare.js";
import { encodeUtf8 } from "../bytes/utf8.js";
import { BlockCursor } from "./block.js";
import { crc32 } from "./crc32.js";
import { keyHash } from "./key-hash.js";
import { OpenSegment } from "./open-segment.js";
import { blockSeed, encodeHeader, SegmentFault, seedOf } from "./segment-format.js";
import { decodeSegmentReference, encodeSegmentReference, type SegmentReference } from "./segment-reference.js";
import type { SegmentTools } from "./segment-tools.js";
import { CHUNK_BYTES_MAX, CHUNK_BYTES_WANTED, SegmentWriter } from "./segment-writer.js";
import { PARTIAL, TOMBSTONE } from "./version-fold.js";

interface Entry {
  readonly key: Uint8Array;
  readonly flags: number;
  readonly expiresAtMs: number;
  readonly value: Uint8Array;
}

interface Written {
  readonly bytes: Uint8Array;
  readonly reference: SegmentReference;
  readonly chunkBytesMax: number;
}

const CLUSTER = encodeUtf8("c1");
const TOOLS: SegmentTools = {
  checksum: crc32,
  deflate: (bytes) => deflateRawSync(bytes),
  inflate: (bytes, length) => {
    try {
      const inflated = inflateRawSync(bytes, { maxOutputLength: Math.max(1, length) });
      return inflated.length === length ? new Uint8Array(inflated) : null;
    } catch {
      return null;
    }
  },
};

function write(entries: readonly Entry[], isDeflated = false): Written {
  const writer = new SegmentWriter({ clusterId: CLUSTER, object: "s/1" }, 0, TOOLS, isDeflated);
  const chunks: Uint8Array[] = [];
  const take = (chunk: Uint8Array | null) => chunk !== null && chunks.push(chunk) > 0;
  for (const entry of entries) {
    writer.add(entry.key, entry.flags, entry.expiresAtMs, entry.value);
    while (take(writer.takeChunk()));
  }
  while (take(writer.takeRest()));
  const reference = writer.reference as SegmentReference;
  return {
    bytes: new Uint8Array(Buffer.concat(chunks)),
    reference,
    chunkBytesMax: Math.max(...chunks.map((each) => each.length)),
  };
}

function open({ bytes, reference }: Written, clusterId = CLUSTER, tools = TOOLS): OpenSegment {
  return new OpenSegment(1, reference, bytes.subarray(reference.bytes - reference.tailBytes, reference.bytes), clusterId, tools);
}

function blockOf(written: Written, segment: OpenSegment, block: number): Uint8Array {
  const from = segment.blockOffset(block);
  const bytes = written.bytes.subarray(from, from + segment.blockLength(block));
  return segment.openBlock(block, bytes);
}

/** The codec of each block. */
function codecs(written: Written): readonly number[] {
  const segment = open(written);
  return Array.from({ length: segment.blocks }, (_, block) => written.bytes[segment.blockOffset(block)] ?? -1);
}

function readAll(written: Written): Entry[] {
  const segment = open(written);
  const entries: Entry[] = [];
  for (let block = 0; block < segment.blocks; block++) {
    const cursor = new BlockCursor();
    cursor.reset(blockOf(written, segment, block), "s/1");
    while (cursor.next()) {
      const { flags, expiresAtMs } = cursor;
      entries.push({ key: cursor.key.slice(), flags, expiresAtMs, value: cursor.value.slice() });
    }
  }
  return entries;
}

const entryList = fc
  .uniqueArray(
    fc.record({
      key: fc.uint8Array({ maxLength: 20 }),
      flags: fc.constantFrom(0, 0, 0, PARTIAL, TOMBSTONE),
      expiresAtMs: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 2 ** 48 - 1 })),
      size: fc.oneof(fc.nat({ max: 100 }), fc.nat({ max: 9_000 }), fc.constantFrom(400_000)),
    }),
    { minLength: 1, maxLength: 120, selector: (each) => Buffer.from(each.key).toString("hex") },
  )
  .map((list) =>
    list
      .map(
        ({ key, flags, expiresAtMs, size }): Entry => ({
          key,
          flags,
          expiresAtMs,
          value: new Uint8Array(flags === TOMBSTONE ? 0 : size).fill(size),
        }),
      )
      .sort((left, right) => compareBytes(left.key, right.key)),
  );

test("what is written is read back, every key is found in the block that the index names, chunks are bounded", () => {
  fc.assert(
    fc.property(entryList, fc.uint8Array({ maxLength: 20 }), fc.boolean(), (entries, other, isDeflated) => {
      const written = write(entries, isDeflated);
      assert.equal(written.bytes.length, written.reference.bytes);
      assert.equal(written.reference.count, entries.length);
      assert.equal(written.reference.tombstones, entries.filter((entry) => entry.flags === TOMBSTONE).length);
      assert.ok(written.chunkBytesMax <= CHUNK_BYTES_MAX);
      assert.deepEqual(readAll(written), entries);
      const segment = open(written);
      for (const { key, value } of entries) {
        assert.ok(segment.mayHold(key, keyHash(key)));
        const cursor = new BlockCursor();
        cursor.reset(blockOf(written, segment, segment.blockOf(key)), "s/1");
        assert.ok(cursor.find(key));
        assert.deepEqual(cursor.value.slice(), value);
      }
      const isThere = entries.some((entry) => compareBytes(entry.key, other) === 0);
      const cursor = new BlockCursor();
      cursor.reset(blockOf(written, segment, segment.blockOf(other)), "s/1");
      assert.equal(cursor.find(other), isThere);
      if (!isThere && compareBytes(other, written.reference.lastKey) > 0) assert.ok(!segment.mayHold(other, keyHash(other)));
    }),
    { numRuns: 100 },
  );
});

const SAMPLE: readonly Entry[] = Array.from({ length: 200 }, (_, index) => ({
  key: encodeUtf8(`entity/${String(index).padStart(4, "0")}`),
  flags: index % 10 === 3 ? TOMBSTONE : 0,
  expiresAtMs: index % 7 === 0 ? 1_700_000_000_000 : 0,
  value: index % 10 === 3 ? new Uint8Array(0) : new Uint8Array(100).fill(index),
}));

test("every changed byte of blocks and tail is noticed, and so is every cut", () => {
  const written = write(SAMPLE);
  const firstBlock = open(written).blockOffset(0);
  for (let at = firstBlock; at < written.bytes.length; at += at < written.bytes.length - 500 ? 13 : 1) {
    const bytes = written.bytes.slice();
    bytes[at] = (bytes[at] as number) ^ 0x10;
    assert.throws(() => readAll({ ...written, bytes }), SegmentFault, `byte ${at}`);
  }
  for (let length = 0; length < written.bytes.length; length += 97) {
    assert.throws(() => readAll({ ...written, bytes: written.bytes.subarray(0, length) }), SegmentFault, `cut to ${length}`);
  }
});

test("deflated blocks are smaller, and what does not get smaller stays as it is", () => {
  const plain = write(SAMPLE);
  const deflated = write(SAMPLE, true);
  assert.ok(deflated.bytes.length < plain.bytes.length / 2, `${deflated.bytes.length} of ${plain.bytes.length} bytes`);
  assert.deepEqual(readAll(deflated), readAll(plain));
  assert.equal(codecs(deflated)[0], 1);
  const noise = new Uint8Array(
    Buffer.concat(Array.from({ length: 300 }, (_, n) => createHash("sha256").update(`${n}`).digest())),
  );
  const dense: readonly Entry[] = [{ key: encodeUtf8("k"), flags: 0, expiresAtMs: 0, value: noise }];
  assert.deepEqual(codecs(write(dense, true)), [0]);
  const huge: readonly Entry[] = [{ key: encodeUtf8("k"), flags: 0, expiresAtMs: 0, value: new Uint8Array(300_000) }];
  assert.deepEqual(codecs(write(huge, true)), [0], "a large value would hold up the loop");
});

test("a chunk is handed out after a bounded amount of deflating, however small it has become", () => {
  const deflated: number[] = [];
  const deflate = (bytes: Uint8Array): Uint8Array => {
    deflated.push(bytes.length);
    return TOOLS.deflate(bytes);
  };
  const tools: SegmentTools = { ...TOOLS, deflate };
  const writer = new SegmentWriter({ clusterId: CLUSTER, object: "s/1" }, 0, tools, true);
  let chunks = 0;
  for (let n = 0; n < 4_000; n++) {
    writer.add(encodeUtf8(`k/${String(n).padStart(6, "0")}`), 0, 0, new Uint8Array(100));
    if (!writer.isChunkReady) continue;
    const work = deflated.splice(0).reduce((sum, bytes) => sum + bytes, 0);
    assert.ok(work <= 2 * CHUNK_BYTES_WANTED, `${work} bytes were deflated for one chunk`);
    assert.notEqual(writer.takeChunk(), null);
    chunks++;
  }
  assert.ok(chunks > 4);
});

test("a deflated block that is damaged behind a right checksum, or claims to be larger than it can be, is damage", () => {
  const written = write(SAMPLE, true);
  const inflate: SegmentTools["inflate"] = (bytes, length) => {
    assert.ok(length < 1 << 20, `room for ${length} bytes would be made`);
    return TOOLS.inflate(bytes, length);
  };
  const segment = open(written, CLUSTER, { ...TOOLS, inflate });
  const from = segment.blockOffset(0);
  const block = written.bytes.slice(from, from + segment.blockLength(0));
  const seed = blockSeed(seedOf(encodeHeader({ clusterId: CLUSTER, object: "s/1" }, crc32), crc32), from);
  const reopened = (change: (bytes: Uint8Array) => void) => {
    const changed = block.slice();
    change(changed);
    const end = changed.length - 4;
    new DataView(changed.buffer).setUint32(end, crc32(changed.subarray(0, end), seed), true);
    return () => segment.openBlock(0, changed);
  };
  const isFault = (code: string) => (error: unknown) => error instanceof SegmentFault && error.problem.code === code;
  assert.doesNotThrow(reopened(() => undefined));
  for (const length of [0, 1, 2 ** 32 - 1]) {
    const lie = (bytes: Uint8Array) => new DataView(bytes.buffer).setUint32(2, length, true);
    assert.throws(reopened(lie), isFault("segment_damaged"), `${length}`);
  }
  for (let at = 6; at < block.length - 4; at += 7) {
    const flip = (bytes: Uint8Array) => bytes.set([(bytes[at] ?? 0) ^ 0x55], at);
    try {
      reopened(flip)();
    } catch (error) {
      assert.ok(isFault("segment_damaged")(error), String(error));
    }
  }
  assert.throws(
    reopened((bytes) => bytes.set([2], 0)),
    isFault("format_newer"),
  );
  assert.throws(
    reopened((bytes) => bytes.set([1], 1)),
    isFault("format_newer"),
  );
});

test("a right block in the wrong place or of another object is damage", () => {
  const written = write(SAMPLE);
  const segment = open(written);
  const size = Math.min(segment.blockLength(0), segment.blockLength(1));
  const first = written.bytes.slice(segment.blockOffset(0), segment.blockOffset(0) + segment.blockLength(0));
  assert.throws(() => segment.openBlock(1, first.subarray(0, size)), SegmentFault);
  const other = new SegmentWriter({ clusterId: CLUSTER, object: "s/2" }, 0, TOOLS, false);
  for (const entry of SAMPLE) other.add(entry.key, entry.flags, entry.expiresAtMs, entry.value);
  const start = open(written).blockOffset(0);
  const chunks: Uint8Array[] = [];
  for (let chunk = other.takeRest(); chunk !== null; chunk = other.takeRest()) chunks.push(chunk);
  const bytes = new Uint8Array(Buffer.concat(chunks));
  assert.equal(bytes.length, written.bytes.length);
  assert.throws(() => segment.openBlock(0, bytes.subarray(start, start + segment.blockLength(0))), SegmentFault);
});

test("a segment of another cluster, or written under another name, is refused", () => {
  const written = write(SAMPLE);
  const isDamaged = (error: unknown) => error instanceof SegmentFault && error.problem.code === "segment_damaged";
  assert.throws(() => open(written, encodeUtf8("c2")), isDamaged);
  assert.throws(() => open({ ...written, reference: { ...written.reference, object: "s/9" } }), isDamaged);
  assert.throws(() => open({ ...written, reference: { ...written.reference, checksum: 1 } }), isDamaged);
});

test("a newer format has its own code", () => {
  const written = write(SAMPLE);
  const bytes = written.bytes.slice();
  bytes[bytes.length - 9] = 2;
  const checksum = crc32(bytes.subarray(bytes.length - written.reference.tailBytes, bytes.length - 4));
  new DataView(bytes.buffer).setUint32(bytes.length - 4, checksum, true);
  assert.throws(
    () => open({ ...written, bytes, reference: { ...written.reference, checksum } }),
    (error: unknown) => error instanceof SegmentFault && error.problem.code === "format_newer" && error.problem.object === "s/1",
  );
});

test("bytes with right checksums and no sense are damage, never another error and never an endless walk", () => {
  const orFault = (work: () => void) => {
    try {
      work();
    } catch (error) {
      if (!(error instanceof SegmentFault)) throw error;
    }
  };
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 6, maxLength: 200 }), (bytes) => {
      orFault(() => {
        const cursor = new BlockCursor();
        cursor.reset(bytes, "s/1");
        for (let entries = 0; cursor.next(); entries++) assert.ok(entries < 200);
      });
    }),
    { numRuns: 2_000 },
  );
  const written = write(SAMPLE);
  const { tailBytes } = written.reference;
  const change = fc.tuple(fc.nat({ max: tailBytes - 5 }), fc.nat({ max: 255 }));
  fc.assert(
    fc.property(fc.array(change, { minLength: 1, maxLength: 6 }), fc.uint8Array({ maxLength: 12 }), (changes, key) => {
      const bytes = written.bytes.slice();
      for (const [at, byte] of changes) bytes[bytes.length - tailBytes + at] = byte;
      const checksum = crc32(bytes.subarray(bytes.length - tailBytes, bytes.length - 4));
      new DataView(bytes.buffer).setUint32(bytes.length - 4, checksum, true);
      orFault(() => {
        const segment = open({ ...written, bytes, reference: { ...written.reference, checksum } });
        segment.mayHold(key, keyHash(key));
        segment.blockLength(segment.blockOf(key));
      });
      orFault(() => readAll({ ...written, bytes, reference: { ...written.reference, checksum } }));
    }),
    { numRuns: 1_000 },
  );
});

test("keys out of order are refused", () => {
  const writer = new SegmentWriter({ clusterId: CLUSTER, object: "s/1" }, 0, TOOLS, false);
  writer.add(encodeUtf8("b"), 0, 0, encodeUtf8("1"));
  assert.throws(() => writer.add(encodeUtf8("b"), 0, 0, encodeUtf8("2")), /ascend/);
  assert.throws(() => writer.add(encodeUtf8("a"), 0, 0, encodeUtf8("2")), /ascend/);
});

test("a reference survives its codec, and hostile bytes are refused", () => {
  const { reference } = write(SAMPLE);
  const writer = new ByteWriter();
  encodeSegmentReference(writer, reference);
  const bytes = writer.take();
  assert.ok(bytes.length < 120, `${bytes.length} bytes`);
  assert.deepEqual(decodeSegmentReference(new ByteReader(bytes)), reference);
  for (let length = 0; length < bytes.length; length++) {
    assert.throws(() => decodeSegmentReference(new ByteReader(bytes.subarray(0, length))));
  }
  fc.assert(
    fc.property(fc.nat({ max: bytes.length - 1 }), fc.nat({ max: 255 }), (at, byte) => {
      const changed = bytes.slice();
      changed[at] = byte;
      try {
        decodeSegmentReference(new ByteReader(changed));
      } catch (error) {
        assert.ok(error instanceof MalformedBytes, String(error));
      }
    }),
    { numRuns: 1_000 },
  );
  const newer = bytes.slice();
  newer[0] = 2;
  assert.throws(() => decodeSegmentReference(new ByteReader(newer)), /format 2/);
});
