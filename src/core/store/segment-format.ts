/**
 * The segment file, a persisted format (docs/formats.md, "Segments"). Identity, checksums and the tail:
 *
 *     header   magic "HFSG", version, codec, key id, cluster id, object name, CRC
 *     blocks   codec, key id, entries, CRC (block.ts)
 *     index    u32 blocks, u48 offset per block and of the end, u32 end of each separator, separators
 *     filter   bloom filter (bloom-filter.ts)
 *     footer   identity again, counts, lengths, u16 footer length, version, magic, CRC of the whole tail
 *
 * A block's CRC starts from the header's CRC and the block's offset, so that a right block of a wrong object or place
 * is damage as well. Index, filter and footer are the tail, read at once.
 */
import { ByteReader, MalformedBytes } from "../bytes/byte-reader.js";
import { ByteWriter } from "../bytes/byte-writer.js";
import { equalBytes } from "../bytes/compare.js";
import { encodeUtf8 } from "../bytes/utf8.js";
import type { Checksum } from "./crc32.js";

export const SEGMENT_FORMAT = 1;
export const CODEC_NONE = 0;
/** Of a block: its entries are packed by raw deflate. */
export const CODEC_DEFLATE = 1;
export const KEY_ID_NONE = 0;
export const CRC_BYTES = 4;

const MAGIC = 0x47534648; // "HFSG", little-endian
/** Footer length, version, magic, CRC. */
export const TRAILER_BYTES = 2 + 1 + 4 + CRC_BYTES;
const CLUSTER_ID_BYTES_MAX = 64;

/** Why a segment cannot be used. Never to be taken for "the key is absent" (RULES.md 11). */
export interface SegmentProblem {
  readonly code: "segment_missing" | "segment_damaged" | "format_newer";
  readonly object: string;
  readonly message: string;
}

export class SegmentFault extends Error {
  override readonly name = "SegmentFault";
  readonly problem: SegmentProblem;

  constructor(problem: SegmentProblem) {
    super(`${problem.object}: ${problem.message}`);
    this.problem = problem;
  }
}

export function damaged(object: string, message: string): SegmentFault {
  return new SegmentFault({ code: "segment_damaged", object, message });
}

export function newerFormat(object: string, what: string): SegmentFault {
  const message = `${what}, which this program does not know; run the newer release`;
  return new SegmentFault({ code: "format_newer", object, message });
}

export interface SegmentIdentity {
  readonly clusterId: Uint8Array;
  readonly object: string;
}

/** What a footer says beside the identity. */
export interface FooterFields {
  readonly count: number;
  readonly tombstones: number;
  readonly indexBytes: number;
  readonly filterBytes: number;
  readonly filterProbes: number;
}

export function encodeHeader(identity: SegmentIdentity, checksum: Checksum): Uint8Array {
  const writer = new ByteWriter(128);
  writer.u32(MAGIC);
  writeIdentity(writer, identity);
  writer.u32(checksum(writer.view()));
  return writer.take();
}

/**
 * What every block's checksum starts from; the block's offset is mixed in with `blockSeed`. Without the header's own
 * checksum: over bytes with their CRC behind them a CRC is always the same.
 */
export function seedOf(header: Uint8Array, checksum: Checksum): number {
  return checksum(header.subarray(0, header.length - CRC_BYTES));
}

export function blockSeed(seed: number, offset: number): number {
  return (seed ^ Math.imul(offset % 2 ** 32, 0x9e3779b1) ^ Math.floor(offset / 2 ** 32)) >>> 0;
}

/** Everything of the footer in front of the tail's checksum. */
export function encodeFooter(identity: SegmentIdentity, fields: FooterFields): Uint8Array {
  const writer = new ByteWriter(128);
  writeIdentity(writer, identity);
  writer.varint(fields.count);
  writer.varint(fields.tombstones);
  writer.u32(fields.indexBytes);
  writer.u32(fields.filterBytes);
  writer.u8(fields.filterProbes);
  const length = writer.length + TRAILER_BYTES;
  writer.u8(length);
  writer.u8(length >>> 8);
  writer.u8(SEGMENT_FORMAT);
  writer.u32(MAGIC);
  return writer.take();
}

/** Checks a tail against what the manifest says and returns the footer's fields. Throws `SegmentFault`. */
export function readFooter(
  tail: Uint8Array,
  expectedChecksum: number,
  identity: SegmentIdentity,
  checksum: Checksum,
): FooterFields {
  const { object } = identity;
  const body = tail.subarray(0, tail.length - CRC_BYTES);
  if (tail.length < TRAILER_BYTES) throw damaged(object, `its tail has ${tail.length} bytes`);
  const trailer = new ByteReader(tail, tail.length - TRAILER_BYTES);
  const footerBytes = trailer.u8() + trailer.u8() * 256;
  const version = trailer.u8();
  if (trailer.u32() !== MAGIC) throw damaged(object, "it does not end like a segment");
  const stored = trailer.u32();
  const actual = checksum(body);
  if (stored !== actual || actual !== expectedChecksum) {
    throw damaged(object, `its tail has checksum ${hex(actual)}, it says ${hex(stored)}, the manifest ${hex(expectedChecksum)}`);
  }
  if (version > SEGMENT_FORMAT) {
    const message = `it is of format ${version}, this program reads up to ${SEGMENT_FORMAT}; run the newer release`;
    throw new SegmentFault({ code: "format_newer", object, message });
  }
  try {
    if (footerBytes > tail.length) throw new MalformedBytes("the footer is longer than the tail");
    return readFooterFields(
      new ByteReader(tail, tail.length - footerBytes, tail.length - TRAILER_BYTES),
      tail.length - footerBytes,
      identity,
    );
  } catch (error) {
    if (error instanceof MalformedBytes) throw damaged(object, error.message);
    throw error;
  }
}

function readFooterFields(reader: ByteReader, lengthBefore: number, identity: SegmentIdentity): FooterFields {
  reader.u8(); // the version again
  const codec = reader.u8();
  const keyId = reader.u8();
  if (codec !== CODEC_NONE || keyId !== KEY_ID_NONE) throw new MalformedBytes(`codec ${codec} and key ${keyId} are unknown`);
  const clusterId = reader.block();
  const object = reader.block();
  if (!equalBytes(clusterId, identity.clusterId)) throw new MalformedBytes("it belongs to another cluster");
  if (!equalBytes(object, encodeUtf8(identity.object))) throw new MalformedBytes("it was written under another name");
  const fields: FooterFields = {
    count: reader.varint(),
    tombstones: reader.varint(),
    indexBytes: reader.u32(),
    filterBytes: reader.u32(),
    filterProbes: reader.u8(),
  };
  if (fields.indexBytes + fields.filterBytes !== lengthBefore || fields.filterBytes === 0) {
    throw new MalformedBytes("the lengths of its index and filter are not those of its tail");
  }
  return fields;
}

function writeIdentity(writer: ByteWriter, identity: SegmentIdentity): void {
  if (identity.clusterId.length > CLUSTER_ID_BYTES_MAX) throw new RangeError("a cluster id longer than 64 bytes");
  writer.u8(SEGMENT_FORMAT);
  writer.u8(CODEC_NONE);
  writer.u8(KEY_ID_NONE);
  writer.block(identity.clusterId);
  writer.text(identity.object);
}

function hex(checksum: number): string {
  return checksum.toString(16).padStart(8, "0");
}
