/**
 * A frame: one record in a journal file, or a mark (a persisted format, see docs/formats.md).
 *
 *     0  marker      4 bytes, to find frames behind damage
 *     4  crc32       of everything behind it, the body included; begins with the file's salt
 *     8  body length 4
 *    12  kind        1 record, 2 mark
 *    13  reserved    0
 *    14  position    6, the record's; 0 in a mark
 *    20  syncedBelow 6, the offset in this file below which everything was synced before this frame was written
 *    26  offset      6, the frame's own in this file
 *    32  body
 *
 * `syncedBelow` is what tells a torn tail from damage: a frame that is broken although a later one says that it was
 * synced has been damaged since. A mark has no other purpose than to say so when no record follows.
 */
import { crc32 } from "node:zlib";

export const FRAME_HEADER_BYTES = 32;
export const FRAME_MARKER: Uint8Array = Uint8Array.from([0xf1, 0x48, 0x46, 0x52]);
const MARKER_LE = 0x524648f1;

export interface Frame {
  readonly kind: "record" | "mark";
  readonly position: number;
  readonly syncedBelow: number;
  readonly bodyOffset: number;
  readonly bodyLength: number;
  /** The offset behind it. */
  readonly end: number;
}

const KIND_RECORD = 1;
const KIND_MARK = 2;

/** The checksum of a file's salt, with which those of its frames begin. */
export function frameSeed(salt: number): number {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(salt);
  return crc32(bytes);
}

/** Writes the 32 bytes in front of `body` into `into` at `at`. A null position makes a mark. */
export function encodeFrameHeader(
  into: Buffer,
  at: number,
  seed: number,
  frame: { position: number | null; syncedBelow: number; offset: number },
  body: Uint8Array,
): void {
  into.writeUInt32LE(MARKER_LE, at);
  into.writeUInt32LE(body.length, at + 8);
  into.writeUInt16LE(frame.position === null ? KIND_MARK : KIND_RECORD, at + 12);
  into.writeUIntLE(frame.position ?? 0, at + 14, 6);
  into.writeUIntLE(frame.syncedBelow, at + 20, 6);
  into.writeUIntLE(frame.offset, at + 26, 6);
  const head = crc32(into.subarray(at + 8, at + FRAME_HEADER_BYTES), seed);
  into.writeUInt32LE(body.length === 0 ? head : crc32(body, head), at + 4);
}

/** The frame at `at` of `bytes`, which lie at `base` in their file; null if there is no whole and valid one. */
export function readFrame(bytes: Buffer, at: number, base: number, seed: number): Frame | null {
  if (at + FRAME_HEADER_BYTES > bytes.length || bytes.readUInt32LE(at) !== MARKER_LE) return null;
  const bodyLength = bytes.readUInt32LE(at + 8);
  const end = at + FRAME_HEADER_BYTES + bodyLength;
  if (end > bytes.length || bytes.readUIntLE(at + 26, 6) !== base + at) return null;
  if (crc32(bytes.subarray(at + 8, end), seed) !== bytes.readUInt32LE(at + 4)) return null;
  const kind = bytes.readUInt16LE(at + 12);
  if (kind !== KIND_RECORD && kind !== KIND_MARK) return null;
  return {
    kind: kind === KIND_RECORD ? "record" : "mark",
    position: bytes.readUIntLE(at + 14, 6),
    syncedBelow: bytes.readUIntLE(at + 20, 6),
    bodyOffset: base + at + FRAME_HEADER_BYTES,
    bodyLength,
    end: base + end,
  };
}
