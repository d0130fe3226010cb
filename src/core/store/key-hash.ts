/** The one hash of a key: tables and persisted filters share it, so that a look-up computes it once. */
import { murmur3 } from "../bytes/murmur3.js";

/** Part of the segment format: filters on disk were built with it. */
const SEED = 0x484f4c44;

export function keyHash(key: Uint8Array): number {
  return murmur3(key, SEED);
}
