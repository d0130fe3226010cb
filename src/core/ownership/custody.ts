/**
 * Custody of one shard: its descriptor, and the changes to it while this incarnation owns it. A flush freezes what has been
 * applied up to a position, writes it, waits until that position is durable, and only then names it (RULES.md 15a). One
 * swap of a descriptor is under way at a time.
 */
import type { LogWriter } from "../log/log-writer.js";
import type { LogId } from "../log/record.js";
import type { Shard } from "../shard/shard.js";
import { assert } from "../unreachable.js";
import type { DirectoryClient } from "./directory-client.js";
import { type ClosedRange, type DocumentCodec, type PreviousManifest, type ShardDescriptor, shardKey } from "./documents.js";
import { makerOf } from "./segment-name.js";

export interface CustodyTools {
  readonly client: DirectoryClient;
  readonly codec: DocumentCodec;
  readonly clusterId: Uint8Array;
  readonly log: LogWriter;
  nextToken(): string;
  /** The base that our node document is confirmed to have: what this shard still needs of our log is not below it. */
  base(): number;
  /** The shard is no longer ours, or its descriptor says what it must not. */
  lost(shard: number): void;
}

export class Custody {
  readonly shard: Shard;
  readonly #tools: CustodyTools;
  #descriptor: ShardDescriptor;
  #token: string;
  /** What the swap that is under way will have put there. */
  #next: ShardDescriptor | null = null;
  /** It is being handed over, or split: no flush and no merge is begun. */
  isLeaving = false;
  /** Others are being told what it names: that stays as it is. */
  isFixed = false;

  constructor(shard: Shard, descriptor: ShardDescriptor, token: string, tools: CustodyTools) {
    this.shard = shard;
    this.#descriptor = descriptor;
    this.#token = token;
    this.#tools = tools;
  }

  get token(): string {
    return this.#token;
  }

  get descriptor(): ShardDescriptor {
    return this.#descriptor;
  }

  /** The lowest position of our own log that a restart would have to read for this shard. */
  get neededFrom(): number {
    return this.#descriptor.covered + 1;
  }

  /** Where an earlier manifest begins to need our own log; Infinity: it does not. */
  get previousFrom(): number {
    const { log } = this.#tools.log;
    return fromOf(log, [...(this.#descriptor.previous?.ranges ?? []), ...(this.#next?.previous?.ranges ?? [])]);
  }

  /** The shard serves nobody: its descriptor stays as it is, and so does everything that it names. */
  get isRefused(): boolean {
    return this.shard.refusal !== null;
  }

  get isIdle(): boolean {
    return this.#next === null && this.shard.state.store.isThawed && this.shard.state.store.pendingManifest() === null;
  }

  /** Whether logs of former owners are still needed, or any entry was applied, or anything written, since the last flush. */
  get isDirty(): boolean {
    const { state } = this.shard;
    return this.#descriptor.ranges.length > 0 || state.isUnsaved || state.store.dirtyCount > 0;
  }

  get dirtyBytes(): number {
    return this.shard.state.store.dirtyBytes;
  }

  /** Begins a flush of everything applied so far. The open record must be closed: no entry at `position` follows. */
  flush(position: number): void {
    assert(this.isIdle, `shard ${this.shard.shard} is being flushed already`);
    const { state, storeEffects } = this.shard;
    if (state.isUnsaved) state.saveBookkeeping();
    state.store.freeze(position);
    state.store.startFlush(storeEffects);
  }

  /** Names what has been written, as soon as it may be named; starts a merge where one is due. Once a turn. */
  turn(): void {
    const { store } = this.shard.state;
    if (this.#next !== null || this.isFixed) return;
    if (!store.isThawed) store.startFlush(this.shard.storeEffects);
    if (!this.isLeaving) store.startCompaction(this.shard.storeEffects);
    const manifest = store.pendingManifest();
    if (manifest === null) return;
    if (manifest.coveredTo !== null && manifest.coveredTo > this.#tools.log.durable) return;
    const isFlush = manifest.coveredTo !== null;
    const next = {
      ...this.#descriptor,
      covered: manifest.coveredTo ?? this.#descriptor.covered,
      ranges: isFlush ? [] : this.#descriptor.ranges,
      segments: manifest.segments,
    };
    this.#swap({ ...next, previous: this.#previousOf(next, isFlush) }, () => store.manifestConfirmed());
  }

  /** Forgets the manifest before: what it alone names is not kept any longer. */
  letGo(): void {
    assert(this.isIdle, `shard ${this.shard.shard} is being flushed`);
    this.#swap({ ...this.#descriptor, previous: null }, () => undefined);
  }

  /** Gives the shard up, at an orderly stop: everything is flushed, so whoever claims it next needs no log. */
  release(then: () => void): void {
    assert(this.isIdle, `shard ${this.shard.shard} is being flushed`);
    this.#swap({ ...this.#descriptor, owner: null, ranges: [] }, then);
  }

  /**
   * Names the next owner, at a planned hand-off: nothing of the shard follows `lastPosition`, and everything up to there is
   * durable. What no segment holds lies in a range of our log; gives where all begins that the descriptor names of it, null
   * where that is nothing (RULES.md 8). An older range than needed costs reads, so it begins behind what is covered and at the base.
   */
  handOver(to: LogId, lastPosition: number, then: () => void): number | null {
    assert(this.isIdle, `shard ${this.shard.shard} is being flushed`);
    const { covered, epoch, ranges } = this.#descriptor;
    const { log } = this.#tools.log;
    const from = Math.max(covered + 1, this.#tools.base());
    const own = lastPosition >= from ? [{ log, epoch, from, to: lastPosition + 1 }] : [];
    const next = { ...this.#descriptor, epoch: epoch + 1, owner: to, covered: 0, ranges: [...ranges, ...own] };
    this.#swap(next, then);
    const lentFrom = fromOf(log, rangesOf(next));
    return lentFrom === Infinity ? null : lentFrom;
  }

  /**
   * Its halves are in its place from now on: everything that it has is in its segments, which they name. The swap is the
   * moment of the split, and there is no way back from it.
   */
  split(then: () => void): void {
    // A merge may have ended since: it is dropped, and its inputs stay.
    const isFlushed = this.#next === null && this.shard.state.store.isThawed && !this.isDirty;
    assert(isFlushed, `shard ${this.shard.shard} is not flushed`);
    const { shard, epoch, lineage } = this.#descriptor;
    const next = { shard, epoch: epoch + 1, owner: null, covered: 0, ranges: [], segments: [], previous: null };
    this.#swap({ ...next, lineage: { parentEpoch: lineage?.parentEpoch ?? null, isSplit: true } }, then);
  }

  /**
   * What `next` can be rebuilt from without what it adds. A flush moves it: the segments so far, and what the flush holds as
   * the log has it. A merge leaves it where it is, so that it names neither the newest flush nor what was merged since: either
   * may be damaged. A flush that adds nothing had nothing to hold, and leaves it as well.
   */
  #previousOf(next: ShardDescriptor, isFlush: boolean): PreviousManifest | null {
    const { segments, ranges, previous, covered, epoch } = this.#descriptor;
    if (!isFlush) return previous ?? { segments, ranges: [] };
    const [newest] = next.segments;
    if (newest === undefined || segments.some(({ object }) => object === newest.object)) return previous;
    const { log } = this.#tools.log;
    // Below the base there may be nothing left, and nothing that this shard needs.
    const between: ClosedRange = { log, epoch, from: Math.max(covered + 1, this.#tools.base()), to: next.covered + 1 };
    return { segments, ranges: between.from < between.to ? [...ranges, between] : ranges };
  }

  #swap(next: ShardDescriptor, then: () => void): void {
    this.#next = next;
    const token = this.#tools.nextToken();
    const document = { token, body: this.#tools.codec.encodeDescriptor(next, this.#tools.clusterId) };
    this.#tools.client.swap(shardKey(this.shard.shard), this.#token, document, (end) => {
      this.#next = null;
      if (end === "lost") return this.#tools.lost(this.shard.shard);
      const named = namedBy(this.#descriptor);
      this.#token = token;
      this.#descriptor = next;
      then();
      const kept = namedBy(next);
      // What came from a split may be other shards', too: nobody deletes that alone (split-leftovers.ts).
      if (next.lineage?.isSplit === true) return;
      for (const object of named) {
        if (!kept.has(object) && makerOf(object)?.shard === this.shard.shard) this.shard.state.store.discard(object);
      }
    });
  }
}

/** All objects that a descriptor names: of its own manifest and of the one before. */
export function namedBy({ segments, previous }: ShardDescriptor): ReadonlySet<string> {
  return new Set([...segments, ...(previous?.segments ?? [])].map(({ object }) => object));
}

/** Every range that a descriptor names: those that its owner has to replay, and those of the manifest before. */
export function rangesOf({ ranges, previous }: ShardDescriptor): readonly ClosedRange[] {
  return previous === null ? ranges : [...ranges, ...previous.ranges];
}

/** The lowest position of a log that the ranges name; Infinity: none does. */
export function fromOf(log: LogId, ranges: readonly ClosedRange[]): number {
  return ranges.reduce((least, range) => (range.log === log ? Math.min(least, range.from) : least), Infinity);
}
