/**
 * The split of one shard into halves (docs/decisions/splitting.md), by the steps of a hand-off and a few more:
 *
 *   flushing ──written──> draining ──nothing runs, its messages acknowledged, all durable──> closing ──written──>
 *      naming ──both halves' descriptors stand──> swapping ──one CAS of its own──> split
 *   from each but the last, on trouble or after too long ──> kept
 *
 * It serves while it flushes. From then on what arrives waits at the node, and goes on to the halves. Nothing is left in the
 * log for them: they begin with the segments alone. Their descriptors mean nothing until the parent's says that it is split;
 * a later try, whoever makes it, writes over them.
 */
import { MalformedBytes } from "../bytes/byte-reader.js";
import type { LogWriter } from "../log/log-writer.js";
import type { LogId } from "../log/record.js";
import type { Shard } from "../shard/shard.js";
import { unreachable } from "../unreachable.js";
import type { Custody } from "./custody.js";
import type { DirectoryClient, FoundDocument } from "./directory-client.js";
import { type DocumentCodec, type ShardDescriptor, shardKey } from "./documents.js";

/** The snapshot store may be slow: then the shard is split later. */
const FLUSH_MS_MAX = 30_000;
/** What runs longer runs again at the half that has its entity. */
const RUNNING_MS_MAX = 100;
/** For all that it waits for while it serves nobody: messages on their way, reads, appends, the last flush. */
const DRAIN_MS_MAX = 2_000;
const DRAIN_LOOK_MS = 10;

export interface Half {
  readonly descriptor: ShardDescriptor;
  readonly token: string;
}

export interface SplittingTools {
  readonly log: LogWriter;
  readonly client: DirectoryClient;
  readonly codec: DocumentCodec;
  readonly clusterId: Uint8Array;
  readonly incarnation: LogId;
  nextToken(): string;
  /** The halves are ours: their parent's descriptor says so. */
  split(splitting: Splitting, halves: readonly Half[]): void;
  /** It stays whole, and serves as before. */
  kept(splitting: Splitting): void;
}

export class Splitting {
  readonly shard: Shard;
  readonly custody: Custody;
  readonly #children: readonly number[];
  readonly #tools: SplittingTools;
  readonly #beganAtMs: number;
  #status: "flushing" | "draining" | "closing" | "naming" | "swapping" | "over" = "flushing";
  #hasFlushed = false;
  #hasClosed = false;
  #drainingSinceMs = 0;
  readonly #halves: Half[] = [];
  #unnamed = 0;

  constructor(shard: Shard, custody: Custody, children: readonly number[], tools: SplittingTools, tickMs: number) {
    this.shard = shard;
    this.custody = custody;
    this.#children = children;
    this.#tools = tools;
    this.#beganAtMs = tickMs;
  }

  /** Nothing new is begun for the shard: whoever asks for it waits. */
  get isDraining(): boolean {
    return this.#status !== "flushing";
  }

  /** Messages are taken all the same, and acknowledgements: its own have to be acknowledged before it is split. */
  get isTaking(): boolean {
    return this.#status === "flushing" || this.#status === "draining";
  }

  /** Once a turn. Upkeep goes on beside it, but begins no flush of this shard once it drains. */
  turn(tickMs: number): void {
    const isTimed = this.#status === "flushing" || this.#status === "draining" || this.#status === "closing";
    if (this.shard.refusal !== null && isTimed) return this.#keep();
    switch (this.#status) {
      case "flushing":
        return this.#flush(tickMs);
      case "draining":
        return this.#drain(tickMs);
      case "closing":
        return this.#close(tickMs);
      case "naming":
      case "swapping":
      case "over":
        return;
      default:
        return unreachable(this.#status);
    }
  }

  wakeAtMs(tickMs: number): number {
    if (this.#status === "flushing") return this.#beganAtMs + FLUSH_MS_MAX;
    return this.#status === "draining" || this.#status === "closing" ? tickMs + DRAIN_LOOK_MS : Infinity;
  }

  #flush(tickMs: number): void {
    if (tickMs - this.#beganAtMs > FLUSH_MS_MAX) return this.#keep();
    if (!this.custody.isIdle) return;
    if (!this.#hasFlushed && this.custody.isDirty) {
      this.#hasFlushed = true;
      return this.custody.flush(this.#tools.log.cut(tickMs));
    }
    this.#status = "draining";
    this.#drainingSinceMs = tickMs;
    this.custody.isLeaving = true;
    this.shard.pause();
    this.shard.park();
    this.#drain(tickMs);
  }

  #drain(tickMs: number): void {
    const waitedMs = tickMs - this.#drainingSinceMs;
    if (waitedMs > DRAIN_MS_MAX) return this.#keep();
    if (this.shard.isRunning && waitedMs < RUNNING_MS_MAX) return;
    this.shard.holdResults();
    if (this.shard.isReading || this.shard.isOwingMessages || !this.custody.isIdle) return;
    this.shard.stopParking();
    this.#status = "closing";
    this.#close(tickMs);
  }

  /** Nothing of the shard changes any more: what the log holds of it is written once more, and then its segments hold all. */
  #close(tickMs: number): void {
    if (tickMs - this.#drainingSinceMs > DRAIN_MS_MAX) return this.#keep();
    if (this.shard.lastPosition > this.#tools.log.durable || !this.custody.isIdle) return;
    if (!this.custody.isDirty) return this.#name();
    if (this.#hasClosed) return this.#keep();
    this.#hasClosed = true;
    this.custody.flush(this.#tools.log.cut(tickMs));
  }

  /** Writes both halves' descriptors. From here on there is no time limit: a swap that is under way has to end first. */
  #name(): void {
    this.#status = "naming";
    this.custody.isFixed = true;
    this.#unnamed = this.#children.length;
    for (const child of this.#children) {
      const foreign = (): void => this.#named(null);
      this.#tools.client.readAnew(shardKey(child), (found) => this.#nameOne(child, found), foreign);
    }
  }

  /** What stands there was left by a try that came to nothing, unless its epoch says that the parent has had another owner since. */
  #nameOne(child: number, found: FoundDocument | null): void {
    const { client, codec, clusterId, incarnation, nextToken } = this.#tools;
    const { epoch, covered, segments } = this.custody.descriptor;
    if (found !== null && this.#epochOf(found) > epoch + 1) return this.#named(null);
    const descriptor: ShardDescriptor = {
      shard: child,
      epoch: epoch + 1,
      owner: incarnation,
      covered,
      ranges: [],
      segments,
      previous: null,
      lineage: { parentEpoch: epoch, isSplit: false },
    };
    const token = nextToken();
    client.swap(shardKey(child), found?.token ?? null, { token, body: codec.encodeDescriptor(descriptor, clusterId) }, (end) => {
      this.#named(end === "lost" ? null : { descriptor, token });
    });
  }

  /** Of what nobody can read nobody knows whose it is: an operator has to remove it. */
  #epochOf({ body }: FoundDocument): number {
    try {
      return this.#tools.codec.decodeDescriptor(body, this.#tools.clusterId).epoch;
    } catch (error) {
      if (error instanceof MalformedBytes) return Infinity;
      throw error;
    }
  }

  /** Null: somebody else has written there. */
  #named(half: Half | null): void {
    if (half !== null) this.#halves.push(half);
    if (--this.#unnamed > 0) return;
    if (this.#halves.length < this.#children.length || this.shard.refusal !== null) return this.#keep();
    this.#status = "swapping";
    this.shard.close();
    this.custody.split(() => {
      this.#status = "over";
      this.#tools.split(this, this.#halves);
    });
  }

  #keep(): void {
    if (this.isDraining) {
      this.custody.isFixed = false;
      this.custody.isLeaving = false;
      if (this.shard.refusal === null) this.shard.unpause();
    }
    this.#status = "over";
    this.#tools.kept(this);
  }
}
