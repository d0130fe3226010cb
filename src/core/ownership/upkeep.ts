/**
 * Upkeep: keeps the log's tail short, so that a restart is fast and memory is free. Flushes the shard that holds the tail
 * back, publishes the base, trims what no shard needs, and forgets former incarnations (RULES.md 1, 15k).
 */
import type { Effect } from "../effect.js";
import type { LogWriter } from "../log/log-writer.js";
import type { CacheBudget } from "../store/cache-budget.js";
import { type Custody, neededOf } from "./custody.js";
import type { DirectoryClient } from "./directory-client.js";
import { type DocumentCodec, type NodeDocument, nodeKey } from "./documents.js";

export interface UpkeepLimits {
  /** A flush begins when the tail holds more than this: what a restart has to read. */
  readonly tailBytesTarget: number;
  readonly tailRecordsTarget: number;
  /** A shard is flushed when its oldest unflushed entry is older than this. */
  readonly tailAgeMaxMs: number;
  /** And when its dirty part of memory is larger than this. */
  readonly dirtyBytesMax: number;
  readonly flushesMax: number;
}

interface Tail {
  readonly custody: Custody;
  /** Bytes and records of the log, counted from this incarnation's start, that were there when the shard was last flushed. */
  bytes: number;
  records: number;
  sinceMs: number;
}

export interface UpkeepTools {
  readonly client: DirectoryClient;
  readonly codec: DocumentCodec;
  readonly clusterId: Uint8Array;
  readonly log: LogWriter;
  readonly cache: CacheBudget;
  readonly effects: Effect[];
  nextToken(): string;
  lost(): void;
}

export class Upkeep {
  readonly #limits: UpkeepLimits;
  readonly #tools: UpkeepTools;
  readonly #tails: Tail[];
  readonly #inherited: { readonly bytes: number; readonly records: number };
  #node: { document: NodeDocument; token: string };
  #former: readonly { readonly document: NodeDocument; readonly token: string }[];
  #isPublishing = false;

  constructor(
    limits: UpkeepLimits,
    tools: UpkeepTools,
    custodies: readonly Custody[],
    node: { readonly document: NodeDocument; readonly token: string },
    former: readonly { readonly document: NodeDocument; readonly token: string }[],
    inherited: { readonly bytes: number; readonly records: number },
    tickMs: number,
  ) {
    this.#limits = limits;
    this.#tools = tools;
    this.#inherited = inherited;
    this.#tails = custodies.map((custody) => {
      const isClean = custody.descriptor.ranges.length === 0;
      return { custody, bytes: isClean ? inherited.bytes : 0, records: isClean ? inherited.records : 0, sinceMs: tickMs };
    });
    this.#node = node;
    this.#former = former;
  }

  /** What a restart would have to read now. */
  get tailBytes(): number {
    let least = Infinity;
    for (const { bytes } of this.#tails) if (bytes < least) least = bytes;
    return this.#totalBytes - least;
  }

  get tailRecords(): number {
    let least = Infinity;
    for (const { records } of this.#tails) if (records < least) least = records;
    return this.#totalRecords - least;
  }

  get flushing(): number {
    let count = 0;
    for (const { custody } of this.#tails) if (!custody.isIdle) count++;
    return count;
  }

  /** Starts what is due. Once a turn. */
  turn(tickMs: number): void {
    for (const { custody } of this.#tails) if (!custody.isRefused) custody.turn();
    this.#publish();
    this.#forgetFormer();
    for (let flushing = this.flushing; flushing < this.#limits.flushesMax; flushing++) {
      const due = this.#due(tickMs);
      if (due === null) return;
      this.#flush(due, tickMs);
    }
  }

  /** Begins a flush of every shard that needs one; true when none is needed or under way any more. */
  flushAll(tickMs: number): boolean {
    const serving = this.#tails.filter(({ custody }) => !custody.isRefused);
    for (const tail of serving) if (tail.custody.isIdle && tail.custody.isDirty) this.#flush(tail, tickMs);
    return serving.every(({ custody }) => custody.isIdle && !custody.isDirty);
  }

  get ownNode(): { readonly document: NodeDocument; readonly token: string } {
    return this.#node;
  }

  get isPublishing(): boolean {
    return this.#isPublishing;
  }

  get #totalBytes(): number {
    return this.#inherited.bytes + this.#tools.log.addedBytes;
  }

  get #totalRecords(): number {
    return this.#inherited.records + this.#tools.log.last;
  }

  #due(tickMs: number): Tail | null {
    let oldest: Tail | null = null;
    let largest: Tail | null = null;
    for (const tail of this.#tails) {
      const { custody } = tail;
      if (!custody.isIdle || !custody.isDirty || custody.isRefused) continue;
      if (oldest === null || tail.records < oldest.records) oldest = tail;
      if (largest === null || custody.dirtyBytes > largest.custody.dirtyBytes) largest = tail;
    }
    if (oldest === null || largest === null) return null;
    if (largest.custody.dirtyBytes > this.#limits.dirtyBytesMax) return largest;
    const isLong = this.tailBytes > this.#limits.tailBytesTarget || this.tailRecords > this.#limits.tailRecordsTarget;
    const isOld = tickMs - oldest.sinceMs > this.#limits.tailAgeMaxMs;
    if (isLong || isOld) return oldest;
    return this.#tools.cache.isOverfull ? largest : null;
  }

  #flush(tail: Tail, tickMs: number): void {
    const position = this.#tools.log.cut(tickMs);
    tail.custody.flush(position);
    tail.bytes = this.#totalBytes;
    tail.records = this.#totalRecords;
    tail.sinceMs = tickMs;
  }

  /** Publishes a base that has grown, and only then trims below it. */
  #publish(): void {
    if (this.#isPublishing) return;
    const { log, client, codec, clusterId, effects } = this.#tools;
    let base = log.durable + 1;
    for (const { custody } of this.#tails) {
      if (custody.isDirty || custody.isRefused || !custody.isIdle) base = Math.min(base, custody.neededFrom);
    }
    const { document, token: expected } = this.#node;
    if (base < document.base + BASE_STEP) return;
    this.#isPublishing = true;
    const next: NodeDocument = { ...document, base, counter: document.counter + 1 };
    const token = this.#tools.nextToken();
    client.swap(nodeKey(document.incarnation), expected, { token, body: codec.encodeNode(next, clusterId) }, (end) => {
      this.#isPublishing = false;
      if (end === "lost") return this.#tools.lost();
      this.#node = { document: next, token };
      effects.push({ kind: "trimLog", log: log.log, base });
    });
  }

  #forgetFormer(): void {
    if (this.#former.length === 0) return;
    const descriptors = this.#tails.map(({ custody }) => custody.descriptor);
    const { effects } = this.#tools;
    this.#former = this.#former.filter(({ document, token }) => {
      if (neededOf(document.incarnation, descriptors) !== null) return true;
      effects.push({ kind: "trimLog", log: document.incarnation, base: Number.MAX_SAFE_INTEGER });
      effects.push({ kind: "removeDocument", key: nodeKey(document.incarnation), expected: token });
      return false;
    });
  }
}

/** The base is published in steps: each is a write to the directory. */
const BASE_STEP = 256;
