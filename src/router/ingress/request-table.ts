/**
 * The open requests: which listener waits under which number. Slots are used again, so that a request costs no Map entry;
 * a number carries its slot and how often that slot was used, so that a late answer never meets a stranger.
 */
import type { Answer, FeedEnd } from "../../core/answer.js";
import type { HistoryEvent } from "../../core/entity/invocation.js";
import type { RequestListener } from "./core-link.js";

/** 2^20 requests at a time are more than the ingress admits; the use count has the other 33 bits of a safe integer. */
const SLOTS_MAX = 1 << 20;

interface Slot {
  request: number;
  listener: RequestListener | null;
  isFollowed: boolean;
  /** Wall time after which nobody should wait any longer. */
  deadlineMs: number;
}

export class RequestTable {
  readonly #slots: Slot[] = [];
  readonly #free: number[] = [];

  /** How many requests wait. */
  get size(): number {
    return this.#slots.length - this.#free.length;
  }

  open(listener: RequestListener, isFollowed: boolean): number {
    const index = this.#free.pop() ?? this.#slots.length;
    const slot = this.#slots[index];
    if (slot === undefined) {
      if (index >= SLOTS_MAX) throw new RangeError("more open requests than the table has numbers for");
      this.#slots.push({ request: index, listener, isFollowed, deadlineMs: Infinity });
      return index;
    }
    slot.request += SLOTS_MAX;
    slot.listener = listener;
    slot.isFollowed = isFollowed;
    slot.deadlineMs = Infinity;
    return slot.request;
  }

  /** From `deadlineMs` (wall time) on `overdue` names the request, if it is still open. */
  expectBy(request: number, deadlineMs: number): void {
    const slot = this.#slotOf(request);
    if (slot !== null) slot.deadlineMs = deadlineMs;
  }

  /** Open requests whose deadline is over. */
  overdue(nowMs: number): number[] {
    const overdue: number[] = [];
    for (const slot of this.#slots) if (slot.listener !== null && slot.deadlineMs <= nowMs) overdue.push(slot.request);
    return overdue;
  }

  /** Whether somebody waited. */
  answer(request: number, answer: Answer): boolean {
    const slot = this.#slotOf(request);
    const listener = slot?.listener;
    if (slot === null || listener == null) return false;
    if (!slot.isFollowed || answer.kind === "problem") this.#release(slot);
    listener.answered(answer);
    return true;
  }

  feed(request: number, events: readonly HistoryEvent[], ended: FeedEnd | null): boolean {
    const slot = this.#slotOf(request);
    const listener = slot?.listener;
    if (slot === null || listener == null) return false;
    if (ended !== null) this.#release(slot);
    listener.fed(events, ended);
    return true;
  }

  /** Forgets the listener; whether there was one. */
  leave(request: number): boolean {
    const slot = this.#slotOf(request);
    if (slot === null) return false;
    this.#release(slot);
    return true;
  }

  /** Gives everybody who waits the same answer. */
  answerAll(answer: Answer): void {
    for (const slot of [...this.#slots]) if (slot.listener !== null) this.answer(slot.request, answer);
  }

  #slotOf(request: number): Slot | null {
    const slot = this.#slots[request % SLOTS_MAX];
    return slot !== undefined && slot.request === request && slot.listener !== null ? slot : null;
  }

  #release(slot: Slot): void {
    slot.listener = null;
    this.#free.push(slot.request % SLOTS_MAX);
  }
}
