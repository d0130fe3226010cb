/** What a manifest holds of a segment: enough to open it with one read. Persisted inside descriptors. */
import type { ByteReader } from "../bytes/byte-reader.js";
import { MalformedBytes } from "../bytes/byte-reader.js";
import type { ByteWriter } from "../bytes/byte-writer.js";
import { compareBytes } from "../bytes/compare.js";

export interface SegmentReference {
  readonly object: string;
  /** Length of the whole object. */
  readonly bytes: number;
  /** Length of index, filter and footer, which end the object. */
  readonly tailBytes: number;
  /** Versions of keys in it, tombstones included. */
  readonly count: number;
  readonly tombstones: number;
  /** 0 for what a flush wrote, else one more than the highest level that was merged into it. */
  readonly level: number;
  /** CRC-32 of the tail: tells whether the object is the one that the manifest meant. */
  readonly checksum: number;
  readonly firstKey: Uint8Array;
  readonly lastKey: Uint8Array;
}

const FORMAT = 1;
const OBJECT_NAME_MAX = 512;

export function encodeSegmentReference(writer: ByteWriter, reference: SegmentReference): void {
  writer.u8(FORMAT);
  writer.text(reference.object);
  writer.varint(reference.bytes);
  writer.varint(reference.tailBytes);
  writer.varint(reference.count);
  writer.varint(reference.tombstones);
  writer.varint(reference.level);
  writer.u32(reference.checksum);
  writer.block(reference.firstKey);
  writer.block(reference.lastKey);
}

/** Copies what it keeps. Throws `MalformedBytes`, also at a format that it does not know. */
export function decodeSegmentReference(reader: ByteReader): SegmentReference {
  const format = reader.u8();
  if (format !== FORMAT) throw new MalformedBytes(`a segment reference of format ${format}, this program knows ${FORMAT}`);
  const reference: SegmentReference = {
    object: reader.text(),
    bytes: reader.varint(),
    tailBytes: reader.varint(),
    count: reader.varint(),
    tombstones: reader.varint(),
    level: reader.varint(),
    checksum: reader.u32(),
    firstKey: reader.block().slice(),
    lastKey: reader.block().slice(),
  };
  if (reference.object === "" || reference.object.length > OBJECT_NAME_MAX)
    throw new MalformedBytes("an object name of no or too many characters");
  if (reference.tailBytes >= reference.bytes || reference.tombstones > reference.count || reference.count === 0) {
    throw new MalformedBytes(`the lengths or counts of segment ${reference.object} contradict each other`);
  }
  if (compareBytes(reference.firstKey, reference.lastKey) > 0)
    throw new MalformedBytes(`the keys of segment ${reference.object} are reversed`);
  return reference;
}

export function coversKey(reference: SegmentReference, key: Uint8Array): boolean {
  return compareBytes(reference.firstKey, key) <= 0 && compareBytes(key, reference.lastKey) <= 0;
}

/** Whether two segments may hold versions of one key. */
export function overlap(left: SegmentReference, right: SegmentReference): boolean {
  return compareBytes(left.firstKey, right.lastKey) <= 0 && compareBytes(right.firstKey, left.lastKey) <= 0;
}

/** Whether the segment may hold a key at or above `from` and below `to` (null: any). */
export function overlapsRange(reference: SegmentReference, from: Uint8Array, to: Uint8Array | null): boolean {
  return compareBytes(from, reference.lastKey) <= 0 && (to === null || compareBytes(reference.firstKey, to) < 0);
}
