/**
 * A bloom filter over key hashes: "this key is certainly not here", at ten bits a key wrong in about 1 of 100 cases.
 * Its bits are part of the segment format: bit i of a hash is (hash + i * step) mod 2^32 mod bits, step from `stepOf`.
 */
export const FILTER_BITS_PER_KEY = 10;
export const FILTER_PROBES = 6;

export function filterBytesFor(keys: number): number {
  return Math.max(8, Math.ceil((keys * FILTER_BITS_PER_KEY) / 8));
}

/** Sets the bits of hashes `from` to `to`. */
export function addToFilter(filter: Uint8Array, hashes: Uint32Array, from: number, to: number): void {
  const bits = filter.length * 8;
  for (let index = from; index < to; index++) {
    let hash = hashes[index] as number;
    const step = stepOf(hash);
    for (let probe = 0; probe < FILTER_PROBES; probe++) {
      const bit = hash % bits;
      const at = bit >>> 3;
      filter[at] = (filter[at] as number) | (1 << (bit & 7));
      hash = (hash + step) >>> 0;
    }
  }
}

/** False only where no key of that hash was added. The filter lies in `bytes` from `from`, `length` bytes long. */
export function mayContain(bytes: Uint8Array, from: number, length: number, probes: number, hash: number): boolean {
  const bits = length * 8;
  const step = stepOf(hash);
  for (let probe = 0; probe < probes; probe++) {
    const bit = hash % bits;
    if (((bytes[from + (bit >>> 3)] as number) & (1 << (bit & 7))) === 0) return false;
    hash = (hash + step) >>> 0;
  }
  return true;
}

/** Odd, and independent enough of the hash itself. */
function stepOf(hash: number): number {
  const mixed = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  return ((mixed ^ (mixed >>> 12)) | 1) >>> 0;
}
