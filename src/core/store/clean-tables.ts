/**
 * The clean records of one store: generations, the newest first. All of it is also in segments, so any generation may
 * vanish at any time.
 *
 * What must hold: of two generations that know a key the one in front is at least as new. A flushed table goes to the
 * very front, for it is newer than all segments were while it was written. What a cold read found is the newest version
 * below the dirty tables at that moment, so it goes to a front of its own, in front of everything.
 */
import type { CacheBudget, Generation } from "./cache-budget.js";
import { keyHash } from "./key-hash.js";
import { SlabTable } from "./slab-table.js";
import { type MergeValues, NEVER, PARTIAL, VersionFold } from "./version-fold.js";

/** Every look-up that misses asks each of them. */
const GENERATIONS_MAX = 24;
/** A flushed table of no more keys is copied into the front instead of becoming one more generation: about 1 ms. */
const COPIED_KEYS_MAX = 2048;

export class CleanTables {
  readonly #budget: CacheBudget;
  readonly #fold: VersionFold;
  /** Newest first. */
  #generations: Generation[] = [];
  /** The first generation, where it may still take records. */
  #front: Generation | null = null;
  #isFoundOld = false;

  constructor(budget: CacheBudget, merge: MergeValues) {
    this.#budget = budget;
    this.#fold = new VersionFold(merge);
  }

  get bytes(): number {
    return this.#generations.reduce((sum, generation) => sum + generation.charged, 0);
  }

  get count(): number {
    return this.#generations.length;
  }

  /** Whether the last `find` had to go to a generation that will soon be dropped. */
  get isFoundOld(): boolean {
    return this.#isFoundOld;
  }

  /** Adds what the clean tables know to `fold`; true when that settles it. */
  find(key: Uint8Array, hash: number, fold: VersionFold, nowMs: number): boolean {
    this.#isFoundOld = false;
    for (const generation of this.#generations) {
      const { table } = generation;
      const location = table.find(key, hash);
      if (location === 0) continue;
      this.#isFoundOld = generation.isOld;
      if (fold.add(table.flagsAt(location), table.expiresAtMsAt(location), table.valueAt(location), nowMs)) return true;
    }
    return false;
  }

  /** Takes the newest version below the dirty tables. */
  insert(key: Uint8Array, hash: number, flags: number, expiresAtMs: number, value: Uint8Array): void {
    if (value.length > this.#budget.generationBytesMax / 2) return;
    const front = this.#openFront();
    front.table.put(key, hash, value, flags, expiresAtMs);
    this.#budget.recharge(front);
  }

  /** Takes a table whose flush is confirmed. Its records are newer than everything here. */
  adopt(table: SlabTable, nowMs: number): void {
    if (table.count === 0) return;
    if (table.count <= COPIED_KEYS_MAX && table.recordBytes <= this.#budget.generationBytesMax / 2) {
      this.#copy(table, nowMs);
      return;
    }
    table.forgetOrder();
    this.#front = null;
    this.#push(table);
  }

  forget(generation: Generation): void {
    this.#generations = this.#generations.filter((each) => each !== generation);
    if (this.#front === generation) this.#front = null;
  }

  drop(): void {
    for (const generation of this.#generations) this.#budget.remove(generation);
    this.#generations = [];
    this.#front = null;
  }

  #openFront(): Generation {
    if (this.#front === null || this.#front.table.bytes >= this.#budget.generationBytesMax) {
      this.#front = this.#push(new SlabTable(false));
    }
    return this.#front;
  }

  #push(table: SlabTable): Generation {
    const generation = this.#budget.add(table, this);
    this.#generations.unshift(generation);
    this.#budget.recharge(generation);
    const oldest = this.#generations[GENERATIONS_MAX];
    if (oldest !== undefined) {
      this.#generations.pop();
      this.#budget.remove(oldest);
    }
    return generation;
  }

  /** A partial record does not replace what the front knows: what lies further back may be older than that. */
  #copy(table: SlabTable, nowMs: number): void {
    const front = this.#openFront();
    for (const location of table.locations()) {
      const key = table.keyAt(location);
      const hash = keyHash(key);
      let flags = table.flagsAt(location);
      let value = table.valueAt(location);
      const below = (flags & PARTIAL) === 0 ? 0 : front.table.find(key, hash);
      const expiresAtMs = table.expiresAtMsAt(location);
      if (below !== 0) {
        this.#fold.reset();
        this.#fold.add(flags, NEVER, value, nowMs);
        this.#fold.add(front.table.flagsAt(below), front.table.expiresAtMsAt(below), front.table.valueAt(below), nowMs);
        value = this.#fold.value;
        flags = this.#fold.kind === "partial" ? PARTIAL : 0;
      }
      front.table.put(key, hash, value, flags, expiresAtMs);
    }
    this.#budget.recharge(front);
  }
}
