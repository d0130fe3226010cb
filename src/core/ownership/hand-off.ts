/**
 * The planned hand-off of one shard, asked for by its next owner (RULES.md 8):
 *
 *   flushing ──written──> shown ──read ahead──> draining ──nothing runs, all durable──> swapping ──one CAS──> handed over
 *      └──────────────── the next owner is gone, or it takes too long ──────────────> kept
 *
 * It serves while it flushes, and while the next owner reads ahead what the flush has written. While it drains nothing new
 * begins: what arrives waits at the node, and goes on to the next owner. The descriptor alone says where our part of its log
 * ends. Once the swap is sent there is no way back.
 */
import type { LogWriter } from "../log/log-writer.js";
import type { LogId } from "../log/record.js";
import type { Shard } from "../shard/shard.js";
import { unreachable } from "../unreachable.js";
import type { Custody } from "./custody.js";

/** The snapshot store may be slow: then the shard stays where it is. */
const FLUSH_MS_MAX = 30_000;
/** A next owner that says nothing gets the shard all the same, and reads it while callers wait. */
const READ_AHEAD_MS_MAX = 1_000;
/** What runs longer is dropped, and runs again at the next owner: functions run at least once. */
const RUNNING_MS_MAX = 100;
/** Reads of the store that do not come back, or appends: the shard serves again. */
const DRAIN_MS_MAX = 2_000;

export interface HandOffTools {
  readonly log: LogWriter;
  isLiving(log: LogId): boolean;
  /** Shows the next owner what the shard is made of now, so that it reads ahead; false: it is of a version that does not. */
  show(handOff: HandOff): boolean;
  /** The shard is the next owner's: its descriptor says so. */
  handedOver(handOff: HandOff): void;
  /** It stays, and serves as before. */
  kept(handOff: HandOff): void;
}

export class HandOff {
  readonly shard: Shard;
  readonly custody: Custody;
  readonly to: LogId;
  readonly #tools: HandOffTools;
  #status: "flushing" | "shown" | "draining" | "swapping" = "flushing";
  #hasFlushed = false;
  readonly #beganAtMs: number;
  #shownAtMs = 0;
  /** Of the descriptor that was shown: what a merge has written since is shown anew. */
  #shownToken = "";
  #isAwaited = false;
  #drainingSinceMs = 0;
  #ownRangeFrom: number | null = null;

  constructor(shard: Shard, custody: Custody, to: LogId, tools: HandOffTools, tickMs: number) {
    this.shard = shard;
    this.custody = custody;
    this.to = to;
    this.#tools = tools;
    this.#beganAtMs = tickMs;
  }

  /** Nothing new is begun for the shard: whoever asks for it waits. */
  get isDraining(): boolean {
    return this.#status === "draining" || this.#status === "swapping";
  }

  /** The next owner has read ahead what it was shown. */
  awaited(): void {
    this.#isAwaited = true;
  }

  /** The first position of our log that the next owner still needs, if any. */
  get ownRangeFrom(): number | null {
    return this.#ownRangeFrom;
  }

  /** Once a turn. Upkeep goes on beside it, but begins no flush of this shard. */
  turn(tickMs: number): void {
    switch (this.#status) {
      case "flushing":
        return this.#flush(tickMs);
      case "shown":
        return this.#await(tickMs);
      case "draining":
        return this.#drain(tickMs);
      case "swapping":
        return;
      default:
        return unreachable(this.#status);
    }
  }

  wakeAtMs(tickMs: number): number {
    switch (this.#status) {
      case "flushing":
        return this.#beganAtMs + FLUSH_MS_MAX;
      case "shown":
        // Until it is idle only its store brings it on.
        return this.#isAwaited || tickMs >= this.#shownAtMs + READ_AHEAD_MS_MAX
          ? tickMs + DRAIN_LOOK_MS
          : this.#shownAtMs + READ_AHEAD_MS_MAX;
      case "draining":
        return tickMs + DRAIN_LOOK_MS;
      case "swapping":
        return Infinity;
      default:
        return unreachable(this.#status);
    }
  }

  #flush(tickMs: number): void {
    if (!this.#tools.isLiving(this.to) || tickMs - this.#beganAtMs >= FLUSH_MS_MAX) return this.#tools.kept(this);
    if (!this.custody.isIdle) return;
    if (!this.#hasFlushed && this.custody.isDirty) {
      this.#hasFlushed = true;
      return this.custody.flush(this.#tools.log.cut(tickMs));
    }
    this.#status = "shown";
    this.#shownAtMs = tickMs;
    this.custody.isLeaving = true;
    this.#await(tickMs);
  }

  #await(tickMs: number): void {
    const waitedMs = tickMs - this.#shownAtMs;
    if (!this.#tools.isLiving(this.to) || waitedMs > READ_AHEAD_MS_MAX + DRAIN_MS_MAX) {
      this.custody.isLeaving = false;
      return this.#tools.kept(this);
    }
    if (!this.custody.isIdle) return;
    if (this.#shownToken !== this.custody.token) {
      this.#shownToken = this.custody.token;
      this.#isAwaited = !this.#tools.show(this);
    }
    if (!this.#isAwaited && waitedMs < READ_AHEAD_MS_MAX) return;
    this.#status = "draining";
    this.#drainingSinceMs = tickMs;
    this.shard.pause();
    this.#drain(tickMs);
  }

  #drain(tickMs: number): void {
    const waitedMs = tickMs - this.#drainingSinceMs;
    if (waitedMs > DRAIN_MS_MAX || !this.#tools.isLiving(this.to)) {
      this.custody.isLeaving = false;
      this.shard.unpause();
      return this.#tools.kept(this);
    }
    if (this.shard.isReading || !this.custody.isIdle) return;
    if (this.shard.isRunning && waitedMs < RUNNING_MS_MAX) return;
    if (this.shard.lastPosition > this.#tools.log.durable) return;
    this.#status = "swapping";
    this.shard.close();
    this.#ownRangeFrom = this.custody.handOver(this.to, this.shard.lastPosition, () => this.#tools.handedOver(this));
  }
}

const DRAIN_LOOK_MS = 10;
