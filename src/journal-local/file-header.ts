/**
 * The header of a journal file (a persisted format, see docs/formats.md). A file gets its name only after everything in
 * it up to `initialEnd` is synced, so a header that cannot be read is damage, never a torn write.
 */
import { crc32 } from "node:zlib";
import { ByteReader } from "../core/bytes/byte-reader.js";
import { ByteWriter } from "../core/bytes/byte-writer.js";
import { StorageProblem } from "../ports/storage-problem.js";

export interface FileHeader {
  readonly log: string;
  /** 1 for the first file of a log; no number is left out. */
  readonly number: number;
  /** Where the file before this one ends. What lies there beyond means nothing. 0 in the first file. */
  readonly previousEnd: number;
  /** The highest position in any file before this one, 0 if there is none. */
  readonly highestBefore: number;
  /** Random; the checksums of the frames begin with it, so that nothing else can look like a frame of this file. */
  readonly salt: number;
  /** The length of this header. */
  readonly length: number;
  /** Everything below this offset was synced before the file got its name. */
  readonly initialEnd: number;
}

export const FORMAT_VERSION = 1;
const MAGIC = Uint8Array.from([0x89, 0x48, 0x46, 0x4a, 0x0d, 0x0a, 0x1a, 0x0a]); // \x89 H F J \r \n \x1a \n
const FIXED_BYTES = 8 + 4 + 4 + 4 * 6 + 4 + 4;

/** `contentBytes` is the number of bytes behind the header that are synced with it. */
export function encodeFileHeader(header: Omit<FileHeader, "length" | "initialEnd">, contentBytes: number): Uint8Array {
  const log = new TextEncoder().encode(header.log);
  const length = FIXED_BYTES + log.length + 4;
  const writer = new ByteWriter(length);
  writer.raw(MAGIC);
  writer.u8(FORMAT_VERSION);
  writer.u8(0); // codec: plain
  writer.u8(0); // key id: not encrypted
  writer.u8(0);
  writer.u32(length);
  writer.u48Ordered(header.number);
  writer.u48Ordered(header.previousEnd);
  writer.u48Ordered(length + contentBytes);
  writer.u48Ordered(header.highestBefore);
  writer.u32(header.salt);
  writer.u32(log.length);
  writer.raw(log);
  writer.u32(crc32(writer.view()));
  return writer.take();
}

/** Throws StorageProblem: `journal_damaged` or `format_newer`. */
export function decodeFileHeader(bytes: Uint8Array, path: string, expected: { log: string; number: number }): FileHeader {
  const damaged = (what: string) => new StorageProblem("journal_damaged", path, `${path}: damaged at offset 0: ${what}.`);
  if (bytes.length < FIXED_BYTES + 4) throw damaged(`the file ends inside its header (${bytes.length} bytes)`);
  const reader = new ByteReader(bytes);
  if (Buffer.compare(reader.raw(MAGIC.length), MAGIC) !== 0) throw damaged("it does not begin like a journal file");
  const version = reader.u8();
  if (version > FORMAT_VERSION) {
    const what = `${path}: format ${version} is newer than ${FORMAT_VERSION}, the newest that this version reads.`;
    throw new StorageProblem("format_newer", path, what);
  }
  const codec = reader.u8();
  const keyId = reader.u8();
  reader.u8();
  const length = reader.u32();
  if (length < FIXED_BYTES + 4 || length > bytes.length) throw damaged("the length of its header is wrong");
  const crc = new ByteReader(bytes, length - 4).u32();
  if (crc32(bytes.subarray(0, length - 4)) !== crc) throw damaged("the checksum of its header is wrong");
  if (version === 0 || codec !== 0 || keyId !== 0) throw damaged("its codec or key is unknown");
  const number = reader.u48Ordered();
  const previousEnd = reader.u48Ordered();
  const initialEnd = reader.u48Ordered();
  const highestBefore = reader.u48Ordered();
  const salt = reader.u32();
  const log = reader.rawText(reader.u32());
  if (log !== expected.log || number !== expected.number) throw damaged(`it is file ${number} of log "${log}"`);
  return { log, number, previousEnd, initialEnd, highestBefore, salt, length };
}
