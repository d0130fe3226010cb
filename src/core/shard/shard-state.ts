/**
 * The state of one shard, and the only code that writes it: `applyEntry`. What lies in the store is opaque bytes under the
 * keys of src/core/store/key-spaces; what is asked for all the time is held decoded beside it.
 */
import type { EntityAddress } from "../entity/address.js";
import type { EntityType } from "../entity/entity-type.js";
import { BOOKKEEPING_KEY, type Bookkeeping, decodeBookkeeping, encodeBookkeeping } from "../store/key-spaces/bookkeeping.js";
import { type EntityPrefix, entityPrefix } from "../store/key-spaces/key-space.js";
import type { ShardStore } from "../store/shard-store.js";
import { Marks } from "./marks.js";
import { Outbox } from "./outbox.js";
import { OwnTimers } from "./own-timers.js";
import { ResultCount } from "./result-count.js";
import { inheritedSource } from "./stream-source.js";
import { TimerWindow } from "./timer-window.js";

export class ShardState {
  readonly shard: number;
  readonly store: ShardStore;
  readonly outbox = new Outbox();
  readonly timers: TimerWindow;
  readonly marksBySource = new Map<number, Marks>();
  readonly nextNumberByTarget = new Map<number, number>();
  readonly results = new ResultCount();
  /** Sequence of the last entry applied. */
  sequence = 0;
  /** That of the last entry which the bookkeeping in the store knows of. */
  #savedSequence = 0;
  /** The shard's time: it never runs backwards (RULES.md 15e). */
  timeMs = 0;
  readonly inboxTimers = new OwnTimers();
  nextInboxNumber = 1;
  inboxCount = 0;
  #lastAddress: EntityAddress | null = null;
  #lastPrefix: EntityPrefix = new Uint8Array(0);
  readonly #hashOf: (address: EntityAddress) => number;
  readonly #typeOf: (name: string) => EntityType | null;
  /** What it came from by a split; null: it did not. */
  readonly #parent: number | null;

  constructor(
    shard: number,
    store: ShardStore,
    hashOf: (address: EntityAddress) => number,
    typeOf: (name: string) => EntityType | null,
    timerWindowMax?: number,
    parent: number | null = null,
  ) {
    this.#parent = parent;
    this.timers = new TimerWindow(timerWindowMax);
    this.shard = shard;
    this.store = store;
    this.#hashOf = hashOf;
    this.#typeOf = typeOf;
  }

  prefixOf(address: EntityAddress): EntityPrefix {
    // What is proposed is applied next, for the same entity.
    if (address === this.#lastAddress) return this.#lastPrefix;
    this.#lastPrefix = entityPrefix(address, this.#hashOf(address));
    this.#lastAddress = address;
    return this.#lastPrefix;
  }

  /** Names the prefix that the entity has, for the next `prefixOf`. */
  rememberPrefix(address: EntityAddress, prefix: EntityPrefix): void {
    this.#lastAddress = address;
    this.#lastPrefix = prefix;
  }

  hashOf(address: EntityAddress): number {
    return this.#hashOf(address);
  }

  typeOf(name: string): EntityType | null {
    return this.#typeOf(name);
  }

  marksOf(source: number): Marks {
    let marks = this.marksBySource.get(source);
    if (marks === undefined) {
      marks = new Marks();
      this.marksBySource.set(source, marks);
    }
    return marks;
  }

  nextNumber(target: number): number {
    return this.nextNumberByTarget.get(target) ?? 1;
  }

  /** Entries were applied since the bookkeeping was saved. Some change nothing else: a mark of another shard's message. */
  get isUnsaved(): boolean {
    return this.sequence !== this.#savedSequence;
  }

  /** Puts the bookkeeping into the store, so that a flush holds it as of this moment. */
  saveBookkeeping(): void {
    const marksBySource = new Map(
      [...this.marksBySource].map(([source, marks]) => [source, { low: marks.low, above: marks.above }]),
    );
    const value: Bookkeeping = {
      sequence: this.sequence,
      timeMs: this.timeMs,
      nextInboxNumber: this.nextInboxNumber,
      nextNumberByTarget: this.nextNumberByTarget,
      marksBySource,
      resultsByExpiry: this.results.entries,
      ...(this.#parent === null ? {} : { shard: this.shard }),
    };
    this.store.put(BOOKKEEPING_KEY, encodeBookkeeping(value), 0);
    this.#savedSequence = this.sequence;
  }

  /** Takes over what the last flush saved. Before any entry is applied. */
  loadBookkeeping(bytes: Uint8Array): void {
    const value = decodeBookkeeping(bytes);
    if (this.#parent !== null && value.shard !== this.shard) return this.#inherit(value, this.#parent);
    this.sequence = value.sequence;
    this.#savedSequence = value.sequence;
    this.timeMs = value.timeMs;
    this.nextInboxNumber = value.nextInboxNumber;
    for (const [expiresAtMs, count] of value.resultsByExpiry) this.results.add(expiresAtMs, count);
    for (const [target, next] of value.nextNumberByTarget) this.nextNumberByTarget.set(target, next);
    for (const [source, marks] of value.marksBySource) this.marksBySource.set(source, new Marks(marks.low, marks.above));
  }

  /**
   * The first time: what the segments hold is the parent's, as it was when it was split. Messages that were sent to it come
   * here under its id, so its marks go on; its own messages were all acknowledged, and this shard's begin anew under its own
   * id. Unsaved, whatever comes: the first flush makes the bookkeeping this shard's own.
   */
  #inherit(value: Bookkeeping, parent: number): void {
    this.sequence = value.sequence;
    this.#savedSequence = -1;
    this.timeMs = value.timeMs;
    this.nextInboxNumber = value.nextInboxNumber;
    // Hashes are spread evenly; of an odd number each half takes the larger part.
    for (const [expiresAtMs, count] of value.resultsByExpiry) this.results.add(expiresAtMs, Math.ceil(count / 2));
    for (const [number, { low, above }] of value.marksBySource) {
      if (number !== parent) this.marksBySource.set(inheritedSource(number, parent), new Marks(low, above));
    }
  }
}
