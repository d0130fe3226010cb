/**
 * What is read of a shard before it comes. A living owner has shown what it will be made of, and serves until this node says
 * that it has read what an opening reads of the segments; a dead one's is read while its log is brought to its end. Behind
 * the swap there are then only records of a log to read.
 *
 * Nothing hangs on it. A store that was read ahead is used where the shard comes with the very same segments; else it is dropped.
 */
import type { Effect } from "../effect.js";
import { StoreReads } from "../shard/store-reads.js";
import { BOOKKEEPING_KEY } from "../store/key-spaces/bookkeeping.js";
import { INBOX_SPACE, OUTBOX_SPACE, rangeEnd, TIMER_DUE_SPACE } from "../store/key-spaces/key-space.js";
import type { ShardStore } from "../store/shard-store.js";
import type { StoreEffect, StoreInput } from "../store/store-io.js";
import type { ShardDescriptor } from "./documents.js";

export interface ReadAheadParts {
  readonly effects: Effect[];
  nowMs(): number;
  tickMs(): number;
  /** A store of these segments, for the owner that comes next. */
  makeStore(descriptor: ShardDescriptor): ShardStore;
  /** All is read, as far as it can be. */
  done(shard: number, epoch: number): void;
}

interface Ahead {
  readonly shard: number;
  readonly epoch: number;
  readonly store: ShardStore;
  readonly storeEffects: StoreEffect[];
  readonly reads: StoreReads;
  left: number;
}

/** The head of each range that an opening reads: what follows is read then, as it would be anyway. */
const HEAD_ITEMS = 2_000;
const HEAD_BYTES = 1 << 20;
const ROUNDS_MAX = 100;
const RANGES_READ = [OUTBOX_SPACE, INBOX_SPACE, TIMER_DUE_SPACE];

export class ReadAhead {
  readonly #parts: ReadAheadParts;
  readonly #aheadByShard = new Map<number, Ahead>();

  constructor(parts: ReadAheadParts) {
    this.#parts = parts;
  }

  has(shard: number): boolean {
    return this.#aheadByShard.has(shard);
  }

  /** `descriptor`: as it stands, of the present owner. */
  begin(descriptor: ShardDescriptor): void {
    const { shard, epoch } = descriptor;
    this.#drop(shard);
    const store = this.#parts.makeStore({ ...descriptor, epoch: epoch + 1 });
    const storeEffects: StoreEffect[] = [];
    const reads = new StoreReads(store, storeEffects);
    const ahead: Ahead = { shard, epoch, store, storeEffects, reads, left: 1 + RANGES_READ.length };
    this.#aheadByShard.set(shard, ahead);
    store.step(this.#parts.nowMs(), [], storeEffects);
    store.open(storeEffects);
    reads.get(BOOKKEEPING_KEY, () => this.#read(ahead));
    for (const space of RANGES_READ) {
      const from = new Uint8Array([space]);
      reads.scan({ from, to: rangeEnd(from), limit: HEAD_ITEMS, bytesMax: HEAD_BYTES }, () => this.#read(ahead));
    }
    this.#turn(ahead, []);
  }

  /** The store of a shard that has come, where it is what was read. It is the shard's from now on. */
  take({ shard, epoch, segments }: ShardDescriptor): ShardStore | null {
    const ahead = this.#aheadByShard.get(shard);
    if (ahead === undefined) return null;
    const isSame =
      ahead.epoch + 1 === epoch &&
      ahead.store.problem === null &&
      ahead.store.segments.length === segments.length &&
      ahead.store.segments.every(({ object }, at) => object === segments[at]?.object);
    if (!isSame) {
      this.#drop(shard);
      return null;
    }
    this.#aheadByShard.delete(shard);
    return ahead.store;
  }

  /** Drops all that is not awaited any more. */
  keep(isAwaited: (shard: number) => boolean): void {
    for (const shard of [...this.#aheadByShard.keys()]) if (!isAwaited(shard)) this.#drop(shard);
  }

  stored(shard: number, input: StoreInput): void {
    const ahead = this.#aheadByShard.get(shard);
    if (ahead !== undefined) this.#turn(ahead, [input]);
  }

  /** Once a turn. */
  turn(): void {
    for (const ahead of this.#aheadByShard.values()) this.#turn(ahead, []);
  }

  wakeAtMs(): number {
    let byWall = Infinity;
    for (const { store } of this.#aheadByShard.values()) {
      // One in trouble tries nothing again.
      if (store.problem === null) byWall = Math.min(byWall, store.wakeAtMs);
    }
    return byWall === Infinity ? Infinity : this.#parts.tickMs() + Math.max(0, byWall - this.#parts.nowMs());
  }

  #turn(ahead: Ahead, inputs: readonly StoreInput[]): void {
    const { shard, epoch, store, storeEffects, reads } = ahead;
    store.step(this.#parts.nowMs(), inputs, storeEffects);
    for (let rounds = 0; rounds < ROUNDS_MAX && reads.complete(); rounds++);
    for (const effect of storeEffects) this.#parts.effects.push({ kind: "store", shard, effect });
    storeEffects.length = 0;
    // Whatever it is, the owner goes on without us: it shows again when the shard is opened.
    if (store.problem === null || ahead.left === 0) return;
    ahead.left = 0;
    this.#parts.done(shard, epoch);
  }

  #read(ahead: Ahead): void {
    if (ahead.left === 0) return;
    ahead.left--;
    if (ahead.left === 0) this.#parts.done(ahead.shard, ahead.epoch);
  }

  #drop(shard: number): void {
    this.#aheadByShard.get(shard)?.store.close();
    this.#aheadByShard.delete(shard);
  }
}
