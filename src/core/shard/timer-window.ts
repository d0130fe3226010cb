/**
 * The timers that come due next. All timers are in the store; here are those due before `horizonMs`, so that memory holds
 * a window and not all of them. When the window runs low it is read again from the store (`needsMore`).
 */
import { addressText, type EntityAddress } from "../entity/address.js";
import type { Due } from "../store/key-spaces/timer.js";
import { MomentHeap } from "../time/moment-heap.js";

export const TIMER_WINDOW_MAX = 4_096;

export class TimerWindow {
  #heap = new MomentHeap<Due>();
  readonly #dueAtByKey = new Map<string, number>();
  #horizonMs = 0;

  get size(): number {
    return this.#dueAtByKey.size;
  }

  /** All timers due before this moment are in the window. */
  get horizonMs(): number {
    return this.#horizonMs;
  }

  get firstMs(): number | null {
    return this.#heap.first;
  }

  get isLow(): boolean {
    return this.#horizonMs !== Infinity && this.#dueAtByKey.size < TIMER_WINDOW_MAX / 4;
  }

  set(due: Due): void {
    const key = timerText(due.owner, due.name);
    if (due.dueAtMs >= this.#horizonMs) {
      this.#dueAtByKey.delete(key);
      return;
    }
    if (this.#dueAtByKey.get(key) === due.dueAtMs) return;
    this.#dueAtByKey.set(key, due.dueAtMs);
    this.#heap.push(due.dueAtMs, due);
    if (this.#dueAtByKey.size > TIMER_WINDOW_MAX) this.#shrink();
  }

  cancel(owner: EntityAddress, name: string): void {
    this.#dueAtByKey.delete(timerText(owner, name));
  }

  /** When the timer is due, if it is in the window. */
  dueAtMs(owner: EntityAddress, name: string): number | undefined {
    return this.#dueAtByKey.get(timerText(owner, name));
  }

  /** Takes a timer that is due and still stands. It is out of the window then, and no longer known here. */
  popDue(nowMs: number): Due | undefined {
    for (;;) {
      const due = this.#heap.popDue(nowMs);
      if (due === undefined) return undefined;
      const key = timerText(due.owner, due.name);
      if (this.#dueAtByKey.get(key) !== due.dueAtMs) continue; // cancelled or replaced
      this.#dueAtByKey.delete(key);
      return due;
    }
  }

  /** Everything due before `horizonMs` has been given to `set` after this call with the same horizon. */
  extend(horizonMs: number): void {
    this.#horizonMs = Math.max(this.#horizonMs, horizonMs);
  }

  /** Keeps the earlier half; the rest is read from the store again when its time comes near. */
  #shrink(): void {
    const kept = new MomentHeap<Due>();
    let count = 0;
    let last = 0;
    for (;;) {
      const due = this.#heap.popDue(Infinity);
      if (due === undefined) break;
      if (this.#dueAtByKey.get(timerText(due.owner, due.name)) !== due.dueAtMs) continue;
      if (count < TIMER_WINDOW_MAX / 2 || due.dueAtMs === last) {
        kept.push(due.dueAtMs, due);
        last = due.dueAtMs;
        count++;
      } else {
        this.#dueAtByKey.delete(timerText(due.owner, due.name));
        this.#horizonMs = Math.min(this.#horizonMs, due.dueAtMs);
      }
    }
    this.#heap = kept;
  }
}

function timerText(owner: EntityAddress, name: string): string {
  return `${addressText(owner)}\u0000${name}`;
}
