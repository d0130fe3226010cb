/** What segments are checked and packed with in Node. */
import { crc32, deflateRawSync, inflateRawSync } from "node:zlib";
import type { SegmentTools } from "../../core/store/segment-tools.js";

/** Of JSON, level 1 leaves a quarter for 7 ms a megabyte; level 6 takes twice as long for a tenth less. */
const LEVEL = 1;

export const segmentTools: SegmentTools = {
  checksum: (bytes, seed) => crc32(bytes, seed),
  deflate: (bytes) => deflateRawSync(bytes, { level: LEVEL }),
  inflate(bytes, length) {
    try {
      // One byte more, or it would make room a second time at the end.
      const inflated = inflateRawSync(bytes, { maxOutputLength: Math.max(1, length), chunkSize: Math.max(64, length + 1) });
      return inflated.length === length ? new Uint8Array(inflated.buffer, inflated.byteOffset, length) : null;
    } catch {
      return null; // damaged, or more than was asked for
    }
  },
};
