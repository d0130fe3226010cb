/**
 * What time it is at AWS, learned from the Date header of its answers. Times that others act on, such as the expiry of
 * records, are computed from it: a machine with a wrong clock would write records that have expired already (RULES.md 14).
 */
import type { ClockPort } from "../ports/clock.js";

/** A machine whose clock is off by more than this is not fit to run a router. AWS itself refuses signatures beyond it. */
export const CLOCK_SKEW_MAX_MS = 5 * 60_000;

/** RFC 9110, 5.6.7. `Date.parse` alone makes a date of almost anything. */
const HTTP_DATE = /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/;

export class ServerTime {
  readonly #clock: ClockPort;
  #header = "";
  #serverMs: number | null = null;
  #observedAtMs = 0;
  #skewMs = 0;

  constructor(clock: ClockPort) {
    this.#clock = clock;
  }

  /** An answer has arrived just now with this Date header. Headers that are no date are passed over. */
  observe(header: string): void {
    // A second has one header: the first answer that carries it is the nearest to its beginning.
    if (header === this.#header) return;
    this.#header = header;
    const serverMs = HTTP_DATE.test(header) ? Date.parse(header) : Number.NaN;
    if (Number.isNaN(serverMs)) return;
    this.#serverMs = serverMs;
    this.#observedAtMs = this.#clock.monotonicMs();
    this.#skewMs = this.#clock.nowMs() - serverMs;
  }

  /** Milliseconds since 1970 at AWS, to about a second; null before the first answer. The machine's own clock has no part in it. */
  nowMs(): number | null {
    return this.#serverMs === null ? null : this.#serverMs + (this.#clock.monotonicMs() - this.#observedAtMs);
  }

  /** By how much this machine's clock was ahead at the latest answer; 0 before the first. */
  get skewMs(): number {
    return this.#skewMs;
  }
}
