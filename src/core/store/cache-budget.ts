/**
 * The one memory budget that all shard stores of a router share. It counts what each account holds, and when the sum is
 * above the limit it drops clean data: the oldest generation of all stores first, then blocks. Dirty data cannot be
 * dropped; `isOverfull` then says that something must be flushed.
 */
import { BlockCache } from "./block-cache.js";
import type { SlabTable } from "./slab-table.js";

export type MemoryAccount = "memtable" | "frozen" | "clean" | "index" | "blocks" | "pinned";

/** A table of clean records. It is dropped whole; `owner` forgets it then. */
export interface Generation {
  readonly table: SlabTable;
  readonly owner: { forget(generation: Generation): void };
  /** What the budget has charged for it. */
  charged: number;
  isOld: boolean;
  /** False once it was dropped: it may be dropped while somebody is still filling it. */
  isHeld: boolean;
}

/** Blocks may take this part of the limit; what is read again and again moves into clean tables anyway. */
const BLOCKS_SHARE = 1 / 8;
/** One generation may take this part: small enough that dropping one is no cliff, large enough to keep few of them. */
const GENERATION_SHARE = 1 / 32;
const GENERATION_BYTES_MIN = 64 * 1024;
const GENERATION_BYTES_MAX = 8 * 1024 * 1024;

export class CacheBudget {
  readonly bytesMax: number;
  readonly generationBytesMax: number;
  readonly blocks: BlockCache;
  readonly #bytesByAccount: Record<MemoryAccount, number> = { memtable: 0, frozen: 0, clean: 0, index: 0, blocks: 0, pinned: 0 };
  /** Oldest first. */
  readonly #generations: Generation[] = [];
  #bytes = 0;
  #nextSegmentId = 1;
  #evictions = 0;

  constructor(bytesMax: number) {
    this.bytesMax = bytesMax;
    this.generationBytesMax = Math.min(GENERATION_BYTES_MAX, Math.max(GENERATION_BYTES_MIN, bytesMax * GENERATION_SHARE));
    this.blocks = new BlockCache(Math.floor(bytesMax * BLOCKS_SHARE), (change) => this.charge("blocks", change));
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Above the limit, and nothing clean is left to drop: flush. */
  get isOverfull(): boolean {
    return this.#bytes > this.bytesMax;
  }

  /** Generations dropped so far. */
  get evictions(): number {
    return this.#evictions;
  }

  bytesOf(account: MemoryAccount): number {
    return this.#bytesByAccount[account];
  }

  /** Ids of open segments, unique per process. */
  nextSegmentId(): number {
    return this.#nextSegmentId++;
  }

  charge(account: MemoryAccount, change: number): void {
    this.#bytesByAccount[account] += change;
    this.#bytes += change;
  }

  /** Takes a generation as the youngest of all. It is charged at the first `recharge`, which may drop it again. */
  add(table: SlabTable, owner: Generation["owner"]): Generation {
    const generation: Generation = { table, owner, charged: 0, isOld: false, isHeld: true };
    this.#generations.push(generation);
    return generation;
  }

  /** After a generation's table grew. Drops the oldest generations where that is too much. */
  recharge(generation: Generation): void {
    const { bytes } = generation.table;
    if (bytes === generation.charged || !generation.isHeld) return;
    this.charge("clean", bytes - generation.charged);
    generation.charged = bytes;
    if (this.#bytes > this.bytesMax) this.settle();
  }

  /** Its owner no longer has it. */
  remove(generation: Generation): void {
    if (!generation.isHeld) return;
    generation.isHeld = false;
    this.#generations.splice(this.#generations.indexOf(generation), 1);
    this.charge("clean", -generation.charged);
    generation.charged = 0;
  }

  /** Drops clean data until the sum is within the limit, as far as there is any. */
  settle(): void {
    while (this.#bytes > this.bytesMax) {
      const oldest = this.#generations[0];
      if (oldest === undefined) break;
      this.remove(oldest);
      oldest.owner.forget(oldest);
      this.#evictions += 1;
    }
    if (this.#bytes > this.bytesMax) this.blocks.shrinkBy(this.#bytes - this.bytesMax);
    this.#markOld();
  }

  /** The older half of the clean bytes is next to go: what is still used there is worth copying to the front. */
  #markOld(): void {
    let left = this.#bytesByAccount.clean / 2;
    for (const generation of this.#generations) {
      left -= generation.charged;
      if (left < 0) break;
      generation.isOld = true;
    }
  }
}
