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

type Read =
  | { readonly kind: "value"; readonly key: Uint8Array; readonly then: ThenValue }
  | { readonly kind: "page"; readonly range: ScanRange; readonly then: ThenItems };

export class StoreReads {
  readonly #store: ShardStore;
  readonly #emit: StoreEffect[];
  readonly #readByTicket = new Map<number, Read>();

  constructor(store: ShardStore, emit: StoreEffect[]) {
    this.#store = store;
    this.#emit = emit;
  }

  /** Reads that wait. */
  get waiting(): number {
    return this.#readByTicket.size;
  }

  /** The value is a view: it holds only until the next write. */
  get(key: Uint8Array, then: ThenValue): void {
    const value = this.#store.get(key);
    if (value !== COLD) return then(value === null ? null : value.value);
    this.#issue({ kind: "value", key, then });
  }

  /** A page of a range: short perhaps, but empty only at the end. */
  scan(range: ScanRange, then: ThenItems): void {
    this.#issue({ kind: "page", range, then });
  }

  /** Up to `range.limit` items, over as many pages as it takes, each decoded when it is read. */
  list<Item>(range: ScanRange, decode: (item: FoundItem) => Item, then: (items: readonly Item[]) => void): void {
    const list: Item[] = [];
    const goOn = (from: Uint8Array): void =>
      this.scan({ ...range, from, limit: range.limit - list.length }, (items, next) => {
        for (const item of items) list.push(decode(item));
        if (next === null || list.length >= range.limit) then(list);
        else goOn(next);
      });
    goOn(range.from);
  }

  /** Hands out what has been read. Gives whether there was anything. */
  complete(): boolean {
    let isAny = false;
    // One by one: what is done with an answer may write, and the next answer shows it.
    for (let next = this.#store.takeCompletion(this.#emit); next !== null; next = this.#store.takeCompletion(this.#emit)) {
      isAny = true;
      const read = this.#readByTicket.get(next.ticket);
      this.#readByTicket.delete(next.ticket);
      if (next.kind === "value" && read?.kind === "value") read.then(next.value === null ? null : next.value.value);
      else if (next.kind === "page" && read?.kind === "page") this.#page(read, next.items, next.next);
    }
    return isAny;
  }

  /** The store ends a page early where it has passed over too many dead keys: then the walk goes on. */
  #page(read: Read & { readonly kind: "page" }, items: readonly FoundItem[], next: Uint8Array | null): void {
    if (items.length > 0 || next === null) return read.then(items, next);
    this.#issue({ ...read, range: { ...read.range, from: next } });
  }

  #issue(read: Read): void {
    const ticket = read.kind === "value" ? this.#store.load(read.key, this.#emit) : this.#store.scan(read.range, this.#emit);
    this.#readByTicket.set(ticket, read);
  }
}
