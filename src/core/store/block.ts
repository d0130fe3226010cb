/**
 * A block of a segment: entries in key order, about 8 KB of them (16 KB where they are deflated), or one larger entry.
 *
 *     u8 codec, u8 key id, entries, u32 CRC                        codec 0
 *     u8 codec, u8 key id, u32 bytes of the entries, the entries by raw deflate, u32 CRC         codec 1
 *     entry: varint shared, varint rest, rest of the key, u8 flags, varint expiry where EXPIRES, varint length and value
 *            where not TOMBSTONE
 *
 * `shared` bytes of the key are those of the entry before it; the first entry of a block shares none.
 */
import { ByteReader, MalformedBytes } from "../bytes/byte-reader.js";
import type { ByteWriter } from "../bytes/byte-writer.js";
import { blockSeed, CODEC_DEFLATE, CODEC_NONE, CRC_BYTES, damaged, KEY_ID_NONE, newerFormat } from "./segment-format.js";
import type { SegmentTools } from "./segment-tools.js";
import { KEY_BYTES_MAX } from "./slab-table.js";
import { NEVER, NO_BYTES, PARTIAL, TOMBSTONE } from "./version-fold.js";

const EXPIRES = 4;
const BLOCK_HEADER_BYTES = 2;
/** Of the entries before they were deflated. */
const LENGTH_BYTES = 4;
/** A larger block is one large value: packing it would hold up the loop for milliseconds. */
const DEFLATE_BYTES_MAX = 256 * 1024;
/** No raw deflate grows by more (RFC 1951: 258 bytes for two bits). */
const INFLATED_RATIO_MAX = 1032;

export function beginBlock(writer: ByteWriter): void {
  writer.u8(CODEC_NONE);
  writer.u8(KEY_ID_NONE);
}

export function writeEntry(
  writer: ByteWriter,
  key: Uint8Array,
  shared: number,
  flags: number,
  expiresAtMs: number,
  value: Uint8Array,
): void {
  writer.varint(shared);
  writer.varint(key.length - shared);
  writer.raw(shared === 0 ? key : key.subarray(shared));
  const expires = expiresAtMs === NEVER ? 0 : EXPIRES;
  writer.u8((flags & (TOMBSTONE | PARTIAL)) | expires);
  if (expires !== 0) writer.varint(expiresAtMs);
  if ((flags & TOMBSTONE) === 0) writer.block(value);
}

/** Packs the entries of the block that begins at `at` and is the writer's last, where that makes it smaller. */
export function deflateBlock(writer: ByteWriter, at: number, tools: SegmentTools): void {
  const entries = writer.view(at + BLOCK_HEADER_BYTES);
  if (entries.length > DEFLATE_BYTES_MAX) return;
  const packed = tools.deflate(entries);
  if (packed.length + LENGTH_BYTES >= entries.length) return;
  const { length } = entries;
  writer.truncate(at);
  writer.u8(CODEC_DEFLATE);
  writer.u8(KEY_ID_NONE);
  writer.u32(length);
  writer.raw(packed);
}

/** The entries of a block. Throws `SegmentFault` where it is not what was written at that offset of that object. */
export function openBlock(block: Uint8Array, object: string, seed: number, offset: number, tools: SegmentTools): Uint8Array {
  const end = block.length - CRC_BYTES;
  if (end < BLOCK_HEADER_BYTES) throw damaged(object, `the block at ${offset} has ${block.length} bytes`);
  const stored = new ByteReader(block, end).u32();
  const actual = tools.checksum(block.subarray(0, end), blockSeed(seed, offset));
  if (stored !== actual) throw damaged(object, `the block at ${offset} has a wrong checksum`);
  const [codec, keyId] = block;
  if (keyId !== KEY_ID_NONE || (codec !== CODEC_NONE && codec !== CODEC_DEFLATE))
    throw newerFormat(object, `the block at ${offset} has codec ${codec} and key ${keyId}`);
  if (codec === CODEC_NONE) return block.subarray(BLOCK_HEADER_BYTES, end);
  const packed = block.subarray(BLOCK_HEADER_BYTES + LENGTH_BYTES, end);
  const length = end < BLOCK_HEADER_BYTES + LENGTH_BYTES ? Infinity : new ByteReader(block, BLOCK_HEADER_BYTES).u32();
  const entries = length <= INFLATED_RATIO_MAX * packed.length ? tools.inflate(packed, length) : null;
  if (entries === null) throw damaged(object, `the block at ${offset} cannot be unpacked`);
  return entries;
}

/** Walks the entries of an opened block. The fields show the entry that `next` moved to; `key` is valid until then. */
export class BlockCursor {
  #entries: Uint8Array = NO_BYTES;
  #reader = new ByteReader(NO_BYTES);
  #keyBuffer = new Uint8Array(256);
  #keyLength = 0;
  #object = "";
  #valueFrom = 0;
  #valueTo = 0;
  flags = 0;
  expiresAtMs = NEVER;

  /** Sets the cursor in front of the first of the entries of a block of `object`. */
  reset(entries: Uint8Array, object: string): void {
    this.#entries = entries;
    this.#object = object;
    this.#reader = new ByteReader(entries);
    this.#keyLength = 0;
    this.#valueTo = 0;
  }

  get key(): Uint8Array {
    return this.#keyBuffer.subarray(0, this.#keyLength);
  }

  copyKey(): Uint8Array {
    return this.#keyBuffer.slice(0, this.#keyLength);
  }

  /** A view of the entries. Made when it is asked for: whoever seeks a key passes over most of them. */
  get value(): Uint8Array {
    return this.#valueTo === 0 ? NO_BYTES : this.#entries.subarray(this.#valueFrom, this.#valueTo);
  }

  /** As `compareBytes` of the entry's key with `key`. */
  compareKey(key: Uint8Array): number {
    const buffer = this.#keyBuffer;
    const length = Math.min(this.#keyLength, key.length);
    for (let at = 0; at < length; at++) {
      const difference = (buffer[at] as number) - (key[at] as number);
      if (difference !== 0) return difference;
    }
    return this.#keyLength - key.length;
  }

  compareTo(other: BlockCursor): number {
    const left = this.#keyBuffer;
    const right = other.#keyBuffer;
    const length = Math.min(this.#keyLength, other.#keyLength);
    for (let at = 0; at < length; at++) {
      const difference = (left[at] as number) - (right[at] as number);
      if (difference !== 0) return difference;
    }
    return this.#keyLength - other.#keyLength;
  }

  /** False at the end. Throws `SegmentFault` where the entries make no sense, although the checksum was right. */
  next(): boolean {
    if (this.#reader.remaining === 0) return false;
    try {
      this.#read();
      return true;
    } catch (error) {
      if (error instanceof MalformedBytes) throw damaged(this.#object, error.message);
      throw error;
    }
  }

  /** Moves to the entry of that key; false where the block has none. */
  find(key: Uint8Array): boolean {
    while (this.next()) {
      const order = this.compareKey(key);
      if (order >= 0) return order === 0;
    }
    return false;
  }

  #read(): void {
    const reader = this.#reader;
    const shared = reader.varint();
    const rest = reader.varint();
    const length = shared + rest;
    if (shared > this.#keyLength || length > KEY_BYTES_MAX)
      throw new MalformedBytes("a key shares more than there is, or is too long");
    if (length > this.#keyBuffer.length) this.#growKey(length);
    const from = reader.offset;
    reader.skip(rest);
    for (let at = 0; at < rest; at++) this.#keyBuffer[shared + at] = this.#entries[from + at] as number;
    this.#keyLength = length;
    this.flags = reader.u8();
    this.expiresAtMs = (this.flags & EXPIRES) === 0 ? NEVER : reader.varint();
    this.#readValue((this.flags & TOMBSTONE) === 0);
    this.flags &= TOMBSTONE | PARTIAL;
  }

  #readValue(isThere: boolean): void {
    if (!isThere) {
      this.#valueTo = 0;
      return;
    }
    const length = this.#reader.varint();
    this.#valueFrom = this.#reader.offset;
    this.#reader.skip(length);
    this.#valueTo = this.#valueFrom + length;
  }

  #growKey(length: number): void {
    const grown = new Uint8Array(Math.max(length, 2 * this.#keyBuffer.length));
    grown.set(this.#keyBuffer);
    this.#keyBuffer = grown;
  }
}
