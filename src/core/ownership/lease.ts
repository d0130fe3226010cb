/**
 * The read lease (RULES.md 4). It says for how long nobody else can have taken over: whoever wants to has to see this
 * incarnation's document stand still for `observeMs` first. So outputs that have no entry of their own may leave while it holds.
 */
import type { Moment } from "../time/moment.js";

/** Times in milliseconds. Null in place of it: a lock proves that nobody else runs, and there is nothing to wait for. */
export interface LeaseLimits {
  /** How often the own document is renewed. */
  readonly heartbeatEveryMs: number;
  /** How long a renewal holds, counted from when it was first sent. */
  readonly leaseMs: number;
  /** How long another's document must stand still before it is marked dead: twice the lease at least, as clocks may differ. */
  readonly observeMs: number;
}

export class Lease {
  readonly #limits: LeaseLimits | null;
  #sent: Moment | null = null;

  constructor(limits: LeaseLimits | null) {
    if (limits !== null && limits.observeMs < 2 * limits.leaseMs) {
      throw new RangeError(`observeMs must be at least twice leaseMs: ${limits.observeMs} and ${limits.leaseMs}`);
    }
    this.#limits = limits;
  }

  /** A renewal that was first sent at `sent` has happened. */
  renew(sent: Moment): void {
    this.#sent = sent;
  }

  /** On the clock that shows more: wall time goes on while the machine sleeps, monotonic time when the clock is set back. */
  holdsAt(now: Moment): boolean {
    if (this.#limits === null) return true;
    const ageMs = this.ageAt(now);
    return ageMs !== null && ageMs < this.#limits.leaseMs;
  }

  /** Since the last renewal was sent; null: there was none. */
  ageAt(now: Moment): number | null {
    const sent = this.#sent;
    return sent === null ? null : Math.max(now.monotonicMs - sent.monotonicMs, now.wallMs - sent.wallMs);
  }
}
