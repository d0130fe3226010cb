/**
 * Reads of the shard's store that may have to wait for IO: the answer goes to `then`, at once if it is in memory. A segment
 * that is missing or damaged refuses the shard (RULES.md 11); nothing that waits is answered from it.
 */
import type { ScanRange } from "../store/range-scan.js";
import { COLD, type ShardStore } from "../store/shard-store.js";
import type { StoreEffect } from "../store/store-io.js";

export interface FoundItem {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

type ThenValue = (value: Uint8Array | null) => void;
type ThenItems = (items: readonly FoundItem[], next: Uint8Array | null) => void;

export class StoreReads {
  readonly #store: ShardStore;
  readonly #emit: StoreEffect[];
  readonly #valueByTicket = new Map<number, ThenValue>();
  readonly #itemsByTicket = new Map<number, ThenItems>();

  constructor(store: ShardStore, emit: StoreEffect[]) {
    this.#store = store;
    this.#emit = emit;
  }

  /** Reads that wait. */
  get waiting(): number {
    return this.#valueByTicket.size + this.#itemsByTicket.size;
  }

  /** The value is a view: it holds only until the next write. */
  get(key: Uint8Array, then: ThenValue): void {
    const value = this.#store.get(key);
    if (value !== COLD) return then(value === null ? null : value.value);
    this.#valueByTicket.set(this.#store.load(key, this.#emit), then);
  }

  scan(range: ScanRange, then: ThenItems): void {
    this.#itemsByTicket.set(this.#store.scan(range, this.#emit), then);
  }

  /** Hands out what has been read. Gives whether there was anything. */
  complete(): boolean {
    let isAny = false;
    // One by one: what is done with an answer may write, and the next answer shows it.
    for (let next = this.#store.takeCompletion(this.#emit); next !== null; next = this.#store.takeCompletion(this.#emit)) {
      isAny = true;
      if (next.kind === "value") {
        const then = this.#valueByTicket.get(next.ticket);
        this.#valueByTicket.delete(next.ticket);
        then?.(next.value === null ? null : next.value.value);
      } else if (next.kind === "page") {
        const then = this.#itemsByTicket.get(next.ticket);
        this.#itemsByTicket.delete(next.ticket);
        then?.(next.items, next.next);
      }
    }
    return isAny;
  }
}
