/**
 * A shard's ordered key space that is not the log's tail: recent writes in memory, everything else in segments.
 *
 *     put ──> active ──freeze──> frozen ──flush, manifest confirmed──> clean generations (a cache; dropped oldest first)
 *                                              └──> segments, newest first ──compaction──> fewer segments
 *
 * A key is read from active, frozen, clean, segments, in this order; the first version that is not partial settles it.
 * Pure and synchronous: IO goes out as effects and comes back through `step`. Keys are ordered byte by byte.
 *
 * A turn: `step` with what arrived, any number of reads and writes, `takeCompletions`. All that take `effects` push to it.
 */
import { MalformedBytes } from "../bytes/byte-reader.js";
import { BlockCursor } from "./block.js";
import { blockId } from "./block-cache.js";
import { BlockReads } from "./block-reads.js";
import { CleanTables } from "./clean-tables.js";
import { Compacting, type CompactionResult } from "./compacting.js";
import { SEGMENTS_MAX } from "./compaction-plan.js";
import { Deletions } from "./deletions.js";
import { type Flushed, Flushing } from "./flushing.js";
import { keyHash } from "./key-hash.js";
import type { OpenSegment } from "./open-segment.js";
import { type MissingBlock, type ScanItem, type ScanRange, SegmentSource, scanPage, TableSource } from "./range-scan.js";
import { type ReadAsk, ReadTicket } from "./read-ticket.js";
import { damaged, SegmentFault, type SegmentProblem } from "./segment-format.js";
import { overlapsRange, type SegmentReference } from "./segment-reference.js";
import { SegmentSet } from "./segment-set.js";
import { SlabTable } from "./slab-table.js";
import type { StoreClock, StoreEffect, StoreInput, StoreProblem } from "./store-io.js";
import type { StoreOptions } from "./store-options.js";
import { isExpired, NEVER, NO_BYTES, PARTIAL, TOMBSTONE, VersionFold } from "./version-fold.js";

export interface StoredValue {
  /** A view: valid until this key is put again. */
  readonly value: Uint8Array;
  /** `NEVER` (0) for ever. */
  readonly expiresAtMs: number;
}

/** The answer is in a segment: `load` it. */
export const COLD: unique symbol = Symbol("cold");

export type Completion =
  | { readonly kind: "value"; readonly ticket: number; readonly value: StoredValue | null }
  | { readonly kind: "page"; readonly ticket: number; readonly items: readonly ScanItem[]; readonly next: Uint8Array | null }
  | { readonly kind: "problem"; readonly ticket: number; readonly problem: StoreProblem };

/** What the descriptor shall say next. */
export interface PendingManifest {
  /** Newest first. */
  readonly segments: readonly SegmentReference[];
  /** The log position that the flush in it covers; null where it only compacts. */
  readonly coveredTo: number | null;
}

export interface StoreStatistics {
  /** Reads answered from dirty or clean tables. */
  hits: number;
  /** Reads answered at once from cached blocks. */
  blockHits: number;
  /** Reads that found their key nowhere, without IO. */
  negatives: number;
  /** Segments that a filter spared a read. */
  filterNegatives: number;
  /** Reads that needed IO. */
  misses: number;
  flushes: number;
  compactions: number;
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
  readonly #segments: SegmentSet;
  readonly #clean: CleanTables;
  readonly #flushing: Flushing;
  readonly #compacting: Compacting;
  readonly #deletions: Deletions;
  readonly #reads: BlockReads;
  readonly #tickets = new Map<number, ReadTicket>();
  readonly #runnable = new Set<ReadTicket>();
  readonly #fold: VersionFold;
  readonly #below: VersionFold;
  readonly #cursor = new BlockCursor();
  readonly #statistics: StoreStatistics = {
    hits: 0,
    blockHits: 0,
    negatives: 0,
    filterNegatives: 0,
    misses: 0,
    flushes: 0,
    compactions: 0,
  };
  #active = new SlabTable(true);
  #activeCharged = 0;
  #frozenCharged = 0;
  #named: NamedManifest | null = null;
  #problem: SegmentProblem | null = null;
  #nextTicket = 1;
  #missing: MissingBlock | null = null;

  constructor(options: StoreOptions) {
    this.#options = options;
    this.#segments = new SegmentSet(options, this.#clock);
    this.#clean = new CleanTables(options.cache, options.merge);
    this.#flushing = new Flushing(options, this.#clock, this.#orphans);
    this.#compacting = new Compacting(options, this.#clock, this.#orphans);
    this.#deletions = new Deletions(options, this.#clock);
    this.#reads = new BlockReads(options, (object) => this.#segments.isNamed(object));
    this.#fold = new VersionFold(options.merge);
    this.#below = new VersionFold(options.merge);
    this.#chargeActive();
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
    return this.#problem ?? this.#segments.problem;
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

  get statistics(): Readonly<StoreStatistics> & { readonly blockReads: number } {
    return { ...this.#statistics, blockReads: this.#reads.started };
  }

  /** Bytes of records not yet in a confirmed segment. */
  get dirtyBytes(): number {
    return this.#active.recordBytes + (this.#flushing.table?.recordBytes ?? 0);
  }

  get dirtyCount(): number {
    return this.#active.count + (this.#flushing.table?.count ?? 0);
  }

  get cleanBytes(): number {
    return this.#clean.bytes;
  }

  /** Failures in a row of the flush and the compaction: more than a few mean that the snapshot store is in trouble. */
  get failures(): { readonly flush: number; readonly compaction: number } {
    return { flush: this.#flushing.failures, compaction: this.#compacting.failures };
  }

  /** When the store wants a `step` although nothing arrived; Infinity where it does not. */
  get wakeAtMs(): number {
    return Math.min(this.#segments.wakeAtMs, this.#flushing.wakeAtMs, this.#deletions.wakeAtMs);
  }

  /** The time of the shard, which never runs back, and what came of earlier effects. Answers to others' requests are ignored. */
  step(nowMs: number, inputs: readonly StoreInput[], effects: StoreEffect[]): void {
    this.#clock.nowMs = Math.max(this.#clock.nowMs, nowMs);
    for (const input of inputs) this.#take(input, effects);
    if (!this.isOpen && this.#segments.wakeAtMs < Infinity) this.#segments.open(effects);
    this.#flushing.retry(effects);
    this.#deletions.start(effects);
    if (this.#options.cache.isOverfull) this.#options.cache.settle();
  }

  /**
   * The newest version, or null where there is none that lives. A tombstone, an expired value and nothing at all are the
   * same to a reader. `COLD`: only IO can tell.
   */
  get(key: Uint8Array): StoredValue | null | typeof COLD {
    const hash = keyHash(key);
    const table = this.#active;
    const location = table.find(key, hash);
    if (location !== 0 && (table.flagsAt(location) & PARTIAL) === 0) {
      this.#statistics.hits += 1;
      const expiresAtMs = table.expiresAtMsAt(location);
      if ((table.flagsAt(location) & TOMBSTONE) !== 0 || isExpired(expiresAtMs, this.#clock.nowMs)) return null;
      return { value: table.valueAt(location), expiresAtMs };
    }
    const found = this.#lookUp(key, hash, null);
    if (found === COLD) this.#statistics.misses += 1;
    return found;
  }

  /** Writes a version. A partial one says something new and keeps what is below it (`StoreOptions.merge`). */
  put(key: Uint8Array, value: Uint8Array, expiresAtMs: number = NEVER, isPartial = false): void {
    this.#write(key, value, isPartial ? PARTIAL : 0, expiresAtMs);
  }

  /** Writes a tombstone. */
  remove(key: Uint8Array): void {
    this.#write(key, NO_BYTES, TOMBSTONE, NEVER);
  }

  /** Reads a key with IO. The completion shows the newest version at the moment it is taken. */
  load(key: Uint8Array, effects: StoreEffect[]): number {
    return this.#issue({ kind: "load", key: key.slice(), hash: keyHash(key) }, effects);
  }

  /** One ordered page of a range; completes also where no IO is needed, and shows the newest versions when it is taken. */
  scan(range: ScanRange, effects: StoreEffect[]): number {
    if (!(range.limit >= 1)) throw new RangeError("a page of no items");
    return this.#issue({ kind: "scan", range }, effects);
  }

  /** Forgets a ticket. */
  cancel(ticket: number): void {
    this.#tickets.get(ticket)?.close();
    this.#tickets.delete(ticket);
  }

  /** What has become answerable since the last time. */
  takeCompletions(effects: StoreEffect[]): readonly Completion[] {
    if (this.#runnable.size === 0 || (!this.isOpen && this.problem === null)) return [];
    const completions: Completion[] = [];
    for (const ticket of [...this.#runnable]) {
      const completion = this.#attempt(ticket, effects);
      if (completion === null) this.#runnable.delete(ticket);
      else {
        completions.push(completion);
        this.cancel(ticket.id);
      }
    }
    return completions;
  }

  /** Whether `freeze` is allowed: nothing else is frozen. */
  get isThawed(): boolean {
    return this.#flushing.table === null;
  }

  /** Everything written so far is what the log says up to `coveredTo`; what is written from now on is not part of the next flush. */
  freeze(coveredTo: number): void {
    this.#flushing.freeze(this.#active, coveredTo);
    this.#frozenCharged = this.#activeCharged;
    this.#options.cache.charge("memtable", -this.#activeCharged);
    this.#options.cache.charge("frozen", this.#frozenCharged);
    this.#activeCharged = 0;
    this.#active = new SlabTable(true);
    this.#chargeActive();
  }

  /** Begins to write what is frozen, and goes on trying. Waits where the manifest is full: a compaction must be confirmed first. */
  startFlush(effects: StoreEffect[]): void {
    if (this.isOpen && this.#segments.list.length < SEGMENTS_MAX) this.#flushing.start(effects);
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

  /** The descriptor holds the pending manifest now, certainly. */
  manifestConfirmed(): void {
    const named = this.#named;
    if (named === null) throw new Error("no manifest was pending");
    this.#named = null;
    this.#segments.replace(named.next);
    if (named.compacted !== null) {
      for (const input of this.#compacting.confirm().inputs) this.#deletions.add(input.object);
      this.#statistics.compactions += 1;
    }
    if (named.flushed !== null) {
      const table = this.#flushing.confirm();
      this.#options.cache.charge("frozen", -this.#frozenCharged);
      this.#frozenCharged = 0;
      this.#clean.adopt(table, this.#clock.nowMs);
      this.#statistics.flushes += 1;
    }
  }

  /** Gives back what the store holds of the shared budget. The store must not be used afterwards. */
  close(): void {
    for (const ticket of [...this.#tickets.keys()]) this.cancel(ticket);
    this.#clean.drop();
    this.#segments.replace([]);
    this.#options.cache.charge("memtable", -this.#activeCharged);
    this.#options.cache.charge("frozen", -this.#frozenCharged);
    this.#activeCharged = 0;
    this.#frozenCharged = 0;
  }

  #take(input: StoreInput, effects: StoreEffect[]): void {
    const { request } = input;
    if (input.kind === "objectRead") {
      const { result } = input;
      if (this.#segments.read(request, result) || this.#compacting.read(request, result)) return;
      const outcome = this.#reads.read(request, result);
      if (typeof outcome === "object" && outcome.code !== "read_failed") this.#problem ??= outcome;
    } else if (input.kind === "objectWritten") this.#flushing.written(request, input.result);
    else if (input.kind === "compacted") {
      const outcome = this.#compacting.compacted(request, input.result, effects);
      if (typeof outcome === "object") this.#problem ??= outcome;
    } else this.#deletions.deleted(request, input.isDone);
  }

  #write(key: Uint8Array, value: Uint8Array, flags: number, expiresAtMs: number): void {
    const hash = keyHash(key);
    const table = this.#active;
    if ((flags & PARTIAL) !== 0) {
      const location = table.find(key, hash);
      if (location !== 0) {
        const fold = this.#fold;
        fold.reset();
        fold.add(flags, expiresAtMs, value, -Infinity);
        fold.add(table.flagsAt(location), table.expiresAtMsAt(location), table.valueAt(location), this.#clock.nowMs);
        value = fold.value;
        flags = fold.kind === "partial" ? PARTIAL : 0;
      }
    }
    table.put(key, hash, value, flags, expiresAtMs);
    this.#chargeActive();
  }

  #chargeActive(): void {
    const { bytes } = this.#active;
    if (bytes === this.#activeCharged) return;
    const { cache } = this.#options;
    cache.charge("memtable", bytes - this.#activeCharged);
    this.#activeCharged = bytes;
    if (cache.isOverfull) cache.settle();
  }

  #lookUp(key: Uint8Array, hash: number, ticket: ReadTicket | null): StoredValue | null | typeof COLD {
    const fold = this.#fold;
    const { nowMs } = this.#clock;
    fold.reset();
    if (
      this.#addTable(this.#active, key, hash) ||
      (this.#flushing.table !== null && this.#addTable(this.#flushing.table, key, hash))
    ) {
      this.#statistics.hits += 1;
      return shown(fold);
    }
    const below = this.#below;
    below.reset();
    if (this.#clean.find(key, hash, below, nowMs)) {
      this.#statistics.hits += 1;
      if (this.#clean.isFoundOld) this.#keep(key, hash);
    } else {
      if (!this.isOpen) return COLD;
      below.reset();
      const found = this.#lookInSegments(key, hash, ticket);
      if (found === "cold") return COLD;
      if (found === "nowhere") this.#statistics.negatives += 1;
      else {
        this.#statistics.blockHits += 1;
        this.#keep(key, hash);
      }
    }
    fold.addFold(below);
    return shown(fold);
  }

  #addTable(table: SlabTable, key: Uint8Array, hash: number): boolean {
    const location = table.find(key, hash);
    if (location === 0) return false;
    return this.#fold.add(table.flagsAt(location), table.expiresAtMsAt(location), table.valueAt(location), this.#clock.nowMs);
  }

  /** Puts the newest version below the dirty tables, which `#below` holds, into the front of the clean ones. */
  #keep(key: Uint8Array, hash: number): void {
    const { kind, value, expiresAtMs } = this.#below;
    const isThere = kind === "value" || kind === "partial";
    this.#clean.insert(key, hash, isThere ? 0 : TOMBSTONE, expiresAtMs, value);
  }

  /** Adds what the segments hold of the key to `#below`. `cold`: `#missing` names a block that is not in memory. */
  #lookInSegments(key: Uint8Array, hash: number, ticket: ReadTicket | null): "cold" | "nowhere" | "looked" {
    let looked: "nowhere" | "looked" = "nowhere";
    for (const segment of this.#segments.list) {
      if (!segment.mayHold(key, hash)) {
        this.#statistics.filterNegatives += 1;
        continue;
      }
      const outcome = this.#guarded(() => {
        const block = segment.blockOf(key);
        const bytes = this.#blockOf(segment, block, ticket);
        if (bytes === null) {
          this.#missing = { segment, block };
          return "cold";
        }
        this.#cursor.reset(bytes);
        if (!this.#cursor.find(key)) return "looked";
        const { flags, expiresAtMs, value } = this.#cursor;
        return this.#below.add(flags, expiresAtMs, value, this.#clock.nowMs) ? "settled" : "looked";
      }, segment);
      if (outcome === "cold") return "cold";
      looked = "looked";
      if (outcome === "settled") break;
    }
    return looked;
  }

  #blockOf(segment: OpenSegment, block: number, ticket: ReadTicket | null): Uint8Array | null {
    return ticket?.block(blockId(segment.id, block)) ?? this.#options.cache.blocks.get(segment.id, block);
  }

  /** Bytes that passed their checksum and make no sense are damage as well. Then it is as if a block were missing, for ever. */
  #guarded<Result>(look: () => Result, segment: OpenSegment | null): Result | "cold" {
    try {
      return look();
    } catch (error) {
      if (error instanceof SegmentFault) this.#problem ??= error.problem;
      else if (error instanceof MalformedBytes && segment !== null) {
        this.#problem ??= damaged(segment.reference.object, error.message).problem;
      } else throw error;
      this.#missing = null;
      return "cold";
    }
  }

  #issue(ask: ReadAsk, effects: StoreEffect[]): number {
    const ticket = new ReadTicket(this.#nextTicket++, ask, this.#options.cache, this.#runnable);
    this.#tickets.set(ticket.id, ticket);
    if (this.isOpen && this.#attempt(ticket, effects) === null) this.#runnable.delete(ticket);
    return ticket.id;
  }

  /** Answers a ticket from what is in memory now, or asks for what is missing and returns null. */
  #attempt(ticket: ReadTicket, effects: StoreEffect[]): Completion | null {
    const problem = this.problem ?? ticket.problem;
    if (problem !== null) return { kind: "problem", ticket: ticket.id, problem };
    const completion =
      ticket.ask.kind === "load"
        ? this.#attemptLoad(ticket, ticket.ask, effects)
        : this.#attemptScan(ticket, ticket.ask.range, effects);
    return this.problem === null ? completion : { kind: "problem", ticket: ticket.id, problem: this.problem };
  }

  #attemptLoad(
    ticket: ReadTicket,
    ask: { readonly key: Uint8Array; readonly hash: number },
    effects: StoreEffect[],
  ): Completion | null {
    const value = this.#lookUp(ask.key, ask.hash, ticket);
    if (value !== COLD) return { kind: "value", ticket: ticket.id, value };
    const missing = this.#missing;
    if (missing !== null) this.#reads.request(missing, missing.block, missing.block + 1, ticket, effects);
    return null;
  }

  #attemptScan(ticket: ReadTicket, range: ScanRange, effects: StoreEffect[]): Completion | null {
    const { limits } = this.#options;
    const blockOf = (segment: OpenSegment, block: number) => this.#blockOf(segment, block, ticket);
    const outcome = this.#guarded(() => {
      const tables = this.#flushing.table === null ? [this.#active] : [this.#active, this.#flushing.table];
      const segments = this.#segments.list.filter((segment) => overlapsRange(segment.reference, range.from, range.to));
      const sources = [
        ...tables.map((table) => new TableSource(table, range)),
        ...segments.map((segment) => new SegmentSource(segment, range, blockOf)),
      ];
      const mayWait = ticket.pinnedBytes < limits.scanPinnedBytesMax;
      return scanPage(range, sources, this.#fold, this.#clock.nowMs, limits.scanVisitedMax, mayWait);
    }, null);
    if (outcome === "cold") return null;
    if (outcome.kind === "page") return { ...outcome, ticket: ticket.id };
    const readahead = ticket.nextReadahead();
    for (const missing of outcome.blocks) this.#requestAhead(missing, readahead, ticket, range, effects);
    return null;
  }

  #requestAhead(missing: MissingBlock, readahead: number, ticket: ReadTicket, range: ScanRange, effects: StoreEffect[]): void {
    const { segment, block } = missing;
    if (range.isReverse === true) {
      const least = Math.max(segment.blockOf(range.from), block - readahead + 1);
      this.#reads.request(missing, least, block + 1, ticket, effects);
    } else {
      const most = range.to === null ? segment.blocks - 1 : segment.blockOf(range.to);
      this.#reads.request(missing, block, Math.min(most, block + readahead - 1) + 1, ticket, effects);
    }
  }
}

function shown(fold: VersionFold): StoredValue | null {
  return fold.kind === "value" || fold.kind === "partial" ? { value: fold.value, expiresAtMs: fold.expiresAtMs } : null;
}

/** The result of a merge stands where its inputs stood, so that the list stays ordered by age. */
function replaceRun(segments: readonly OpenSegment[], result: CompactionResult): OpenSegment[] {
  const names = new Set(result.inputs.map((input) => input.object));
  const at = segments.findIndex((segment) => names.has(segment.reference.object));
  const before = segments.slice(0, at);
  const after = segments.slice(at + result.inputs.length);
  return result.segment === null ? [...before, ...after] : [...before, result.segment, ...after];
}
