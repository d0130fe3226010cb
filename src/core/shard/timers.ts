/**
 * Timers: what is due becomes a message, in one entry. Whether a timer stands is decided in that same step against the
 * state that the entry is applied to, so a cancel is exact (RULES.md 9h).
 */

import { isSameAddress } from "../entity/address.js";
import type { Message } from "../entity/command.js";
import { rangeEnd, TIMER_DUE_SPACE } from "../store/key-spaces/key-space.js";
import { OUTBOX_MAX } from "../store/key-spaces/outbox.js";
import { type Due, decodeTimer, decodeTimerDueKey, timerDueFrom, timerKey } from "../store/key-spaces/timer.js";
import { MomentHeap } from "../time/moment-heap.js";
import type { Messages } from "./messages.js";
import type { ShardContext } from "./shard-context.js";
import type { StoreReads } from "./store-reads.js";

/** Timers that come due in one turn, at most. */
const DUE_MAX = 500;
const POSTPONED_MS = 50;
const WINDOW_BYTES = 8 << 20;
const SPACE = new Uint8Array([TIMER_DUE_SPACE]);

export class Timers {
  readonly #context: ShardContext;
  readonly #reads: StoreReads;
  readonly #messages: Messages;
  #isReading = false;
  #hasMoreDue = false;
  /** Due, of entities that have no room for what they send themselves: as long as it is a timer it can be cancelled. */
  readonly #postponed = new MomentHeap<Due>();

  constructor(context: ShardContext, reads: StoreReads, messages: Messages) {
    this.#context = context;
    this.#reads = reads;
    this.#messages = messages;
  }

  /** Reads the head of the index into the window. At opening, and when the window runs low. */
  readWindow(then: () => void): void {
    if (this.#isReading) return;
    this.#isReading = true;
    const window = this.#context.state.timers;
    window.beginExtension();
    const limit = Math.max(2, window.sizeMax >> 1);
    const dues: Due[] = [];
    const goOn = (from: Uint8Array): void =>
      this.#reads.scan({ from, to: rangeEnd(SPACE), limit, bytesMax: WINDOW_BYTES }, (items, next) => {
        for (const { key } of items) dues.push(decodeTimerDueKey(key));
        const horizonMs = next === null ? Infinity : (dues.at(-1)?.dueAtMs ?? 0);
        // Timers of one moment are read to the last: only what is due before the horizon is known to be complete.
        if (next !== null && (dues.length < limit || horizonMs === dues[0]?.dueAtMs)) return goOn(next);
        this.#isReading = false;
        window.extend(horizonMs, dues);
        then();
      });
    goOn(timerDueFrom(window.horizonMs));
  }

  /** Fires what is due. Once a turn. */
  wake(): void {
    const { state, nowMs } = this.#context;
    this.#hasMoreDue = false;
    for (let count = 0; state.outbox.size < OUTBOX_MAX; count++) {
      if (count === DUE_MAX) {
        this.#hasMoreDue = true;
        break;
      }
      const due = state.timers.popDue(nowMs);
      if (due === undefined) break;
      this.#read(due);
    }
    const { tickMs } = this.#context.host;
    for (let due = this.#postponed.popDue(tickMs); due !== undefined; due = this.#postponed.popDue(tickMs)) this.#read(due);
    if (state.timers.isLow) this.readWindow(() => this.wake());
  }

  /** Wall time at which the next timer is due. */
  get wakeAtMs(): number | null {
    return this.#hasMoreDue ? 0 : this.#context.state.timers.firstMs;
  }

  /** Monotonic moment at which a postponed timer is looked at again. */
  get retryAtMs(): number | null {
    return this.#postponed.first;
  }

  #read(due: Due): void {
    const prefix = this.#context.state.prefixOf(due.owner);
    this.#reads.get(timerKey(prefix, due.name), (value) => this.#fire(due, value));
  }

  #fire(due: Due, value: Uint8Array | null): void {
    const timer = value === null ? null : decodeTimer(value);
    if (timer === null || timer.dueAtMs !== due.dueAtMs) {
      this.#context.commit({ kind: "due", ...due, born: null });
      return;
    }
    const { shard, state, host } = this.#context;
    if (isSameAddress(timer.owner, timer.to) && this.#context.slotOf(timer.to)?.isFull === true) {
      this.#postponed.push(host.tickMs + POSTPONED_MS, due);
      return;
    }
    const targetShard = host.shardOf(timer.to);
    const message: Message = {
      sourceShard: shard,
      targetShard,
      number: state.nextNumber(targetShard),
      to: timer.to,
      command: timer.command,
      timer: timer.name,
    };
    this.#context.commit({ kind: "due", ...due, born: message });
    this.#messages.born([message]);
  }
}
