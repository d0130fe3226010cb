/** An ordered walk over tables and segments: one merged page of live items, or which blocks it lacks. */

import { compareBytes } from "../bytes/compare.js";
import type { BlockCursor } from "./block.js";
import type { KeyOrder, OrderPlace } from "./key-order.js";
import { type HashRange, isInHashRange } from "./key-spaces/hash-range.js";
import type { OpenSegment } from "./open-segment.js";
import type { SlabTable } from "./slab-table.js";
import { NEVER, NO_BYTES, type VersionFold } from "./version-fold.js";

export interface ScanRange {
  /** Included. */
  readonly from: Uint8Array;
  /** Excluded; null: to the last key. */
  readonly to: Uint8Array | null;
  readonly limit: number;
  /** Keys and values together; the item that goes over it still belongs to the page. */
  readonly bytesMax: number;
  /** From the last key down to the first. */
  readonly isReverse?: boolean;
}

export interface ScanItem {
  readonly key: Uint8Array;
  /** A view: valid until this key is put again. */
  readonly value: Uint8Array;
  readonly expiresAtMs: number;
}

export interface ScanPage {
  readonly kind: "page";
  readonly items: readonly ScanItem[];
  /** Where to go on: `from` of the next page, in reverse `to`. Null at the end. A page may be short, even empty, and have it. */
  readonly next: Uint8Array | null;
}

export interface MissingBlock {
  readonly segment: OpenSegment;
  readonly block: number;
}

export type ScanOutcome = ScanPage | { readonly kind: "missing"; readonly blocks: readonly MissingBlock[] };

/** One table or segment during a walk. `key` is null at the end and where a block is missing. */
export interface VersionSource {
  readonly key: Uint8Array | null;
  readonly missing: MissingBlock | null;
  readonly flags: number;
  readonly expiresAtMs: number;
  readonly value: Uint8Array;
  advance(): void;
}

/**
 * `sources` newest first. `visitedMax` bounds the keys looked at; `mayWait` false ends the page where a block is missing.
 * `hashes`: what lies outside of it is passed over.
 */
export function scanPage(
  range: ScanRange,
  sources: readonly VersionSource[],
  fold: VersionFold,
  nowMs: number,
  visitedMax: number,
  mayWait: boolean,
  hashes: HashRange | null,
): ScanOutcome {
  const direction = range.isReverse === true ? -1 : 1;
  const items: ScanItem[] = [];
  let bytes = 0;
  let last: Uint8Array | null = null;
  for (let visited = 0; ; visited++) {
    const isBlocked = sources.some((source) => source.missing !== null);
    if (isBlocked && (mayWait || last === null)) return { kind: "missing", blocks: missingOf(sources) };
    const isFull = items.length >= range.limit || bytes >= range.bytesMax || visited >= visitedMax || isBlocked;
    const key = firstKey(sources, direction);
    if (key === null && !isBlocked) return { kind: "page", items, next: null };
    if (isFull && last !== null) return { kind: "page", items, next: direction < 0 ? last : successor(last) };
    if (key === null) throw new Error("a page ended before its first key");
    foldKey(sources, key, fold, nowMs);
    const isSeen = hashes === null || isInHashRange(key, hashes);
    if (isSeen && (fold.kind === "value" || fold.kind === "partial")) {
      items.push({ key, value: fold.value, expiresAtMs: fold.expiresAtMs });
      bytes += key.length + fold.value.length;
    }
    last = key;
  }
}

/** The blocks that a page begins with, where they are lacking: all of them at once, before any is walked. */
export function firstLacking(
  segments: readonly OpenSegment[],
  { from, to, isReverse }: ScanRange,
  isLacking: (segment: OpenSegment, block: number) => boolean,
): readonly MissingBlock[] {
  const lacking: MissingBlock[] = [];
  for (const segment of segments) {
    const block = isReverse !== true ? segment.blockOf(from) : to === null ? segment.blocks - 1 : segment.blockOf(to);
    if (isLacking(segment, block)) lacking.push({ segment, block });
  }
  return lacking;
}

function missingOf(sources: readonly VersionSource[]): readonly MissingBlock[] {
  return sources.flatMap((source) => (source.missing === null ? [] : [source.missing]));
}

function firstKey(sources: readonly VersionSource[], direction: number): Uint8Array | null {
  let first: Uint8Array | null = null;
  for (const { key } of sources) {
    if (key !== null && (first === null || compareBytes(key, first) * direction < 0)) first = key;
  }
  return first;
}

function foldKey(sources: readonly VersionSource[], key: Uint8Array, fold: VersionFold, nowMs: number): void {
  fold.reset();
  for (const source of sources) {
    if (source.key === null || compareBytes(source.key, key) !== 0) continue;
    if (!fold.isSettled) fold.add(source.flags, source.expiresAtMs, source.value, nowMs);
    source.advance();
  }
}

/** The smallest key above `key`. */
function successor(key: Uint8Array): Uint8Array {
  const next = new Uint8Array(key.length + 1);
  next.set(key);
  return next;
}

export class TableSource implements VersionSource {
  readonly missing = null;
  readonly #table: SlabTable;
  readonly #order: KeyOrder;
  readonly #place: OrderPlace;
  readonly #range: ScanRange;
  #location = 0;
  key: Uint8Array | null = null;

  constructor(table: SlabTable, range: ScanRange) {
    this.#table = table;
    this.#order = table.order;
    this.#range = range;
    if (range.isReverse !== true) this.#place = this.#order.seek(range.from);
    else this.#place = range.to === null ? this.#order.end() : this.#order.seek(range.to);
    this.advance();
  }

  get flags(): number {
    return this.#table.flagsAt(this.#location);
  }

  get expiresAtMs(): number {
    return this.#table.expiresAtMsAt(this.#location);
  }

  get value(): Uint8Array {
    return this.#table.valueAt(this.#location);
  }

  advance(): void {
    this.#location = this.#range.isReverse === true ? this.#order.previous(this.#place) : this.#order.next(this.#place);
    const key = this.#location === 0 ? null : this.#table.keyAt(this.#location);
    this.key = key !== null && isInRange(key, this.#range) ? key : null;
  }
}

type BlockOf = (segment: OpenSegment, block: number) => Uint8Array | null;

/** A segment's entries of a range, upwards. Nothing is kept of an entry but where the cursor stands. */
export class SegmentSource implements VersionSource {
  readonly #segment: OpenSegment;
  readonly #range: ScanRange;
  readonly #blockOf: BlockOf;
  readonly #cursor: BlockCursor;
  #block: number;
  key: Uint8Array | null = null;
  missing: MissingBlock | null = null;

  /** `cursor` is the source's own until the page is made. */
  constructor(segment: OpenSegment, range: ScanRange, blockOf: BlockOf, cursor: BlockCursor) {
    this.#segment = segment;
    this.#range = range;
    this.#blockOf = blockOf;
    this.#cursor = cursor;
    this.#block = segment.blockOf(range.from);
    this.#enter();
  }

  get flags(): number {
    return this.#cursor.flags;
  }

  get expiresAtMs(): number {
    return this.#cursor.expiresAtMs;
  }

  get value(): Uint8Array {
    return this.#cursor.value;
  }

  advance(): void {
    if (this.#cursor.next()) return this.#show();
    this.#block += 1;
    this.#enter();
  }

  /** Goes into a block and to its first entry of the range; on to the next block where it has none. */
  #enter(): void {
    this.key = null;
    for (; this.#block < this.#segment.blocks; this.#block++) {
      const bytes = this.#blockOf(this.#segment, this.#block);
      if (bytes === null) {
        this.missing = { segment: this.#segment, block: this.#block };
        return;
      }
      this.#cursor.reset(bytes, this.#segment.reference.object);
      while (this.#cursor.next()) if (this.#cursor.compareKey(this.#range.from) >= 0) return this.#show();
    }
  }

  #show(): void {
    const { to } = this.#range;
    this.key = to === null || this.#cursor.compareKey(to) < 0 ? this.#cursor.copyKey() : null;
  }
}

interface Entry {
  readonly key: Uint8Array;
  readonly flags: number;
  readonly expiresAtMs: number;
  readonly value: Uint8Array;
}

/** The same downwards. Keys share what is before them, so a block is read upwards first, and its entries are kept. */
export class ReverseSegmentSource implements VersionSource {
  readonly #segment: OpenSegment;
  readonly #range: ScanRange;
  readonly #blockOf: BlockOf;
  readonly #cursor: BlockCursor;
  #block: number;
  #entries: Entry[] = [];
  key: Uint8Array | null = null;
  missing: MissingBlock | null = null;
  flags = 0;
  expiresAtMs = NEVER;
  value: Uint8Array = NO_BYTES;

  constructor(segment: OpenSegment, range: ScanRange, blockOf: BlockOf, cursor: BlockCursor) {
    this.#segment = segment;
    this.#range = range;
    this.#blockOf = blockOf;
    this.#cursor = cursor;
    this.#block = range.to === null ? segment.blocks - 1 : segment.blockOf(range.to);
    this.advance();
  }

  advance(): void {
    this.key = null;
    for (; this.#entries.length === 0 && this.#block >= 0; this.#block--) {
      const bytes = this.#blockOf(this.#segment, this.#block);
      if (bytes === null) {
        this.missing = { segment: this.#segment, block: this.#block };
        return;
      }
      this.#entries = this.#entriesOf(bytes);
    }
    const entry = this.#entries.pop();
    if (entry === undefined || compareBytes(entry.key, this.#range.from) < 0) return;
    this.key = entry.key;
    this.flags = entry.flags;
    this.expiresAtMs = entry.expiresAtMs;
    this.value = entry.value;
  }

  /** Those below the end of the range. */
  #entriesOf(block: Uint8Array): Entry[] {
    const cursor = this.#cursor;
    const { to } = this.#range;
    cursor.reset(block, this.#segment.reference.object);
    const entries: Entry[] = [];
    while (cursor.next() && (to === null || cursor.compareKey(to) < 0)) {
      entries.push({ key: cursor.copyKey(), flags: cursor.flags, expiresAtMs: cursor.expiresAtMs, value: cursor.value });
    }
    return entries;
  }
}

function isInRange(key: Uint8Array, range: ScanRange): boolean {
  if (compareBytes(key, range.from) < 0) return false;
  return range.to === null || compareBytes(key, range.to) < 0;
}
