/**
 * The timers that come due next. All timers are in the store; here are those due before `horizonMs`, so that memory holds
 * a window and not all of them. When the window runs low it is extended from the store.
 *
 * What the store's index shows is a candidate only: an entry whose timer was set again meanwhile is stale, and the same name
 * may stand there several times. What is taken out is therefore looked up before it fires. What an entry of this
 * incarnation says (`set`) is certain.
 */
import { addressText, type EntityAddress } from "../entity/address.js";
import type { Due } from "../store/key-spaces/timer.js";
import { MomentHeap } from "../time/moment-heap.js";

export const TIMER_WINDOW_MAX = 4_096;

interface Candidates {
  duesMs: number[];
  isCertain: boolean;
}

export class TimerWindow {
  readonly sizeMax: number;
  #heap = new MomentHeap<Due>();
  readonly #candidatesByKey = new Map<string, Candidates>();
  #size = 0;
  #horizonMs = 0;
  /** Timers set beyond the horizon while it is being extended; null: it is not. */
  #meanwhile: Due[] | null = null;
  #hasShrunk = false;
  #shrinkAbove: number;

  constructor(sizeMax: number = TIMER_WINDOW_MAX) {
    this.sizeMax = sizeMax;
    this.#shrinkAbove = sizeMax;
  }

  get size(): number {
    return this.#size;
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
    return this.#horizonMs !== Infinity && this.#size < this.sizeMax / 4;
  }

  /** A timer was set; one of the same name is set no more. */
  set(due: Due): void {
    const key = timerText(due.owner, due.name);
    const known = this.#candidatesByKey.get(key);
    if (known?.isCertain === true && known.duesMs[0] === due.dueAtMs && due.dueAtMs < this.#horizonMs) return;
    this.#forget(key);
    this.#add(key, due, true);
  }

  cancel(owner: EntityAddress, name: string): void {
    this.#forget(timerText(owner, name));
  }

  /** When the timer is due, as far as the window knows. */
  dueAtMs(owner: EntityAddress, name: string): number | undefined {
    return this.#candidatesByKey.get(timerText(owner, name))?.duesMs[0];
  }

  /** Takes what may be due. It is out of the window then, and no longer known here. */
  popDue(nowMs: number): Due | undefined {
    for (;;) {
      const due = this.#heap.popDue(nowMs);
      if (due === undefined || this.#take(due)) return due;
    }
  }

  /** The store is being read from the horizon on, over several turns. */
  beginExtension(): void {
    this.#meanwhile = [];
    this.#hasShrunk = false;
  }

  /** What the store has shown: every timer that is due before `horizonMs`. */
  extend(horizonMs: number, dues: readonly Due[]): void {
    const meanwhile = this.#meanwhile ?? [];
    this.#meanwhile = null;
    // Shrunk while it was read: between here and where the reading began timers are missing, so that it shows too little.
    if (!this.#hasShrunk) this.#horizonMs = Math.max(this.#horizonMs, horizonMs);
    for (const due of dues) this.#add(timerText(due.owner, due.name), due, false);
    for (const due of meanwhile) this.#add(timerText(due.owner, due.name), due, false);
  }

  #add(key: string, due: Due, isCertain: boolean): void {
    if (due.dueAtMs >= this.#horizonMs) {
      this.#meanwhile?.push(due);
      return;
    }
    const known = this.#candidatesByKey.get(key);
    if (known === undefined) this.#candidatesByKey.set(key, { duesMs: [due.dueAtMs], isCertain });
    else if (known.isCertain || known.duesMs.includes(due.dueAtMs)) return;
    else known.duesMs.push(due.dueAtMs);
    this.#size++;
    this.#heap.push(due.dueAtMs, due);
    if (this.#size > this.#shrinkAbove) this.#shrink();
    else if (this.#heap.size > 2 * this.#size + this.sizeMax) this.#dropPassed();
  }

  /** False where it stands here no more: set again, cancelled, or taken before. */
  #take(due: Due): boolean {
    const key = timerText(due.owner, due.name);
    const known = this.#candidatesByKey.get(key);
    const at = known?.duesMs.indexOf(due.dueAtMs) ?? -1;
    if (known === undefined || at < 0) return false;
    known.duesMs.splice(at, 1);
    this.#size--;
    if (known.duesMs.length === 0) this.#candidatesByKey.delete(key);
    return true;
  }

  #forget(key: string): void {
    this.#size -= this.#candidatesByKey.get(key)?.duesMs.length ?? 0;
    this.#candidatesByKey.delete(key);
  }

  /** A timer that is set again and again leaves an entry in the heap each time: when they outweigh the others they go. */
  #dropPassed(): void {
    const kept = new MomentHeap<Due>();
    const texts = new Set<string>();
    for (let due = this.#heap.popDue(Infinity); due !== undefined; due = this.#heap.popDue(Infinity)) {
      const text = `${due.dueAtMs} ${timerText(due.owner, due.name)}`;
      if (!this.#holds(due) || texts.has(text)) continue;
      texts.add(text);
      kept.push(due.dueAtMs, due);
    }
    this.#heap = kept;
  }

  #holds(due: Due): boolean {
    return this.#candidatesByKey.get(timerText(due.owner, due.name))?.duesMs.includes(due.dueAtMs) === true;
  }

  /** Keeps the earlier half; the rest is read from the store again when its time comes near. */
  #shrink(): void {
    this.#hasShrunk = true;
    const kept = new MomentHeap<Due>();
    let count = 0;
    let last = 0;
    for (let due = this.#heap.popDue(Infinity); due !== undefined; due = this.#heap.popDue(Infinity)) {
      if (!this.#holds(due)) continue;
      if (count < this.sizeMax / 2 || due.dueAtMs === last) {
        kept.push(due.dueAtMs, due);
        last = due.dueAtMs;
        count++;
      } else {
        this.#take(due);
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
