/**
 * MurmurHash3 x86 32-bit (Austin Appleby, public domain; the reference is SMHasher's MurmurHash3.cpp).
 * With seed 0 it places entities on shards. That use is frozen: see the golden values in entity/address.test.ts.
 */
export function murmur3(bytes: Uint8Array, seed = 0, from = 0, to: number = bytes.length): number {
  let hash = seed;
  const length = to - from;
  const blocksEnd = from + (length & ~3);
  let at = from;
  for (; at < blocksEnd; at += 4) {
    const block =
      (bytes[at] as number) |
      ((bytes[at + 1] as number) << 8) |
      ((bytes[at + 2] as number) << 16) |
      ((bytes[at + 3] as number) << 24);
    hash ^= scramble(block);
    hash = (hash << 13) | (hash >>> 19);
    hash = (Math.imul(hash, 5) + 0xe6546b64) | 0;
  }
  let tail = 0;
  switch (length & 3) {
    // biome-ignore lint/suspicious/noFallthroughSwitchClause: the reference's own form
    case 3:
      tail ^= (bytes[at + 2] as number) << 16;
    // biome-ignore lint/suspicious/noFallthroughSwitchClause: the reference's own form
    case 2:
      tail ^= (bytes[at + 1] as number) << 8;
    case 1:
      tail ^= bytes[at] as number;
      hash ^= scramble(tail);
  }
  hash ^= length;
  hash ^= hash >>> 16;
  hash = Math.imul(hash, 0x85ebca6b);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, 0xc2b2ae35);
  hash ^= hash >>> 16;
  return hash >>> 0;
}

function scramble(block: number): number {
  const mixed = Math.imul(block, 0xcc9e2d51);
  return Math.imul((mixed << 15) | (mixed >>> 17), 0x1b873593);
}
