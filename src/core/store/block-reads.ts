/** Blocks on their way: each is read once, whoever waits for it. */
import { blockId } from "./block-cache.js";
import type { OpenSegment } from "./open-segment.js";
import type { MissingBlock } from "./range-scan.js";
import { SegmentFault } from "./segment-format.js";
import type { ObjectRead, StoreEffect, StoreProblem } from "./store-io.js";
import type { StoreOptions } from "./store-options.js";

/** Who asked for a block. It keeps what arrives until it is answered, whatever the cache drops meanwhile. */
export interface BlockWaiter {
  take(id: number, bytes: Uint8Array): void;
  /** One of its reads came back. A problem ends it. */
  wake(problem: StoreProblem | null): void;
}

interface BlockRead {
  readonly segment: OpenSegment;
  readonly first: number;
  readonly end: number;
  readonly waiters: Set<BlockWaiter>;
}

export class BlockReads {
  readonly #options: StoreOptions;
  readonly #isNamed: (object: string) => boolean;
  readonly #reads = new Map<number, BlockRead>();
  readonly #readByBlock = new Map<number, BlockRead>();
  #started = 0;

  constructor(options: StoreOptions, isNamed: (object: string) => boolean) {
    this.#options = options;
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
    const read: BlockRead = { segment, first: from, end: to, waiters: new Set([waiter]) };
    const request = this.#options.nextRequest();
    const offset = segment.blockOffset(from);
    const length = segment.blockOffset(to) - offset;
    effects.push({ kind: "readObject", request, object: segment.reference.object, offset, length });
    this.#reads.set(request, read);
    for (let each = from; each < to; each++) this.#readByBlock.set(blockId(segment.id, each), read);
    this.#started += 1;
  }

  /** What came of a read. Returns the problem that it met. Answers to others' requests are ignored. */
  read(request: number, result: ObjectRead): StoreProblem | null {
    const read = this.#reads.get(request);
    if (read === undefined) return null;
    this.#reads.delete(request);
    for (let block = read.first; block < read.end; block++) this.#readByBlock.delete(blockId(read.segment.id, block));
    const problem = this.#take(read, result);
    for (const waiter of read.waiters) waiter.wake(problem);
    return problem;
  }

  /** A segment that a later manifest replaced may be gone: who waited looks again, in what took its place. */
  #take(read: BlockRead, result: ObjectRead): StoreProblem | null {
    const { object } = read.segment.reference;
    const isNamed = this.#isNamed(object);
    if (result.kind === "failed") return isNamed ? { code: "read_failed", object, message: result.message } : null;
    if (result.kind === "absent") {
      return isNamed ? { code: "segment_missing", object, message: "the manifest names it and it is not there" } : null;
    }
    try {
      this.#deliver(read, result.bytes);
      return null;
    } catch (error) {
      if (!(error instanceof SegmentFault)) throw error;
      return isNamed ? error.problem : null;
    }
  }

  #deliver(read: BlockRead, bytes: Uint8Array): void {
    const { segment } = read;
    const start = segment.blockOffset(read.first);
    for (let block = read.first; block < read.end; block++) {
      const from = segment.blockOffset(block) - start;
      const content = bytes.subarray(from, from + segment.blockLength(block));
      segment.checkBlock(block, content);
      this.#options.cache.blocks.put(segment.id, block, content);
      for (const waiter of read.waiters) waiter.take(blockId(segment.id, block), content);
    }
  }
}
