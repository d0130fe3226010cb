/** One read that the store could not answer at once: what was asked, and the blocks that it has got so far. */
import type { BlockWaiter } from "./block-reads.js";
import type { CacheBudget } from "./cache-budget.js";
import type { ScanRange } from "./range-scan.js";

export type ReadAsk =
  | { readonly kind: "load"; readonly key: Uint8Array; readonly hash: number }
  | { readonly kind: "scan"; readonly range: ScanRange };

const READAHEAD_BLOCKS_MAX = 64;

export class ReadTicket implements BlockWaiter {
  readonly id: number;
  readonly ask: ReadAsk;
  readonly #cache: CacheBudget;
  readonly #runnable: Set<ReadTicket>;
  readonly #blocks = new Map<number, Uint8Array>();
  #pinnedBytes = 0;
  #readahead = 1;
  /** Answered or cancelled; other reads that it waited for may still come back. */
  #isClosed = false;

  constructor(id: number, ask: ReadAsk, cache: CacheBudget, runnable: Set<ReadTicket>) {
    this.id = id;
    this.ask = ask;
    this.#cache = cache;
    this.#runnable = runnable;
    runnable.add(this);
  }

  get pinnedBytes(): number {
    return this.#pinnedBytes;
  }

  block(id: number): Uint8Array | null {
    return this.#blocks.get(id) ?? null;
  }

  /** How many blocks to read at once: twice as many each time, because whoever goes on goes on. */
  nextReadahead(): number {
    const blocks = this.#readahead;
    this.#readahead = Math.min(READAHEAD_BLOCKS_MAX, 2 * blocks);
    return blocks;
  }

  take(id: number, bytes: Uint8Array): void {
    if (this.#isClosed || this.#blocks.has(id)) return;
    this.#blocks.set(id, bytes);
    this.#pinnedBytes += bytes.length;
    this.#cache.charge("pinned", bytes.length);
  }

  wake(): void {
    if (!this.#isClosed) this.#runnable.add(this);
  }

  /** Lets go of its blocks. */
  close(): void {
    this.#isClosed = true;
    this.#cache.charge("pinned", -this.#pinnedBytes);
    this.#pinnedBytes = 0;
    this.#blocks.clear();
    this.#runnable.delete(this);
  }
}
