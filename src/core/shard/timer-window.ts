/**
 * The timers that come due next. All timers are in the store; here are those due before `horizonMs`, so that memory holds
 * a window and not all of them. When the window runs low it is read again from the store (`needsMore`).
 */
import { addressText, type EntityAddress } from "../entity/address.js";
import type { Due } from "../store/key-spaces/timer.js";
import { MomentHeap } from "../time/moment-heap.js";

export const TIMER_WINDOW_MAX = 4_096;

export class TimerWindow {
  readonly sizeMax: number;
  #heap = new MomentHeap<Due>();
  readonly #dueAtByKey = new Map<string, number>();
  #horizonMs = 0;
  /** Timers set beyond the horizon while it is being extended; null: it is not. */
  #meanwhile: Due[] | null = null;
  #shrinkAbove: number;

  constructor(sizeMax: number = TIMER_WINDOW_MAX) {
    this.sizeMax = sizeMax;
    this.#shrinkAbove = sizeMax;
  }

  get size(): number {
    return this.#dueAtByKey.size;
  }

  /** What it holds in memory, with what was replaced or cancelled and is not cleared away yet. */
  get entries(): number {
    return this.#heap.size;
  }

  /** All timers due before this moment are in the window. */
  get horizonMs(): number {
    return this.#horizonMs;
  }

  get firstMs(): number | null {
    return this.#heap.first;
  }

  get isLow(): boolean {
    return this.#horizonMs !== Infinity && this.#dueAtByKey.size < this.sizeMax / 4;
  }

  set(due: Due): void {
    const key = timerText(due.owner, due.name);
    if (due.dueAtMs >= this.#horizonMs) {
      this.#dueAtByKey.delete(key);
      this.#meanwhile?.push(due);
      return;
    }
    if (this.#dueAtByKey.get(key) === due.dueAtMs) return;
    this.#dueAtByKey.set(key, due.dueAtMs);
    this.#heap.push(due.dueAtMs, due);
    if (this.#dueAtByKey.size > this.#shrinkAbove) this.#shrink();
    else if (this.#heap.size > 2 * this.#dueAtByKey.size + this.sizeMax) this.#dropPassed();
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

  /** The store is being read from the horizon on, over several turns. */
  beginExtension(): void {
    this.#meanwhile = [];
  }

  /** What the store has shown: every timer that is due before `horizonMs`. */
  extend(horizonMs: number, dues: readonly Due[]): void {
    const meanwhile = this.#meanwhile ?? [];
    this.#meanwhile = null;
    this.#horizonMs = Math.max(this.#horizonMs, horizonMs);
    for (const due of dues) this.set(due);
    for (const due of meanwhile) this.set(due);
  }

  /** A timer that is set again and again leaves an entry in the heap each time: when they outweigh the others they go. */
  #dropPassed(): void {
    const kept = new MomentHeap<Due>();
    const keys = new Set<string>();
    for (let due = this.#heap.popDue(Infinity); due !== undefined; due = this.#heap.popDue(Infinity)) {
      const key = timerText(due.owner, due.name);
      if (this.#dueAtByKey.get(key) !== due.dueAtMs || keys.has(key)) continue;
      keys.add(key);
      kept.push(due.dueAtMs, due);
    }
    this.#heap = kept;
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
      if (count < this.sizeMax / 2 || due.dueAtMs === last) {
        kept.push(due.dueAtMs, due);
        last = due.dueAtMs;
        count++;
      } else {
        this.#dueAtByKey.delete(timerText(due.owner, due.name));
        this.#horizonMs = Math.min(this.#horizonMs, due.dueAtMs);
      }
    }
    this.#heap = kept;
    // Timers of one moment cannot be parted: with many of them the window stays above its size, and is left alone for a while.
    this.#shrinkAbove = Math.max(this.sizeMax, 2 * count);
  }
}

function timerText(owner: EntityAddress, name: string): string {
  return `${addressText(owner)}\u0000${name}`;
}
