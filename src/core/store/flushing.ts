/**
 * One flush at a time:
 *
 *     idle ──freeze──> frozen ──start──> writing ──happened──> written ──manifest confirmed──> idle
 *                        ^                  │
 *                        └──back-off── refused, unknown (a new name each time; an unknown one may still appear: an orphan)
 */
import { FlushSource } from "./flush-source.js";
import { OpenSegment } from "./open-segment.js";
import type { SlabTable } from "./slab-table.js";
import { backOffMs, type ObjectWritten, type StoreClock, type StoreEffect } from "./store-io.js";
import type { StoreOptions } from "./store-options.js";

/** What the manifest shall take in: everything up to `coveredTo` is in `segment`, which is null where nothing was dirty. */
export interface Flushed {
  readonly coveredTo: number;
  readonly segment: OpenSegment | null;
}

export class Flushing {
  readonly #options: StoreOptions;
  readonly #clock: StoreClock;
  readonly #orphans: Set<string>;
  #table: SlabTable | null = null;
  #coveredTo = 0;
  #writing: { readonly request: number; readonly object: string; readonly source: FlushSource } | null = null;
  #flushed: Flushed | null = null;
  #isStarted = false;
  #failures = 0;
  #retryAtMs = Infinity;

  constructor(options: StoreOptions, clock: StoreClock, orphans: Set<string>) {
    this.#options = options;
    this.#clock = clock;
    this.#orphans = orphans;
  }

  get flushed(): Flushed | null {
    return this.#flushed;
  }

  /** Failed writes in a row. */
  get failures(): number {
    return this.#failures;
  }

  get wakeAtMs(): number {
    return this.#retryAtMs;
  }

  freeze(table: SlabTable, coveredTo: number): void {
    this.#table = table;
    this.#coveredTo = coveredTo;
  }

  start(effects: StoreEffect[]): void {
    const table = this.#table;
    if (table === null || this.#isStarted) return;
    this.#isStarted = true;
    if (table.count === 0) this.#flushed = { coveredTo: this.#coveredTo, segment: null };
    else this.#write(table, effects);
  }

  /** Tries again what failed, when its time has come. */
  retry(effects: StoreEffect[]): void {
    if (this.#table === null || this.#clock.nowMs < this.#retryAtMs) return;
    this.#retryAtMs = Infinity;
    this.#write(this.#table, effects);
  }

  /** What came of a write. Answers to others' requests are ignored. */
  written(request: number, result: ObjectWritten): void {
    const writing = this.#writing;
    if (writing === null || writing.request !== request) return;
    this.#writing = null;
    if (result.kind === "happened") {
      const { source } = writing;
      if (source.reference === null || source.tail === null)
        throw new Error(`${writing.object} was reported written before it was pulled to its end`);
      const { clusterId, cache } = this.#options;
      const segment = new OpenSegment(cache.nextSegmentId(), source.reference, source.tail, clusterId, this.#options);
      this.#flushed = { coveredTo: this.#coveredTo, segment };
      this.#failures = 0;
    } else {
      if (result.kind === "unknown") this.#orphans.add(writing.object);
      this.#failures += 1;
      this.#retryAtMs = this.#clock.nowMs + backOffMs(this.#failures);
    }
  }

  /** The manifest with the segment is confirmed. */
  confirm(): void {
    if (this.#flushed === null) throw new Error("nothing was flushed");
    this.#table = null;
    this.#flushed = null;
    this.#isStarted = false;
  }

  #write(table: SlabTable, effects: StoreEffect[]): void {
    const { clusterId, limits, nextObjectName, nextRequest } = this.#options;
    const object = nextObjectName();
    const source = new FlushSource(table, { clusterId, object }, this.#options, limits.isDeflated);
    const request = nextRequest();
    this.#writing = { request, object, source };
    effects.push({ kind: "writeObject", request, object, source });
  }
}
