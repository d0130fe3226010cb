/** Blocks on their way: each is read once, whoever waits for it. A read that fails is tried again, with back-off. */
import { blockId } from "./block-cache.js";
import type { OpenSegment } from "./open-segment.js";
import type { MissingBlock } from "./range-scan.js";
import { SegmentFault, type SegmentProblem } from "./segment-format.js";
import { backOffMs, type ObjectRead, type StoreClock, type StoreEffect } from "./store-io.js";
import type { StoreOptions } from "./store-options.js";

/** Who asked for a block. It keeps what arrives until it is answered, whatever the cache drops meanwhile. */
export interface BlockWaiter {
  take(id: number, bytes: Uint8Array): void;
  /** One of its reads came back, or became pointless. */
  wake(): void;
}

interface BlockRead {
  readonly segment: OpenSegment;
  readonly first: number;
  readonly end: number;
  readonly waiters: Set<BlockWaiter>;
  failures: number;
  /** When to try again; Infinity while the read is on its way. */
  retryAtMs: number;
}

export class BlockReads {
  readonly #options: StoreOptions;
  readonly #clock: StoreClock;
  readonly #isNamed: (object: string) => boolean;
  readonly #reads = new Map<number, BlockRead>();
  readonly #readByBlock = new Map<number, BlockRead>();
  #failed: BlockRead[] = [];
  #started = 0;

  constructor(options: StoreOptions, clock: StoreClock, isNamed: (object: string) => boolean) {
    this.#options = options;
    this.#clock = clock;
    this.#isNamed = isNamed;
  }

  /** Reads started so far. */
  get started(): number {
    return this.#started;
  }

  /** Asks for `block`, and for its neighbours from `first` to before `end` as far as nobody has asked for them yet. */
  request(wanted: MissingBlock, first: number, end: number, waiter: BlockWaiter, effects: StoreEffect[]): void {
    const { segment, block } = wanted;
    const running = this.#readByBlock.get(blockId(segment.id, block));
    if (running !== undefined) {
      running.waiters.add(waiter);
      return;
    }
    let from = block;
    let to = block + 1;
    while (from > first && !this.#readByBlock.has(blockId(segment.id, from - 1))) from--;
    while (to < end && !this.#readByBlock.has(blockId(segment.id, to))) to++;
    const read: BlockRead = { segment, first: from, end: to, waiters: new Set([waiter]), failures: 0, retryAtMs: Infinity };
    for (let each = from; each < to; each++) this.#readByBlock.set(blockId(segment.id, each), read);
    this.#start(read, effects);
  }

  /** When a failed read wants to be tried again; Infinity where none does. */
  get wakeAtMs(): number {
    return this.#failed.reduce((least, read) => Math.min(least, read.retryAtMs), Infinity);
  }

  /** Reads that failed the last time. */
  get failing(): number {
    return this.#failed.length;
  }

  retry(effects: StoreEffect[]): void {
    if (this.wakeAtMs > this.#clock.nowMs) return;
    const due = this.#failed.filter((read) => read.retryAtMs <= this.#clock.nowMs);
    this.#failed = this.#failed.filter((read) => read.retryAtMs > this.#clock.nowMs);
    for (const read of due) {
      read.retryAtMs = Infinity;
      if (this.#isNamed(read.segment.reference.object)) this.#start(read, effects);
      else this.#end(read);
    }
  }

  /** What came of a read. Returns the problem that it met. Answers to others' requests are ignored. */
  read(request: number, result: ObjectRead): SegmentProblem | null {
    const read = this.#reads.get(request);
    if (read === undefined) return null;
    this.#reads.delete(request);
    const isNamed = this.#isNamed(read.segment.reference.object);
    if (result.kind === "failed" && isNamed) {
      read.failures += 1;
      read.retryAtMs = this.#clock.nowMs + backOffMs(read.failures);
      this.#failed.push(read);
      return null;
    }
    const problem = this.#take(read, result);
    this.#end(read);
    // A segment that a later manifest replaced may be gone: who waited looks again, in what took its place.
    return isNamed ? problem : null;
  }

  #start(read: BlockRead, effects: StoreEffect[]): void {
    const { segment, first, end } = read;
    const request = this.#options.nextRequest();
    const offset = segment.blockOffset(first);
    const length = segment.blockOffset(end) - offset;
    effects.push({ kind: "readObject", request, object: segment.reference.object, offset, length });
    this.#reads.set(request, read);
    this.#started += 1;
  }

  #end(read: BlockRead): void {
    for (let block = read.first; block < read.end; block++) this.#readByBlock.delete(blockId(read.segment.id, block));
    for (const waiter of read.waiters) waiter.wake();
  }

  #take(read: BlockRead, result: ObjectRead): SegmentProblem | null {
    const { object } = read.segment.reference;
    if (result.kind === "failed") return null;
    if (result.kind === "absent")
      return { code: "segment_missing", object, message: "the manifest names it and it is not there" };
    try {
      this.#deliver(read, result.bytes);
      return null;
    } catch (error) {
      if (!(error instanceof SegmentFault)) throw error;
      return error.problem;
    }
  }

  #deliver(read: BlockRead, bytes: Uint8Array): void {
    const { segment } = read;
    const start = segment.blockOffset(read.first);
    for (let block = read.first; block < read.end; block++) {
      const from = segment.blockOffset(block) - start;
      const entries = segment.openBlock(block, bytes.subarray(from, from + segment.blockLength(block)));
      this.#options.cache.blocks.put(segment.id, block, entries);
      for (const waiter of read.waiters) waiter.take(blockId(segment.id, block), entries);
    }
  }
}
