/**
 * Upkeep: keeps the log's tail short, so that a restart is fast and memory is free. Flushes the shard that holds the tail
 * back, publishes the base, and trims what no shard needs (RULES.md 1). Shards come and go.
 */
import type { Effect } from "../effect.js";
import type { LogWriter } from "../log/log-writer.js";
import type { CacheBudget } from "../store/cache-budget.js";
import type { Custody } from "./custody.js";
import type { OwnNode } from "./own-node.js";

export interface UpkeepLimits {
  /** A flush begins when the tail holds more than this: what a restart has to read. */
  readonly tailBytesTarget: number;
  readonly tailRecordsTarget: number;
  /** A shard is flushed when its oldest unflushed entry is older than this. */
  readonly tailAgeMaxMs: number;
  /** And when its dirty part of memory is larger than this. */
  readonly dirtyBytesMax: number;
  readonly flushesMax: number;
  /** How long a record that is needed is kept for sure; Infinity: for ever. A quarter of it forces a flush (RULES.md 1). */
  readonly recordTtlMs: number;
}

interface Tail {
  readonly custody: Custody;
  /** Bytes and records of the log, counted from this incarnation's start, that were there when the shard was last flushed. */
  bytes: number;
  records: number;
  /** The moment behind which everything was written that is not flushed, in this incarnation. */
  sinceMs: number;
  /** The same, with what former ones left behind: negative where that is older than this process. */
  oldestMs: number;
  /** Of what a flush that is under way will have covered. */
  flushingOldestMs: number | null;
  /** Like `bytes` and `records`, of the flush before: what the previous manifest needs lies behind that. */
  previousBytes: number;
  previousRecords: number;
}

export interface UpkeepTools {
  readonly ownNode: OwnNode;
  readonly log: LogWriter;
  readonly cache: CacheBudget;
  readonly effects: Effect[];
}

export class Upkeep {
  readonly #limits: UpkeepLimits;
  readonly #tools: UpkeepTools;
  #tails: Tail[] = [];
  /** Of former logs, read for the shards that came with them. */
  #inherited = { bytes: 0, records: 0 };
  /** Where begins what a shard that was handed over may still need of our log, until its next owner has flushed it. */
  readonly #lentFromByShard = new Map<number, number>();
  /** The same, of what previous manifests need: records and values below the base. */
  readonly #lentKeptByShard = new Map<number, number>();
  #publishedAtMs: number;
  #measuredAtMs = -Infinity;
  /** Everything at or above the published base was written behind this moment. */
  #baseOldestMs: number;
  #keptFrom: number;

  constructor(limits: UpkeepLimits, tools: UpkeepTools, tickMs: number) {
    this.#limits = limits;
    this.#tools = tools;
    this.#keptFrom = tools.ownNode.document.base;
    this.#baseOldestMs = tickMs;
    this.#publishedAtMs = tickMs;
  }

  /** Shards that were opened together, and what was read of former logs for them. */
  add(
    custodies: readonly Custody[],
    read: { readonly bytes: number; readonly records: number; readonly ageMs: number },
    tickMs: number,
  ): void {
    const before = { bytes: this.#totalBytes, records: this.#totalRecords };
    this.#inherited = { bytes: this.#inherited.bytes + read.bytes, records: this.#inherited.records + read.records };
    // What was read for the new ones makes the tail of the others no longer.
    for (const tail of this.#tails) {
      tail.bytes += read.bytes;
      tail.records += read.records;
      tail.previousBytes += read.bytes;
      tail.previousRecords += read.records;
    }
    for (const custody of custodies) {
      // One that is back says itself what it needs of our log.
      this.#lentFromByShard.delete(custody.shard.shard);
      this.#lentKeptByShard.delete(custody.shard.shard);
      const isClean = custody.descriptor.ranges.length === 0;
      this.#tails.push({
        custody,
        bytes: isClean ? this.#totalBytes : before.bytes,
        records: isClean ? this.#totalRecords : before.records,
        sinceMs: tickMs,
        oldestMs: isClean ? tickMs : tickMs - read.ageMs,
        flushingOldestMs: null,
        previousBytes: this.#totalBytes,
        previousRecords: this.#totalRecords,
      });
    }
  }

  /** The shard is another node's. It may need our log from `from` on; null: nothing of it. What was before may need more. */
  remove(shard: number, from: number | null): void {
    const previousFrom = this.#tails.find(({ custody }) => custody.shard.shard === shard)?.custody.previousFrom ?? Infinity;
    this.#lentKeptByShard.set(shard, Math.min(previousFrom, from ?? Infinity));
    this.#tails = this.#tails.filter(({ custody }) => custody.shard.shard !== shard);
    if (from !== null) this.#lentFromByShard.set(shard, Math.min(from, this.#lentFromByShard.get(shard) ?? from));
  }

  /**
   * `isNamed`: whether a shard's descriptor names our log still, though the shard is elsewhere. `keptFromByShard`: where it, or
   * the manifest before, begins to need it.
   */
  returned(isNamed: (shard: number) => boolean, keptFromByShard: ReadonlyMap<number, number>): void {
    for (const shard of this.#lentFromByShard.keys()) if (!isNamed(shard)) this.#lentFromByShard.delete(shard);
    for (const shard of this.#lentKeptByShard.keys()) {
      const from = keptFromByShard.get(shard);
      if (from !== undefined) this.#lentKeptByShard.set(shard, from);
      else if (!isNamed(shard)) this.#lentKeptByShard.delete(shard);
    }
  }

  /** What a restart would have to read now. */
  get tailBytes(): number {
    let least = this.#totalBytes;
    for (const { bytes, custody } of this.#tails) if (bytes < least && !custody.isRefused) least = bytes;
    return this.#totalBytes - least;
  }

  get tailRecords(): number {
    let least = this.#totalRecords;
    for (const { records, custody } of this.#tails) if (records < least && !custody.isRefused) least = records;
    return this.#totalRecords - least;
  }

  /** How old the oldest record may be that a claim would read. What only refused shards need does not count: nothing here can change it. */
  recordAgeMs(tickMs: number): number {
    if (this.#limits.recordTtlMs === Infinity) return 0;
    let oldest = this.#baseOldestMs;
    for (const tail of this.#tails) if (!tail.custody.isRefused) oldest = Math.min(oldest, oldestOf(tail));
    return tickMs - oldest;
  }

  /** The lowest position of our log at which records and their values are kept: previous manifests may need it below the base. */
  get keptFrom(): number {
    return this.#keptFrom;
  }

  get flushing(): number {
    let count = 0;
    for (const { custody } of this.#tails) if (!custody.isIdle) count++;
    return count;
  }

  /** Starts what is due. Once a turn. */
  turn(tickMs: number): void {
    for (const { custody } of this.#tails) if (!custody.isRefused) custody.turn();
    if (tickMs - this.#measuredAtMs >= MEASURE_EVERY_MS) this.#measure(tickMs);
    this.#publish(tickMs);
    for (let flushing = this.flushing; flushing < this.#limits.flushesMax; flushing++) {
      const due = this.#due(tickMs);
      if (due === null) return;
      this.#flush(due, tickMs);
    }
  }

  /** A shard of which nothing in the log is needed makes the tail neither longer nor older. */
  #measure(tickMs: number): void {
    this.#measuredAtMs = tickMs;
    this.#letGo();
    for (const tail of this.#tails) {
      if (!tail.custody.isIdle) continue;
      tail.flushingOldestMs = null;
      if (tail.custody.isDirty) continue;
      tail.bytes = this.#totalBytes;
      tail.records = this.#totalRecords;
      tail.sinceMs = tickMs;
      tail.oldestMs = tickMs;
    }
  }

  /** One shard at a time whose previous manifest needs too much of the log: it has not changed for long, and would hold all of it. */
  #letGo(): void {
    const { tailBytesTarget, tailRecordsTarget } = this.#limits;
    for (const { custody, previousBytes, previousRecords } of this.#tails) {
      const isFar =
        this.#totalBytes - previousBytes > tailBytesTarget * PREVIOUS_TAILS_MAX ||
        this.#totalRecords - previousRecords > tailRecordsTarget * PREVIOUS_TAILS_MAX;
      if (!isFar || custody.descriptor.previous === null || !custody.isIdle || custody.isDirty) continue;
      if (custody.isRefused || custody.isLeaving) continue;
      return custody.letGo();
    }
  }

  /** Begins a flush of every shard that needs one; true when none is needed or under way any more. */
  flushAll(tickMs: number): boolean {
    const serving = this.#tails.filter(({ custody }) => !custody.isRefused);
    for (const tail of serving)
      if (tail.custody.isIdle && tail.custody.isDirty && !tail.custody.isLeaving) this.#flush(tail, tickMs);
    return serving.every(({ custody }) => custody.isIdle && !custody.isDirty);
  }

  get #totalBytes(): number {
    return this.#inherited.bytes + this.#tools.log.addedBytes;
  }

  get #totalRecords(): number {
    return this.#inherited.records + this.#tools.log.last;
  }

  #due(tickMs: number): Tail | null {
    const { tailAgeMaxMs, recordTtlMs } = this.#limits;
    let oldest: Tail | null = null;
    let largest: Tail | null = null;
    let overdue: Tail | null = null;
    for (const tail of this.#tails) {
      const { custody } = tail;
      if (!custody.isIdle || !custody.isDirty || custody.isRefused || custody.isLeaving) continue;
      const isOverdue = tickMs - tail.sinceMs > tailAgeMaxMs || tickMs - tail.oldestMs > recordTtlMs / 4;
      if (isOverdue && (overdue === null || tail.oldestMs < overdue.oldestMs)) overdue = tail;
      if (oldest === null || tail.records < oldest.records) oldest = tail;
      if (largest === null || custody.dirtyBytes > largest.custody.dirtyBytes) largest = tail;
    }
    if (oldest === null || largest === null) return null;
    if (largest.custody.dirtyBytes > this.#limits.dirtyBytesMax) return largest;
    if (overdue !== null) return overdue;
    const isLong = this.tailBytes > this.#limits.tailBytesTarget || this.tailRecords > this.#limits.tailRecordsTarget;
    if (isLong) return oldest;
    return this.#tools.cache.isOverfull ? largest : null;
  }

  #flush(tail: Tail, tickMs: number): void {
    const position = this.#tools.log.cut(tickMs);
    tail.custody.flush(position);
    tail.previousBytes = tail.bytes;
    tail.previousRecords = tail.records;
    tail.bytes = this.#totalBytes;
    tail.records = this.#totalRecords;
    tail.sinceMs = tickMs;
    tail.flushingOldestMs = tail.oldestMs;
    tail.oldestMs = tickMs;
  }

  /**
   * Publishes a base that has grown, and only then trims below it, as far as no previous manifest needs it. Where records
   * expire it is published now and then whatever it is: a log that hardly grows would else have a base whose record is gone,
   * and the walk would end there (RULES.md 1). It also says that we live (RULES.md 3).
   */
  #publish(tickMs: number): void {
    const { log, ownNode, effects } = this.#tools;
    if (ownNode.isPublishing) return;
    let grown = log.durable + 1;
    let oldestMs = tickMs;
    for (const tail of this.#tails) {
      const { custody } = tail;
      if (!custody.isDirty && !custody.isRefused && custody.isIdle) continue;
      grown = Math.min(grown, custody.neededFrom);
      oldestMs = Math.min(oldestMs, oldestOf(tail));
    }
    for (const from of this.#lentFromByShard.values()) grown = Math.min(grown, from);
    const published = ownNode.document.base;
    const isDue = tickMs - this.#publishedAtMs > this.#limits.recordTtlMs / SIGNS_PER_TTL;
    if (grown < published + BASE_STEP && !isDue) return;
    const base = Math.max(grown, published);
    ownNode.publish(base, () => {
      this.#publishedAtMs = tickMs;
      this.#baseOldestMs = oldestMs;
      const previous = this.#tails.map(({ custody }) => custody.previousFrom);
      const kept = Math.min(base, ...previous, ...this.#lentKeptByShard.values());
      if (kept <= this.#keptFrom) return;
      this.#keptFrom = kept;
      effects.push({ kind: "trimLog", log: log.log, base: kept });
    });
  }
}

/** The base is published in steps: each is a write to the directory. */
const BASE_STEP = 256;
/** A shard that is written to is flushed within one tail, and its previous manifest needs two; the others are let go beyond this. */
const PREVIOUS_TAILS_MAX = 4;
/** Often enough for lengths and ages of tails; not every turn, because there may be many shards. */
const MEASURE_EVERY_MS = 250;
/** Signs of life while a record lives: rare enough to cost nothing, far more than the two that a claim needs to see. */
const SIGNS_PER_TTL = 64;

function oldestOf({ oldestMs, flushingOldestMs }: Tail): number {
  return flushingOldestMs ?? oldestMs;
}
