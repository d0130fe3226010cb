/** What the bytes of segments go through: pure functions that the core must not import. */
import type { Checksum } from "./crc32.js";

export interface SegmentTools {
  readonly checksum: Checksum;
  /** Raw deflate (RFC 1951), at a level that costs little. */
  deflate(bytes: Uint8Array): Uint8Array;
  /** Null where `bytes` is not raw deflate of exactly `length` bytes. Never makes more than that. */
  inflate(bytes: Uint8Array, length: number): Uint8Array | null;
}
