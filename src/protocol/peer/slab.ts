/**
 * Copies of short byte strings, cut from one array after another: an array of its own costs more than the rest of a small
 * frame. What was handed out is never written again; it keeps its whole slab in memory, so slabs are small.
 */
const SLAB_BYTES = 8 * 1024;
/** Longer ones get an array of their own, so that at most a quarter of a slab is left unused. */
const SHARED_BYTES_MAX = SLAB_BYTES / 4;
/** Up to here the engine keeps an array's bytes in its own heap, where nothing is faster. */
const TINY_BYTES_MAX = 64;

let slab = new Uint8Array(SLAB_BYTES);
let used = 0;

export function copyOf(bytes: Uint8Array): Uint8Array {
  const length = bytes.length;
  if (length <= TINY_BYTES_MAX || length > SHARED_BYTES_MAX) return bytes.slice();
  if (used + length > SLAB_BYTES) {
    slab = new Uint8Array(SLAB_BYTES);
    used = 0;
  }
  const copy = slab.subarray(used, used + length);
  copy.set(bytes);
  used += length;
  return copy;
}
