/**
 * A segment whose tail (index, filter, footer) is in memory: says at once that a key is nowhere in it, or in which
 * block it must be. The tail's bytes are kept as they were read; nothing is parsed per block.
 */

import { openBlock } from "./block.js";
import { mayContain } from "./bloom-filter.js";
import { damaged, encodeHeader, readFooter, seedOf } from "./segment-format.js";
import { coversKey, type SegmentReference } from "./segment-reference.js";
import type { SegmentTools } from "./segment-tools.js";

export class OpenSegment {
  readonly reference: SegmentReference;
  /** Unique in the process: names the segment in the shared block cache. */
  readonly id: number;
  readonly blocks: number;
  readonly #tail: Uint8Array;
  readonly #separatorEndsAt: number;
  readonly #separatorsAt: number;
  readonly #separatorsEnd: number;
  readonly #filterAt: number;
  readonly #filterBytes: number;
  readonly #filterProbes: number;
  readonly #seed: number;
  readonly #tools: SegmentTools;

  /** Checks the tail; throws `SegmentFault`. Keeps `tail`, or a copy where it is a part of something larger. */
  constructor(id: number, reference: SegmentReference, tail: Uint8Array, clusterId: Uint8Array, tools: SegmentTools) {
    const { object } = reference;
    const { checksum } = tools;
    const identity = { clusterId, object };
    if (tail.length !== reference.tailBytes)
      throw damaged(object, `its tail has ${tail.length} bytes instead of ${reference.tailBytes}`);
    const footer = readFooter(tail, reference.checksum, identity, checksum);
    this.id = id;
    this.reference = reference;
    this.#tail = tail.byteLength === tail.buffer.byteLength ? tail : tail.slice();
    this.#tools = tools;
    const header = encodeHeader(identity, checksum);
    this.#seed = seedOf(header, checksum);
    this.#filterAt = footer.indexBytes;
    this.#filterBytes = footer.filterBytes;
    this.#filterProbes = footer.filterProbes;
    this.blocks = footer.indexBytes < 4 ? 0 : this.#u32(0);
    this.#separatorEndsAt = 4 + 6 * (this.blocks + 1);
    this.#separatorsAt = this.#separatorEndsAt + 4 * this.blocks;
    this.#separatorsEnd = footer.indexBytes;
    const isSound =
      this.blocks > 0 &&
      this.#separatorsAt <= footer.indexBytes &&
      this.blockOffset(0) === header.length &&
      this.blockOffset(this.blocks) === reference.bytes - reference.tailBytes &&
      footer.count === reference.count;
    if (!isSound) throw damaged(object, "its index does not fit its lengths");
  }

  /** What it holds of memory. */
  get bytes(): number {
    return this.#tail.length;
  }

  /** False only where no version of the key is in the segment. */
  mayHold(key: Uint8Array, hash: number): boolean {
    return coversKey(this.reference, key) && mayContain(this.#tail, this.#filterAt, this.#filterBytes, this.#filterProbes, hash);
  }

  /** The last block whose separator is not above the key: the only one that may hold it. 0 for keys below all. */
  blockOf(key: Uint8Array): number {
    let low = 0;
    let high = this.blocks - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if (this.#compareSeparator(middle, key) <= 0) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  blockOffset(block: number): number {
    const at = 4 + 6 * block;
    return this.#u32(at) + ((this.#tail[at + 4] as number) + (this.#tail[at + 5] as number) * 256) * 2 ** 32;
  }

  blockLength(block: number): number {
    const length = this.blockOffset(block + 1) - this.blockOffset(block);
    if (length <= 0 || length > this.reference.bytes)
      throw damaged(this.reference.object, `the index gives block ${block} a length of ${length}`);
    return length;
  }

  /** The entries of a block: a view of `bytes` or unpacked from them. Throws `SegmentFault` where these are not its bytes. */
  openBlock(block: number, bytes: Uint8Array): Uint8Array {
    const { object } = this.reference;
    if (bytes.length !== this.blockLength(block)) throw damaged(object, `block ${block} ends early: the object is too short`);
    return openBlock(bytes, object, this.#seed, this.blockOffset(block), this.#tools);
  }

  #compareSeparator(block: number, key: Uint8Array): number {
    const from = this.#separatorsAt + (block === 0 ? 0 : this.#u32(this.#separatorEndsAt + 4 * (block - 1)));
    const to = this.#separatorsAt + this.#u32(this.#separatorEndsAt + 4 * block);
    if (from > to || to > this.#separatorsEnd)
      throw damaged(this.reference.object, `the index has no separator of block ${block}`);
    const tail = this.#tail;
    const length = Math.min(to - from, key.length);
    for (let at = 0; at < length; at++) {
      const difference = (tail[from + at] as number) - (key[at] as number);
      if (difference !== 0) return difference;
    }
    return to - from - key.length;
  }

  #u32(at: number): number {
    const tail = this.#tail;
    return (
      ((tail[at] as number) |
        ((tail[at + 1] as number) << 8) |
        ((tail[at + 2] as number) << 16) |
        ((tail[at + 3] as number) << 24)) >>>
      0
    );
  }
}
