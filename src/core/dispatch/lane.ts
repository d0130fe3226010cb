/** A lane: offers that may share invocations, first come, first served, and how long they usually take. */
import type { Runnable } from "./dispatch.js";
import { type BestTime, UsualTime } from "./usual-time.js";

/**
 * `normal` and `slow`: by the usual time of the command's kind. `alone`: faulted before, each in an invocation of its
 * own. `suspect`: was in an invocation that broke, so that nobody knows who is at fault; bisected, one invocation at a time.
 */
export type LaneKind = "normal" | "slow" | "alone" | "suspect";

/** A command kind: (type, command name). */
export interface CommandKind {
  readonly best: BestTime;
  isSlow: boolean;
}

/** Where an offer is: waiting in its lane, decided (finished, failed or withdrawn), or in the attempt of that number. */
export const WAITING = 0;
export const DECIDED = -1;

/** One offer, from `offer` until it is finished, failed or withdrawn. It is the batch's member at the same time. */
export class Offer {
  readonly runnable: Runnable;
  /** Another one only where it waits while its canary ends. */
  lane: Lane;
  readonly kind: CommandKind;
  readonly offeredAtMs: number;
  attempt = WAITING;
  commandsMax = 0;
  next: Offer | null = null;
  previous: Offer | null = null;

  constructor(runnable: Runnable, lane: Lane, kind: CommandKind, offeredAtMs: number) {
    this.runnable = runnable;
    this.lane = lane;
    this.kind = kind;
    this.offeredAtMs = offeredAtMs;
  }
}

export class Lane {
  readonly kind: LaneKind;
  readonly isCanary: boolean;
  /** From an invocation's start to a member's result, per command of the member. */
  readonly usual = new UsualTime();
  /** What one more command adds to a batch. Learned fast: it is measured once a batch, and slow lanes have few. */
  readonly perCommand = new UsualTime(1 / 4);
  /** An invocation with one command. */
  readonly single = new UsualTime();
  /** Of the attempts that count: their number, and their weights (see `Endpoint`). */
  counted = 0;
  load = 0;
  /** Its place among its endpoint's lanes that have offers; -1: it has none. */
  readyIndex = -1;
  #head: Offer | null = null;
  #tail: Offer | null = null;
  #length = 0;

  constructor(kind: LaneKind, isCanary: boolean) {
    this.kind = kind;
    this.isCanary = isCanary;
  }

  get length(): number {
    return this.#length;
  }

  get head(): Offer | null {
    return this.#head;
  }

  push(offer: Offer): void {
    offer.previous = this.#tail;
    if (this.#tail === null) this.#head = offer;
    else this.#tail.next = offer;
    this.#tail = offer;
    this.#length++;
  }

  remove(offer: Offer): void {
    if (offer.previous === null) this.#head = offer.next;
    else offer.previous.next = offer.next;
    if (offer.next === null) this.#tail = offer.previous;
    else offer.next.previous = offer.previous;
    offer.next = null;
    offer.previous = null;
    this.#length--;
  }
}
