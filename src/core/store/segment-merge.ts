/**
 * Merges segments into one, pulled by a driver wherever that runs (a worker thread, or inline in a simulation):
 *
 *     for (;;) { const step = merge.step();
 *       read: merge.supply(step.input, <the object's bytes>)     chunk: write it      done, failed: the end }
 *
 * Of each key the newest version stays; partial ones are merged with what is below them. Tombstones, and versions that
 * have expired, are dropped at the bottom and hide what is older elsewhere. Keys outside of the job's range are dropped anywhere.
 */
import { BlockCursor } from "./block.js";
import { isInHashRange } from "./key-spaces/hash-range.js";
import { OpenSegment } from "./open-segment.js";
import { damaged, SegmentFault, type SegmentProblem } from "./segment-format.js";
import type { SegmentReference } from "./segment-reference.js";
import type { SegmentTools } from "./segment-tools.js";
import { SegmentWriter } from "./segment-writer.js";
import type { CompactionJob, ObjectRead } from "./store-io.js";
import { type MergeValues, NEVER, NO_BYTES, PARTIAL, TOMBSTONE, VersionFold } from "./version-fold.js";

export type MergeStep =
  | { readonly kind: "read"; readonly input: number; readonly object: string; readonly offset: number; readonly length: number }
  /** At most 256 KB, perhaps empty. */
  | { readonly kind: "chunk"; readonly bytes: Uint8Array }
  /** `segment` null: nothing was left, and no chunk was given. */
  | { readonly kind: "done"; readonly segment: SegmentReference | null }
  | { readonly kind: "failed"; readonly message: string; readonly problem: SegmentProblem | null };

/** About a millisecond of merging. */
const ENTRIES_PER_STEP = 1024;

export class SegmentMerge {
  readonly #job: CompactionJob;
  readonly #inputs: readonly MergeInput[];
  readonly #writer: SegmentWriter;
  readonly #fold: VersionFold;
  #failure: MergeStep | null = null;

  constructor(job: CompactionJob, merge: MergeValues, tools: SegmentTools) {
    this.#job = job;
    this.#inputs = job.inputs.map((reference) => new MergeInput(reference, job, tools));
    this.#writer = new SegmentWriter({ clusterId: job.clusterId, object: job.object }, job.level, tools, job.isDeflated);
    this.#fold = new VersionFold(merge);
  }

  /** The answer to a `read` step. */
  supply(input: number, result: ObjectRead): void {
    const target = this.#inputs[input] as MergeInput;
    const { object } = target.reference;
    if (result.kind === "failed") this.#failure = { kind: "failed", message: `${object}: ${result.message}`, problem: null };
    else if (result.kind === "absent")
      this.#fail(new SegmentFault({ code: "segment_missing", object, message: "the object is not there" }));
    else this.#guarded(() => target.supply(result.bytes));
  }

  /** The next thing to do. After `done` or `failed` it stays at that. */
  step(): MergeStep {
    return this.#failure ?? this.#guarded(() => this.#advance()) ?? (this.#failure as unknown as MergeStep);
  }

  #advance(): MergeStep {
    for (let entries = 0; entries < ENTRIES_PER_STEP && !this.#writer.isChunkReady; entries++) {
      const read = this.#neededRead();
      if (read !== null) return read;
      if (!this.#mergeOne()) return this.#end();
    }
    return { kind: "chunk", bytes: this.#writer.takeChunk() ?? NO_BYTES };
  }

  #neededRead(): MergeStep | null {
    for (let index = 0; index < this.#inputs.length; index++) {
      const input = this.#inputs[index] as MergeInput;
      const need = input.need();
      if (need !== null) return { kind: "read", input: index, object: input.reference.object, ...need };
    }
    return null;
  }

  #end(): MergeStep {
    if (this.#writer.count === 0) return { kind: "done", segment: null };
    const bytes = this.#writer.takeRest();
    return bytes === null ? { kind: "done", segment: this.#writer.reference } : { kind: "chunk", bytes };
  }

  /** Writes the smallest key of all inputs and moves them over it; false where every input is at its end. */
  #mergeOne(): boolean {
    let first: MergeInput | null = null;
    for (const input of this.#inputs) {
      if (input.isAtEntry && (first === null || input.cursor.compareTo(first.cursor) < 0)) first = input;
    }
    if (first === null) return false;
    const key = first.cursor.key;
    const fold = this.#fold;
    fold.reset();
    let isFirstSeen = false;
    for (const input of this.#inputs) {
      if (input === first) isFirstSeen = true;
      else if (!isFirstSeen || !input.isAtEntry || input.cursor.compareTo(first.cursor) !== 0) continue;
      const { flags, expiresAtMs, value } = input.cursor;
      if (!fold.isSettled) fold.add(flags, expiresAtMs, value, this.#job.nowMs);
      if (input !== first) input.advance();
    }
    const { hashes } = this.#job;
    if (hashes == null || isInHashRange(key, hashes)) this.#write(key);
    first.advance();
    return true;
  }

  #write(key: Uint8Array): void {
    const { kind, value, expiresAtMs } = this.#fold;
    if (kind === "absent") {
      if (!this.#job.isBottom) this.#writer.add(key, TOMBSTONE, NEVER, NO_BYTES);
    } else {
      this.#writer.add(key, kind === "partial" && !this.#job.isBottom ? PARTIAL : 0, expiresAtMs, value);
    }
  }

  #guarded<Result>(work: () => Result): Result | null {
    try {
      return work();
    } catch (error) {
      if (error instanceof SegmentFault) this.#fail(error);
      else throw error;
      return null;
    }
  }

  #fail(fault: SegmentFault): void {
    this.#failure = { kind: "failed", message: fault.message, problem: fault.problem };
  }
}

/** One input: its blocks in order, read some hundred KB at a time. */
class MergeInput {
  readonly reference: SegmentReference;
  readonly cursor = new BlockCursor();
  readonly #job: CompactionJob;
  readonly #tools: SegmentTools;
  #segment: OpenSegment | null = null;
  /** Blocks `#extentFirst` to `#extentEnd` are in `#extent`. */
  #extent: Uint8Array = NO_BYTES;
  #extentFirst = 0;
  #extentEnd = 0;
  #nextBlock = 0;
  isAtEntry = false;

  constructor(reference: SegmentReference, job: CompactionJob, tools: SegmentTools) {
    this.reference = reference;
    this.#job = job;
    this.#tools = tools;
  }

  /** What must be read before the merge can go on; null where the cursor stands at an entry or at the end. */
  need(): { readonly offset: number; readonly length: number } | null {
    if (this.isAtEntry) return null;
    const { bytes, tailBytes } = this.reference;
    const segment = this.#segment;
    if (segment === null) return { offset: bytes - tailBytes, length: tailBytes };
    if (this.#nextBlock === segment.blocks) return null;
    const offset = segment.blockOffset(this.#nextBlock);
    let end = this.#nextBlock + 1;
    while (end < segment.blocks && segment.blockOffset(end + 1) - offset <= this.#job.readBytes) end++;
    this.#extentFirst = this.#nextBlock;
    this.#extentEnd = end;
    return { offset, length: segment.blockOffset(end) - offset };
  }

  supply(bytes: Uint8Array): void {
    if (this.#segment === null) {
      this.#segment = new OpenSegment(0, this.reference, bytes, this.#job.clusterId, this.#tools);
      return;
    }
    this.#extent = bytes;
    this.#enterBlock();
  }

  advance(): void {
    this.isAtEntry = this.cursor.next();
    if (!this.isAtEntry && this.#nextBlock < this.#extentEnd) this.#enterBlock();
  }

  #enterBlock(): void {
    const segment = this.#segment as OpenSegment;
    const from = segment.blockOffset(this.#nextBlock) - segment.blockOffset(this.#extentFirst);
    const block = this.#extent.subarray(from, from + segment.blockLength(this.#nextBlock));
    this.cursor.reset(segment.openBlock(this.#nextBlock, block), this.reference.object);
    this.#nextBlock += 1;
    this.advance();
    if (!this.isAtEntry) throw damaged(this.reference.object, `block ${this.#nextBlock - 1} has no entry`);
  }
}
