/**
 * A shard's ordered key space that is not the log's tail: recent writes in memory, everything else in segments.
 *
 *     put ──> active ──freeze──> frozen ──flush, manifest confirmed──> clean generations (a cache; dropped oldest first)
 *                                              └──> segments, newest first ──compaction──> fewer segments
 *
 * Pure and synchronous: IO goes out as effects and comes back through `step`. Keys are ordered byte by byte.
 *
 * A turn: `step` with what arrived, any number of reads and writes, `takeCompletions`. All that take `effects` push to it.
 */
import { CleanTables } from "./clean-tables.js";
import { Compacting, type CompactionResult } from "./compacting.js";
import { SEGMENTS_MAX } from "./compaction-plan.js";
import { Deletions } from "./deletions.js";
import { DirtyTables } from "./dirty-tables.js";
import { type Flushed, Flushing } from "./flushing.js";
import { keyHash } from "./key-hash.js";
import type { OpenSegment } from "./open-segment.js";
import type { ScanRange } from "./range-scan.js";
import { type COLD, type Completion, Reading, type ReadStatistics, type StoredValue } from "./reading.js";
import type { SegmentProblem } from "./segment-format.js";
import type { SegmentReference } from "./segment-reference.js";
import { SegmentSet } from "./segment-set.js";
import type { StoreClock, StoreEffect, StoreInput } from "./store-io.js";
import type { StoreOptions } from "./store-options.js";
import { NEVER, NO_BYTES, PARTIAL, TOMBSTONE } from "./version-fold.js";

export { COLD, type Completion, type StoredValue } from "./reading.js";

/** What the descriptor shall say next. */
export interface PendingManifest {
  /** Newest first. */
  readonly segments: readonly SegmentReference[];
  /** The log position that the flush in it covers; null where it only compacts. */
  readonly coveredTo: number | null;
}

export interface StoreStatistics extends Readonly<ReadStatistics> {
  readonly blockReads: number;
  /** Confirmed ones. */
  readonly flushes: number;
  readonly compactions: number;
}

interface NamedManifest extends PendingManifest {
  readonly flushed: Flushed | null;
  readonly compacted: CompactionResult | null;
  readonly next: readonly OpenSegment[];
}

export class ShardStore {
  readonly #options: StoreOptions;
  readonly #clock: StoreClock = { nowMs: 0 };
  readonly #orphans = new Set<string>();
  readonly #dirty: DirtyTables;
  readonly #clean: CleanTables;
  readonly #segments: SegmentSet;
  readonly #reading: Reading;
  readonly #flushing: Flushing;
  readonly #compacting: Compacting;
  readonly #deletions: Deletions;
  #named: NamedManifest | null = null;
  #isFlushWanted = false;
  #flushes = 0;
  #compactions = 0;

  constructor(options: StoreOptions) {
    this.#options = options;
    this.#dirty = new DirtyTables(options.cache, this.#clock, options.merge);
    this.#clean = new CleanTables(options.cache, options.merge);
    this.#segments = new SegmentSet(options, this.#clock);
    this.#reading = new Reading(options, this.#clock, this.#dirty, this.#clean, this.#segments);
    this.#flushing = new Flushing(options, this.#clock, this.#orphans);
    this.#compacting = new Compacting(options, this.#clock, this.#orphans);
    this.#deletions = new Deletions(options, this.#clock);
  }

  /** Reads the tails of all segments. Ready when `isOpen`; writes are taken before, reads wait. */
  open(effects: StoreEffect[]): void {
    this.#segments.open(effects);
  }

  get isOpen(): boolean {
    return this.#segments.isOpen;
  }

  /** A segment is gone, damaged, or newer than this program: the shard must look at its descriptor, or refuse. Stays. */
  get problem(): SegmentProblem | null {
    return this.#reading.problem;
  }

  /** The time of the shard, which never runs back, and what came of earlier effects. Answers to others' requests are ignored. */
  step(nowMs: number, inputs: readonly StoreInput[], effects: StoreEffect[]): void {
    this.#clock.nowMs = Math.max(this.#clock.nowMs, nowMs);
    for (const input of inputs) this.#take(input, effects);
    if (!this.isOpen && this.#segments.wakeAtMs <= this.#clock.nowMs) this.#segments.open(effects);
    this.#reading.step(effects);
    this.#tryFlush(effects);
    this.#flushing.retry(effects);
    this.#deletions.start(effects);
    if (this.#options.cache.isOverfull) this.#options.cache.settle();
  }

  /** When the store wants a `step` although nothing arrived; Infinity where it does not. */
  get wakeAtMs(): number {
    return Math.min(this.#segments.wakeAtMs, this.#reading.wakeAtMs, this.#flushing.wakeAtMs, this.#deletions.wakeAtMs);
  }

  /** `takeCompletion` has something to do, although no input came. */
  get isRunnable(): boolean {
    return this.#reading.isRunnable;
  }

  /**
   * The newest version, or null where there is none that lives: a tombstone, an expired value and nothing at all are the
   * same to a reader. `COLD`: only IO can tell.
   */
  get(key: Uint8Array): StoredValue | null | typeof COLD {
    return this.#reading.get(key);
  }

  /** Writes a version. A partial one says something new and keeps what is below it (`StoreOptions.merge`). */
  put(key: Uint8Array, value: Uint8Array, expiresAtMs: number = NEVER, isPartial = false): void {
    this.#dirty.write(key, value, isPartial ? PARTIAL : 0, expiresAtMs);
  }

  /** Writes a tombstone. */
  remove(key: Uint8Array): void {
    this.#dirty.write(key, NO_BYTES, TOMBSTONE, NEVER);
  }

  /** Reads a key with IO. The completion shows the newest version at the moment it is taken. */
  load(key: Uint8Array, effects: StoreEffect[]): number {
    return this.#reading.ask({ kind: "load", key: key.slice(), hash: keyHash(key) }, effects);
  }

  /** One ordered page of a range; completes also where no IO is needed, and shows the newest versions when it is taken. */
  scan(range: ScanRange, effects: StoreEffect[]): number {
    if (!(range.limit >= 1)) throw new RangeError("a page of no items");
    return this.#reading.ask({ kind: "scan", range }, effects);
  }

  /** Forgets a ticket. */
  cancel(ticket: number): void {
    this.#reading.cancel(ticket);
  }

  /**
   * One answer that has become possible, or null; asks for what turns out to be missing still. It shows the newest writes
   * at this moment: act on it before taking the next one. A problem among the answers is that of the store, and final.
   */
  takeCompletion(effects: StoreEffect[]): Completion | null {
    return this.#reading.takeCompletion(effects);
  }

  /** All of them at once. For those who write nothing between one answer and the next. */
  takeCompletions(effects: StoreEffect[]): readonly Completion[] {
    const completions: Completion[] = [];
    for (let next = this.takeCompletion(effects); next !== null; next = this.takeCompletion(effects)) completions.push(next);
    return completions;
  }

  /** Whether `freeze` is allowed: nothing else is frozen. */
  get isThawed(): boolean {
    return this.#dirty.frozen === null;
  }

  /** Everything written so far is what the log says up to `coveredTo`; what is written from now on is not part of the next flush. */
  freeze(coveredTo: number): void {
    this.#flushing.freeze(this.#dirty.freeze(), coveredTo);
  }

  /**
   * Begins to write what is frozen, and goes on trying. It waits until the store is open, and while the manifest is full:
   * then a compaction must be confirmed first.
   */
  startFlush(effects: StoreEffect[]): void {
    this.#isFlushWanted = this.#dirty.frozen !== null;
    this.#tryFlush(effects);
  }

  /** Starts a merge where the segments ask for one and none is running; true if so. Cheap to call each turn. */
  startCompaction(effects: StoreEffect[]): boolean {
    if (!this.isOpen || this.problem !== null || !this.#compacting.isIdle) return false;
    return this.#compacting.start(this.segments, effects);
  }

  /**
   * What the descriptor shall hold next, null where nothing is to change. The same answer until it is confirmed. With a
   * `coveredTo` it may be written only once that position is durable (RULES.md 15a).
   */
  pendingManifest(): PendingManifest | null {
    if (this.#named !== null) return this.#named;
    const { flushed } = this.#flushing;
    const compacted = this.#compacting.result;
    if (flushed === null && compacted === null) return null;
    let next = [...this.#segments.list];
    if (compacted !== null) next = replaceRun(next, compacted);
    if (flushed !== null && flushed.segment !== null) next.unshift(flushed.segment);
    const segments = next.map((segment) => segment.reference);
    this.#named = { segments, coveredTo: flushed?.coveredTo ?? null, flushed, compacted, next };
    return this.#named;
  }

  /**
   * The descriptor holds the pending manifest now, certainly. What was merged is to be discarded by whoever knows that the
   * descriptor does not name it any more.
   */
  manifestConfirmed(): void {
    const named = this.#named;
    if (named === null) throw new Error("no manifest was pending");
    this.#named = null;
    this.#segments.replace(named.next);
    if (named.compacted !== null) {
      this.#compacting.confirm();
      this.#compactions += 1;
    }
    if (named.flushed !== null) {
      this.#flushing.confirm();
      this.#clean.adopt(this.#dirty.release(), this.#clock.nowMs);
      this.#flushes += 1;
    }
  }

  /** Gives back what the store holds of the shared budget. The store must not be used afterwards. */
  close(): void {
    this.#reading.close();
    this.#clean.drop();
    this.#dirty.close();
    this.#segments.replace([]);
  }

  /** The confirmed manifest, newest first. */
  get segments(): readonly SegmentReference[] {
    return this.isOpen ? this.#segments.list.map((segment) => segment.reference) : this.#options.segments;
  }

  /** Objects that may exist, or come to exist, under names of this store, and that no manifest will name. */
  get orphans(): readonly string[] {
    return [...this.#orphans];
  }

  /** Objects to be deleted after their grace. Left to the next owner where the store ends before. */
  get deletions(): readonly string[] {
    return this.#deletions.objects;
  }

  /** Bytes of records not yet in a confirmed segment. */
  get dirtyBytes(): number {
    return this.#dirty.recordBytes;
  }

  get dirtyCount(): number {
    return this.#dirty.count;
  }

  get cleanBytes(): number {
    return this.#clean.bytes;
  }

  /** Failures in a row of flush and compaction, and reads that wait for another try: the snapshot store is in trouble. */
  get failures(): { readonly flush: number; readonly compaction: number; readonly reads: number } {
    return { flush: this.#flushing.failures, compaction: this.#compacting.failures, reads: this.#reading.failing };
  }

  /** Deletes, after the grace, an object that the descriptor does not name and never will. */
  discard(object: string): void {
    if (!this.#deletions.objects.includes(object)) this.#deletions.add(object);
  }

  get statistics(): StoreStatistics {
    return { ...this.#reading.statistics, flushes: this.#flushes, compactions: this.#compactions };
  }

  #take(input: StoreInput, effects: StoreEffect[]): void {
    const { request } = input;
    switch (input.kind) {
      case "objectRead":
        if (this.#segments.read(request, input.result) || this.#compacting.read(request, input.result)) return;
        this.#reading.read(request, input.result);
        return;
      case "objectWritten":
        this.#flushing.written(request, input.result);
        return;
      case "compacted": {
        const lost = this.#compacting.compacted(request, input.result, effects);
        if (lost !== null) this.#reading.fail(lost);
        return;
      }
      case "objectDeleted":
        this.#deletions.deleted(request, input.isDone);
    }
  }

  #tryFlush(effects: StoreEffect[]): void {
    if (!this.#isFlushWanted || !this.isOpen || this.#segments.list.length >= SEGMENTS_MAX) return;
    this.#isFlushWanted = false;
    this.#flushing.start(effects);
  }
}

/** The result of a merge stands where its inputs stood, so that the list stays ordered by age. */
function replaceRun(segments: readonly OpenSegment[], result: CompactionResult): OpenSegment[] {
  const names = new Set(result.inputs.map((input) => input.object));
  const at = segments.findIndex((segment) => names.has(segment.reference.object));
  const before = segments.slice(0, at);
  const after = segments.slice(at + result.inputs.length);
  return result.segment === null ? [...before, ...after] : [...before, result.segment, ...after];
}
