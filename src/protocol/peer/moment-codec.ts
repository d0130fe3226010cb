/**
 * Moments and durations in frames. In memory they may have fractions, in frames they are whole milliseconds: what somebody
 * waits for or until is rounded up, so that nobody gives up early; a time that something happened at is rounded down.
 */
import type { ByteReader } from "../../core/bytes/byte-reader.js";
import type { ByteWriter } from "../../core/bytes/byte-writer.js";

/** A time that something happened at. */
export function encodeTime(writer: ByteWriter, atMs: number): void {
  writer.varint(Math.floor(atMs));
}

/** A wait, or a moment until which somebody waits. What is past already stays past. */
export function encodeWait(writer: ByteWriter, ms: number): void {
  writer.varint(Math.min(Number.MAX_SAFE_INTEGER, Math.max(0, Math.ceil(ms))));
}

/** A wait that may have no end: `Infinity` is the flag 0. */
export function encodeDeadline(writer: ByteWriter, deadlineMs: number): void {
  const ends = deadlineMs !== Infinity;
  writer.u8(ends ? 1 : 0);
  if (ends) encodeWait(writer, deadlineMs);
}

export function decodeDeadline(reader: ByteReader): number {
  return reader.flag() ? reader.varint() : Infinity;
}
