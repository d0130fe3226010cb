/**
 * A feed shows nothing when the lease of its router is over (RULES.md 4): the last of its heartbeats that came to stand was
 * first sent so long ago, by the router's own clocks, that others may have taken its shards over. What clients see cannot tell: a
 * feed behind its lease shows a beginning of what is, as a slow one does.
 */
import type { LeaseLimits } from "../../../src/core/ownership/lease.js";
import type { Moment } from "../../../src/core/time/moment.js";

export class HeartbeatWatch {
  readonly #limits: LeaseLimits | null;
  readonly #hasStood: (token: string) => boolean;
  /** Newest last. */
  #sent: { readonly token: string; readonly at: Moment }[] = [];

  /** `hasStood`: whether the document of that token ever stood in the directory. */
  constructor(limits: LeaseLimits | null, hasStood: (token: string) => boolean) {
    this.#limits = limits;
    this.#hasStood = hasStood;
  }

  /** A version of the own document goes out, perhaps not for the first time. */
  sent(token: string, at: Moment): void {
    if (!this.#sent.some((one) => one.token === token)) this.#sent.push({ token, at });
  }

  /** For how long the lease has been over; null: it holds, or there is none. */
  overdueMs(now: Moment): number | null {
    if (this.#limits === null) return null;
    const at = this.#sent.findLastIndex(({ token }) => this.#hasStood(token));
    if (at > 0) this.#sent = this.#sent.slice(at);
    const last = at < 0 ? undefined : this.#sent[0];
    if (last === undefined) return Infinity;
    const ageMs = Math.max(now.monotonicMs - last.at.monotonicMs, now.wallMs - last.at.wallMs);
    return ageMs < this.#limits.leaseMs ? null : ageMs - this.#limits.leaseMs;
  }
}
