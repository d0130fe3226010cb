/**
 * Reading: a key or a range from the dirty tables, the clean ones and the segments, in this order; the first version that
 * is not partial settles a key. What is not in memory is asked for, and a ticket waits. Each time something arrives its
 * question is put afresh, to what is there by then: so an answer always shows the newest writes and the current manifest.
 */
import { BlockCursor } from "./block.js";
import { blockId } from "./block-cache.js";
import { BlockReads } from "./block-reads.js";
import type { CleanTables } from "./clean-tables.js";
import type { DirtyTables } from "./dirty-tables.js";
import { keyHash } from "./key-hash.js";
import type { OpenSegment } from "./open-segment.js";
import {
  firstLacking,
  type MissingBlock,
  ReverseSegmentSource,
  type ScanItem,
  type ScanOutcome,
  type ScanRange,
  SegmentSource,
  scanPage,
  TableSource,
  type VersionSource,
} from "./range-scan.js";
import { type ReadAsk, ReadTicket } from "./read-ticket.js";
import { SegmentFault, type SegmentProblem } from "./segment-format.js";
import { overlapsRange } from "./segment-reference.js";
import type { SegmentSet } from "./segment-set.js";
import type { ObjectRead, StoreClock, StoreEffect } from "./store-io.js";
import type { StoreOptions } from "./store-options.js";
import { isExpired, PARTIAL, TOMBSTONE, VersionFold } from "./version-fold.js";

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
  | { readonly kind: "problem"; readonly ticket: number; readonly problem: SegmentProblem };

export interface ReadStatistics {
  /** Reads answered from dirty or clean tables. */
  hits: number;
  /** Reads answered from cached blocks. */
  blockHits: number;
  /** Reads that found their key nowhere, without IO. */
  negatives: number;
  /** Segments that a filter spared a read. */
  filterNegatives: number;
  /** Reads that needed IO. */
  misses: number;
}

export class Reading {
  readonly #options: StoreOptions;
  readonly #clock: StoreClock;
  readonly #dirty: DirtyTables;
  readonly #clean: CleanTables;
  readonly #segments: SegmentSet;
  readonly #blocks: BlockReads;
  readonly #tickets = new Map<number, ReadTicket>();
  readonly #runnable = new Set<ReadTicket>();
  readonly #fold: VersionFold;
  readonly #below: VersionFold;
  readonly #cursor = new BlockCursor();
  /** One for each segment of a scan; a page is made in one call, so the next one has them again. */
  readonly #scanCursors: BlockCursor[] = [];
  readonly #statistics: ReadStatistics = { hits: 0, blockHits: 0, negatives: 0, filterNegatives: 0, misses: 0 };
  #nextTicket = 1;
  #missing: MissingBlock | null = null;
  #problem: SegmentProblem | null = null;

  constructor(options: StoreOptions, clock: StoreClock, dirty: DirtyTables, clean: CleanTables, segments: SegmentSet) {
    this.#options = options;
    this.#clock = clock;
    this.#dirty = dirty;
    this.#clean = clean;
    this.#segments = segments;
    this.#blocks = new BlockReads(options, clock, (object) => segments.isNamed(object));
    this.#fold = new VersionFold(options.merge);
    this.#below = new VersionFold(options.merge);
  }

  get statistics(): Readonly<ReadStatistics> & { readonly blockReads: number } {
    return { ...this.#statistics, blockReads: this.#blocks.started };
  }

  get problem(): SegmentProblem | null {
    return this.#segments.problem ?? this.#problem;
  }

  /** The first trouble stays. */
  fail(problem: SegmentProblem): void {
    this.#problem ??= problem;
  }

  get(key: Uint8Array): StoredValue | null | typeof COLD {
    const hash = keyHash(key);
    const table = this.#dirty.active;
    const location = table.find(key, hash);
    const flags = location === 0 ? PARTIAL : table.flagsAt(location);
    if ((flags & PARTIAL) === 0) {
      this.#statistics.hits += 1;
      const expiresAtMs = table.expiresAtMsAt(location);
      if ((flags & TOMBSTONE) !== 0 || isExpired(expiresAtMs, this.#clock.nowMs)) return null;
      return { value: table.valueAt(location), expiresAtMs };
    }
    const found = this.#lookUpSafely(key, hash);
    if (found === COLD) this.#statistics.misses += 1;
    return found;
  }

  ask(ask: ReadAsk, effects: StoreEffect[]): number {
    const ticket = new ReadTicket(this.#nextTicket++, ask, this.#options.cache, this.#runnable);
    this.#tickets.set(ticket.id, ticket);
    if (this.#segments.isOpen && this.#attempt(ticket, effects) === null) this.#runnable.delete(ticket);
    return ticket.id;
  }

  cancel(ticket: number): void {
    this.#tickets.get(ticket)?.close();
    this.#tickets.delete(ticket);
  }

  takeCompletion(effects: StoreEffect[]): Completion | null {
    if (!this.#segments.isOpen && this.problem === null) return null;
    for (const ticket of this.#runnable) {
      const completion = this.#attempt(ticket, effects);
      if (completion !== null) {
        this.cancel(ticket.id);
        return completion;
      }
      this.#runnable.delete(ticket);
    }
    return null;
  }

  /** Tries failed reads again; a problem answers whoever waits. */
  step(effects: StoreEffect[]): void {
    this.#blocks.retry(effects);
    if (this.problem !== null) for (const ticket of this.#tickets.values()) this.#runnable.add(ticket);
  }

  get wakeAtMs(): number {
    return this.#blocks.wakeAtMs;
  }

  /** Reads that `takeCompletion` would take up: begun, or answered by IO, since it was last asked. */
  get isRunnable(): boolean {
    return this.#runnable.size > 0 && (this.#segments.isOpen || this.problem !== null);
  }

  /** Reads that failed and wait for their next try. */
  get failing(): number {
    return this.#blocks.failing;
  }

  /** A block, or the reason why there is none. */
  read(request: number, result: ObjectRead): void {
    const problem = this.#blocks.read(request, result);
    if (problem !== null) this.fail(problem);
  }

  close(): void {
    for (const ticket of [...this.#tickets.keys()]) this.cancel(ticket);
  }

  /** Damage that shows only now is nothing to a reader but cold: its load will meet the problem. */
  #lookUpSafely(key: Uint8Array, hash: number): StoredValue | null | typeof COLD {
    try {
      return this.#lookUp(key, hash, null);
    } catch (error) {
      if (!(error instanceof SegmentFault)) throw error;
      this.fail(error.problem);
      return COLD;
    }
  }

  #lookUp(key: Uint8Array, hash: number, ticket: ReadTicket | null): StoredValue | null | typeof COLD {
    const fold = this.#fold;
    const { nowMs } = this.#clock;
    fold.reset();
    if (this.#dirty.find(key, hash, fold)) {
      this.#statistics.hits += 1;
      return shown(fold);
    }
    const below = this.#below;
    below.reset();
    if (this.#clean.find(key, hash, below, nowMs)) {
      this.#statistics.hits += 1;
      if (this.#clean.isFoundOld) this.#keep(key, hash);
    } else {
      if (!this.#segments.isOpen) return COLD;
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
      const block = segment.blockOf(key);
      const bytes = this.#blockOf(segment, block, ticket);
      if (bytes === null) {
        this.#missing = { segment, block };
        return "cold";
      }
      looked = "looked";
      this.#cursor.reset(bytes, segment.reference.object);
      if (!this.#cursor.find(key)) continue;
      const { flags, expiresAtMs, value } = this.#cursor;
      if (this.#below.add(flags, expiresAtMs, value, this.#clock.nowMs)) break;
    }
    return looked;
  }

  #blockOf(segment: OpenSegment, block: number, ticket: ReadTicket | null): Uint8Array | null {
    return ticket?.block(blockId(segment.id, block)) ?? this.#options.cache.blocks.get(segment.id, block);
  }

  /** Answers a ticket from what is in memory now, or asks for what is missing and returns null. */
  #attempt(ticket: ReadTicket, effects: StoreEffect[]): Completion | null {
    const { ask } = ticket;
    try {
      if (this.problem === null) {
        return ask.kind === "load" ? this.#attemptLoad(ticket, ask, effects) : this.#attemptScan(ticket, ask.range, effects);
      }
    } catch (error) {
      if (!(error instanceof SegmentFault)) throw error;
      this.fail(error.problem);
    }
    const { problem } = this;
    if (problem === null) throw new Error("a fault without a problem");
    return { kind: "problem", ticket: ticket.id, problem };
  }

  #attemptLoad(
    ticket: ReadTicket,
    ask: { readonly key: Uint8Array; readonly hash: number },
    effects: StoreEffect[],
  ): Completion | null {
    const value = this.#lookUp(ask.key, ask.hash, ticket);
    if (value !== COLD) return { kind: "value", ticket: ticket.id, value };
    const missing = this.#missing;
    if (missing === null) throw new Error("a cold key without a missing block");
    this.#blocks.request(missing, missing.block, missing.block + 1, ticket, effects);
    return null;
  }

  #attemptScan(ticket: ReadTicket, range: ScanRange, effects: StoreEffect[]): Completion | null {
    const { limits } = this.#options;
    const segments = this.#segments.list.filter((segment) => overlapsRange(segment.reference, range.from, range.to));
    const mayWait = ticket.pinnedBytes < limits.scanPinnedBytesMax;
    const lacking = firstLacking(segments, range, (segment, block) => this.#blockOf(segment, block, ticket) === null);
    const outcome: ScanOutcome =
      lacking.length > 0
        ? { kind: "missing", blocks: lacking }
        : scanPage(
            range,
            this.#sources(segments, range, ticket),
            this.#fold,
            this.#clock.nowMs,
            limits.scanVisitedMax,
            mayWait,
            this.#options.hashes ?? null,
          );
    if (outcome.kind === "page") return { ...outcome, ticket: ticket.id };
    const readahead = ticket.nextReadahead();
    for (const missing of outcome.blocks) this.#requestAhead(missing, readahead, ticket, range, effects);
    return null;
  }

  #sources(segments: readonly OpenSegment[], range: ScanRange, ticket: ReadTicket): readonly VersionSource[] {
    const blockOf = (segment: OpenSegment, block: number) => this.#blockOf(segment, block, ticket);
    const { active, frozen } = this.#dirty;
    const sources: VersionSource[] = [new TableSource(active, range)];
    if (frozen !== null) sources.push(new TableSource(frozen, range));
    const Source = range.isReverse === true ? ReverseSegmentSource : SegmentSource;
    for (const [index, segment] of segments.entries()) {
      this.#scanCursors[index] ??= new BlockCursor();
      sources.push(new Source(segment, range, blockOf, this.#scanCursors[index]));
    }
    return sources;
  }

  #requestAhead(missing: MissingBlock, readahead: number, ticket: ReadTicket, range: ScanRange, effects: StoreEffect[]): void {
    const { segment, block } = missing;
    if (range.isReverse === true) {
      const least = Math.max(segment.blockOf(range.from), block - readahead + 1);
      this.#blocks.request(missing, least, block + 1, ticket, effects);
    } else {
      const most = range.to === null ? segment.blocks - 1 : segment.blockOf(range.to);
      this.#blocks.request(missing, block, Math.min(most, block + readahead - 1) + 1, ticket, effects);
    }
  }
}

function shown(fold: VersionFold): StoredValue | null {
  return fold.kind === "value" || fold.kind === "partial" ? { value: fold.value, expiresAtMs: fold.expiresAtMs } : null;
}
