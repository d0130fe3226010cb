/**
 * The segments of the confirmed manifest, newest first, and their opening: one read of each tail. A tail that is not
 * there or not what the manifest says is a problem of the shard; a read that fails is tried again.
 */
import { OpenSegment } from "./open-segment.js";
import { SegmentFault, type SegmentProblem } from "./segment-format.js";
import type { SegmentReference } from "./segment-reference.js";
import { backOffMs, type ObjectRead, type StoreClock, type StoreEffect } from "./store-io.js";
import type { StoreOptions } from "./store-options.js";

interface Opening {
  readonly reference: SegmentReference;
  request: number | null;
  retryAtMs: number;
  failures: number;
  segment: OpenSegment | null;
}

export class SegmentSet {
  readonly #options: StoreOptions;
  readonly #clock: StoreClock;
  #opening: Opening[] | null;
  #segments: readonly OpenSegment[] = [];
  #problem: SegmentProblem | null = null;
  #charged = 0;
  #isAsked = false;

  constructor(options: StoreOptions, clock: StoreClock) {
    this.#options = options;
    this.#clock = clock;
    this.#opening = options.segments.map((reference) => ({
      reference,
      request: null,
      retryAtMs: -Infinity,
      failures: 0,
      segment: null,
    }));
  }

  get isOpen(): boolean {
    return this.#opening === null;
  }

  /** Newest first; empty before all are open. */
  get list(): readonly OpenSegment[] {
    return this.#segments;
  }

  get problem(): SegmentProblem | null {
    return this.#problem;
  }

  get wakeAtMs(): number {
    if (!this.#isAsked) return Infinity;
    const waiting = (this.#opening ?? []).filter((each) => each.request === null && each.segment === null);
    return waiting.reduce((least, each) => Math.min(least, each.retryAtMs), Infinity);
  }

  /** Asks for what is to be read now. */
  open(effects: StoreEffect[]): void {
    this.#isAsked = true;
    if (this.#opening === null || this.#problem !== null) return;
    for (const each of this.#opening) {
      if (each.request !== null || each.segment !== null || each.retryAtMs > this.#clock.nowMs) continue;
      each.request = this.#options.nextRequest();
      const { object, bytes, tailBytes } = each.reference;
      effects.push({ kind: "readObject", request: each.request, object, offset: bytes - tailBytes, length: tailBytes });
    }
    this.#finish();
  }

  /** False where the request is not its own. */
  read(request: number, result: ObjectRead): boolean {
    const opening = this.#opening?.find((each) => each.request === request);
    if (opening === undefined) return false;
    const { reference } = opening;
    opening.request = null;
    if (result.kind === "found") this.#take(opening, result.bytes);
    else if (result.kind === "absent") {
      this.#problem ??= {
        code: "segment_missing",
        object: reference.object,
        message: "the manifest names it and it is not there",
      };
    } else {
      opening.failures += 1;
      opening.retryAtMs = this.#clock.nowMs + backOffMs(opening.failures);
    }
    this.#finish();
    return true;
  }

  replace(segments: readonly OpenSegment[]): void {
    this.#segments = segments;
    const bytes = segments.reduce((sum, segment) => sum + segment.bytes, 0);
    this.#options.cache.charge("index", bytes - this.#charged);
    this.#charged = bytes;
  }

  isNamed(object: string): boolean {
    return this.#segments.some((segment) => segment.reference.object === object);
  }

  #take(opening: Opening, bytes: Uint8Array): void {
    const { clusterId, cache } = this.#options;
    try {
      opening.segment = new OpenSegment(cache.nextSegmentId(), opening.reference, bytes, clusterId, this.#options);
    } catch (error) {
      if (!(error instanceof SegmentFault)) throw error;
      this.#problem ??= error.problem;
    }
  }

  #finish(): void {
    const opened = (this.#opening ?? []).flatMap((each) => (each.segment === null ? [] : [each.segment]));
    if (this.#opening === null || opened.length < this.#opening.length) return;
    this.#opening = null;
    this.replace(opened);
  }
}
