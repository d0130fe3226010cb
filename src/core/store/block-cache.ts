/** The entries of checked blocks of segments, unpacked, bounded in bytes, the least recently used dropped first. Shared by all stores of a router. */
const BLOCKS_PER_SEGMENT_MAX = 2 ** 24;
/** A map entry and a buffer's own cost, roughly. */
const ENTRY_BYTES = 200;

export class BlockCache {
  readonly #bytesMax: number;
  readonly #charge: (change: number) => void;
  /** In order of last use, the oldest first. */
  readonly #blocks = new Map<number, Uint8Array>();
  #bytes = 0;

  constructor(bytesMax: number, charge: (change: number) => void) {
    this.#bytesMax = bytesMax;
    this.#charge = charge;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get(segmentId: number, block: number): Uint8Array | null {
    const id = blockId(segmentId, block);
    const bytes = this.#blocks.get(id);
    if (bytes === undefined) return null;
    this.#blocks.delete(id);
    this.#blocks.set(id, bytes);
    return bytes;
  }

  /** Keeps a copy where `bytes` is a part of something larger. */
  put(segmentId: number, block: number, bytes: Uint8Array): void {
    if (bytes.length > this.#bytesMax / 4) return;
    const id = blockId(segmentId, block);
    if (this.#blocks.has(id)) return;
    this.#blocks.set(id, bytes.byteLength === bytes.buffer.byteLength ? bytes : bytes.slice());
    this.#change(bytes.length + ENTRY_BYTES);
    if (this.#bytes > this.#bytesMax) this.shrinkBy(this.#bytes - this.#bytesMax);
  }

  shrinkBy(bytes: number): void {
    let left = bytes;
    for (const [id, block] of this.#blocks) {
      if (left <= 0) return;
      this.#blocks.delete(id);
      this.#change(-(block.length + ENTRY_BYTES));
      left -= block.length + ENTRY_BYTES;
    }
  }

  #change(change: number): void {
    this.#bytes += change;
    this.#charge(change);
  }
}

export function blockId(segmentId: number, block: number): number {
  return segmentId * BLOCKS_PER_SEGMENT_MAX + block;
}
