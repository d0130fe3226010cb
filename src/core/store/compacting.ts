/**
 * One compaction at a time:
 *
 *     idle ──start──> merging ──happened──> opening (reads the result's tail) ──> written ──manifest confirmed──> idle
 *       ^                │                     │
 *       └───back-off─────┴──────failed─────────┘ (the name may still come to be: an orphan)
 */
import { planCompaction } from "./compaction-plan.js";
import { OpenSegment } from "./open-segment.js";
import { SegmentFault, type SegmentProblem } from "./segment-format.js";
import type { SegmentReference } from "./segment-reference.js";
import { backOffMs, type Compacted, type CompactionJob, type ObjectRead, type StoreClock, type StoreEffect } from "./store-io.js";
import type { StoreOptions } from "./store-options.js";

/** What the manifest shall take in: `segment` (null: nothing was left) in the place of `inputs`. */
export interface CompactionResult {
  readonly inputs: readonly SegmentReference[];
  readonly segment: OpenSegment | null;
}

interface Running {
  request: number;
  readonly job: CompactionJob;
  /** Set while the result's tail is read. */
  segment: SegmentReference | null;
}

export class Compacting {
  readonly #options: StoreOptions;
  readonly #clock: StoreClock;
  readonly #orphans: Set<string>;
  #running: Running | null = null;
  #result: CompactionResult | null = null;
  #failures = 0;
  #notBeforeMs = -Infinity;

  constructor(options: StoreOptions, clock: StoreClock, orphans: Set<string>) {
    this.#options = options;
    this.#clock = clock;
    this.#orphans = orphans;
  }

  get isIdle(): boolean {
    return this.#running === null && this.#result === null;
  }

  get result(): CompactionResult | null {
    return this.#result;
  }

  get failures(): number {
    return this.#failures;
  }

  /** Starts one where the list asks for it; true if so. */
  start(segments: readonly SegmentReference[], effects: StoreEffect[]): boolean {
    if (!this.isIdle || this.#clock.nowMs < this.#notBeforeMs) return false;
    const plan = planCompaction(segments);
    if (plan === null) return false;
    const { clusterId, limits, nextObjectName, nextRequest } = this.#options;
    const inputs = segments.slice(plan.from, plan.from + plan.count);
    const job: CompactionJob = {
      object: nextObjectName(),
      clusterId,
      inputs,
      isBottom: plan.isBottom,
      nowMs: this.#clock.nowMs,
      level: 1 + Math.max(...inputs.map((input) => input.level)),
      isDeflated: limits.isDeflated,
      readBytes: limits.compactionReadBytes,
      hashes: this.#options.hashes ?? null,
    };
    this.#running = { request: nextRequest(), job, segment: null };
    effects.push({ kind: "compact", request: this.#running.request, job });
    return true;
  }

  /** What came of a merge. Returns the problem where an input of it is lost. */
  compacted(request: number, result: Compacted, effects: StoreEffect[]): SegmentProblem | null {
    const running = this.#running;
    if (running === null || running.request !== request || running.segment !== null) return null;
    if (result.kind === "failed") {
      this.#fail(running);
      return result.problem ?? null;
    }
    const { segment } = result;
    if (segment === null) {
      this.#finish(running, null);
      return null;
    }
    if (segment.object !== running.job.object) throw new Error(`asked for ${running.job.object}, ${segment.object} was written`);
    running.segment = segment;
    running.request = this.#options.nextRequest();
    const { object, bytes, tailBytes } = segment;
    effects.push({ kind: "readObject", request: running.request, object, offset: bytes - tailBytes, length: tailBytes });
    return null;
  }

  /** The tail of the result. A result that cannot be opened is given up: its inputs are still there. */
  read(request: number, result: ObjectRead): boolean {
    const running = this.#running;
    if (running === null || running.request !== request || running.segment === null) return false;
    if (result.kind !== "found") {
      this.#fail(running);
      return true;
    }
    const { clusterId, cache } = this.#options;
    try {
      this.#finish(running, new OpenSegment(cache.nextSegmentId(), running.segment, result.bytes, clusterId, this.#options));
    } catch (error) {
      if (!(error instanceof SegmentFault)) throw error;
      this.#fail(running);
    }
    return true;
  }

  confirm(): CompactionResult {
    const result = this.#result;
    if (result === null) throw new Error("nothing was compacted");
    this.#result = null;
    return result;
  }

  #finish(running: Running, segment: OpenSegment | null): void {
    this.#running = null;
    this.#failures = 0;
    this.#result = { inputs: running.job.inputs, segment };
  }

  #fail(running: Running): void {
    this.#running = null;
    this.#orphans.add(running.job.object);
    this.#failures += 1;
    this.#notBeforeMs = this.#clock.nowMs + backOffMs(this.#failures);
  }
}
