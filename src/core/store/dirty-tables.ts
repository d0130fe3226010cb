/**
 * What is not yet in a confirmed segment: the active table, which takes all writes, and behind it at most one frozen one,
 * which a flush is writing. Both count in the shared budget and cannot be dropped.
 */
import type { CacheBudget } from "./cache-budget.js";
import { keyHash } from "./key-hash.js";
import { SlabTable } from "./slab-table.js";
import type { StoreClock } from "./store-io.js";
import { type MergeValues, PARTIAL, VersionFold } from "./version-fold.js";

export class DirtyTables {
  readonly #cache: CacheBudget;
  readonly #clock: StoreClock;
  readonly #fold: VersionFold;
  #active = new SlabTable(true);
  #frozen: SlabTable | null = null;
  #activeCharged = 0;
  #frozenCharged = 0;

  constructor(cache: CacheBudget, clock: StoreClock, merge: MergeValues) {
    this.#cache = cache;
    this.#clock = clock;
    this.#fold = new VersionFold(merge);
    this.#charge();
  }

  get active(): SlabTable {
    return this.#active;
  }

  get frozen(): SlabTable | null {
    return this.#frozen;
  }

  /** Bytes of all records, overwritten ones included. */
  get recordBytes(): number {
    return this.#active.recordBytes + (this.#frozen?.recordBytes ?? 0);
  }

  get count(): number {
    return this.#active.count + (this.#frozen?.count ?? 0);
  }

  /** A partial version over one in the active table becomes one with it at once: a table holds one version of a key. */
  write(key: Uint8Array, value: Uint8Array, flags: number, expiresAtMs: number): void {
    const hash = keyHash(key);
    const table = this.#active;
    const location = (flags & PARTIAL) === 0 ? 0 : table.find(key, hash);
    if (location !== 0) {
      const fold = this.#fold;
      fold.reset();
      fold.add(flags, expiresAtMs, value, -Infinity);
      fold.add(table.flagsAt(location), table.expiresAtMsAt(location), table.valueAt(location), this.#clock.nowMs);
      value = fold.value;
      flags = fold.kind === "partial" ? PARTIAL : 0;
    }
    table.put(key, hash, value, flags, expiresAtMs);
    this.#charge();
  }

  /** Adds what the tables know of a key to `fold`; true when that settles it. */
  find(key: Uint8Array, hash: number, fold: VersionFold): boolean {
    return (
      addFrom(this.#active, key, hash, fold, this.#clock.nowMs) ||
      (this.#frozen !== null && addFrom(this.#frozen, key, hash, fold, this.#clock.nowMs))
    );
  }

  freeze(): SlabTable {
    if (this.#frozen !== null) throw new Error("a frozen table is still being flushed");
    const table = this.#active;
    this.#frozen = table;
    this.#frozenCharged = this.#activeCharged;
    this.#cache.charge("memtable", -this.#activeCharged);
    this.#cache.charge("frozen", this.#frozenCharged);
    this.#activeCharged = 0;
    this.#active = new SlabTable(true);
    this.#charge();
    return table;
  }

  /** The frozen table is in a confirmed segment: it is no longer dirty. */
  release(): SlabTable {
    const table = this.#frozen;
    if (table === null) throw new Error("nothing is frozen");
    this.#frozen = null;
    this.#cache.charge("frozen", -this.#frozenCharged);
    this.#frozenCharged = 0;
    return table;
  }

  /** Gives back what it holds of the budget. */
  close(): void {
    this.#cache.charge("memtable", -this.#activeCharged);
    this.#cache.charge("frozen", -this.#frozenCharged);
    this.#activeCharged = 0;
    this.#frozenCharged = 0;
  }

  #charge(): void {
    const { bytes } = this.#active;
    if (bytes === this.#activeCharged) return;
    this.#cache.charge("memtable", bytes - this.#activeCharged);
    this.#activeCharged = bytes;
    if (this.#cache.isOverfull) this.#cache.settle();
  }
}

function addFrom(table: SlabTable, key: Uint8Array, hash: number, fold: VersionFold, nowMs: number): boolean {
  const location = table.find(key, hash);
  if (location === 0) return false;
  return fold.add(table.flagsAt(location), table.expiresAtMsAt(location), table.valueAt(location), nowMs);
}
