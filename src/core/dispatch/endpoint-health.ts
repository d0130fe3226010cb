/**
 * How much an endpoint can take, learned from how its invocations end.
 *
 *   open ──unavailable──> unreachable ──back-off over──> one probe ──reached──> open
 *     └──failures of different entities in a row──> sick ──back-off over──> one probe ──outcome──> open
 *
 * The limit falls by half at each such turn and grows by one per limit's worth of healthy completions (AIMD), a small one
 * more slowly: where there is one place, every second attempt at two would be turned away.
 * Nothing here ever counts against a command.
 */
import type { DispatchTuning } from "./tuning.js";

export type Mode = "open" | "probe" | "closed";

export class EndpointHealth {
  readonly #tuning: DispatchTuning;
  #limitMax: number;
  #limit: number;
  /** 0: open. */
  #backoffMs = 0;
  #untilMs = 0;
  #isSick = false;
  /** Entities of failures in a row, one for each failure. */
  readonly #failedKeys = new Set<string>();
  #generation = 0;
  /** What came back last from an endpoint that is unreachable or sick. */
  #message = "";

  constructor(tuning: DispatchTuning, limitMax: number) {
    this.#tuning = tuning;
    this.#limitMax = Math.max(1, limitMax);
    this.#limit = this.#limitMax;
  }

  /** Bad news of attempts that started before the last turn is old news: it must not turn the limit down again. */
  get generation(): number {
    return this.#generation;
  }

  get limit(): number {
    return Math.floor(this.#limit);
  }

  /** When the next probe may start; null while open. */
  get backoffUntilMs(): number | null {
    return this.#backoffMs === 0 ? null : this.#untilMs;
  }

  /** What is wrong with it; null while open. */
  get outage(): string | null {
    return this.#backoffMs === 0 ? null : this.#message;
  }

  setLimitMax(limitMax: number): void {
    const wasFull = this.#limit === this.#limitMax;
    this.#limitMax = Math.max(1, limitMax);
    this.#limit = wasFull ? this.#limitMax : Math.min(this.#limit, this.#limitMax);
  }

  mode(nowMs: number): Mode {
    if (this.#backoffMs === 0) return "open";
    return nowMs >= this.#untilMs ? "probe" : "closed";
  }

  /** A probe started. Should it hang, the next one starts a back-off later all the same. */
  probed(nowMs: number): void {
    this.#untilMs = nowMs + Math.max(this.#backoffMs, PROBE_SPACING_MS);
  }

  /** The probe had nothing to run after all: another one may go at once. */
  probeNotSent(nowMs: number): void {
    if (this.#backoffMs !== 0) this.#untilMs = nowMs;
  }

  /** A first result came. Whatever else it is, the endpoint is not sick. */
  outcome(isProbe: boolean): void {
    if (this.#failedKeys.size > 0) this.#failedKeys.clear();
    if (this.#backoffMs !== 0 && (isProbe || this.#isSick)) this.#open();
  }

  /** An invocation went well, and `isLimitInUse` says whether a higher limit would have been used. */
  completed(isLimitInUse: boolean): void {
    if (!isLimitInUse || this.#limit >= this.#limitMax) return;
    const completions = Math.max(this.#limit, this.#tuning.growthCompletionsMin);
    this.#limit = Math.min(this.#limitMax, this.#limit + 1 / completions);
  }

  unavailable(nowMs: number, generation: number, retryAfterMs: number | null, message: string): void {
    this.#message = message;
    if (generation === this.#generation) this.#slowDown(nowMs);
    if (retryAfterMs !== null && this.#backoffMs !== 0) {
      this.#untilMs = Math.max(this.#untilMs, nowMs + Math.min(retryAfterMs, this.#tuning.retryAfterMaxMs));
    }
  }

  /** An invocation was reached and ended without any outcome; `key` is its first entity. Gives whether the endpoint is sick. */
  failed(nowMs: number, generation: number, isProbe: boolean, key: string, message: string): boolean {
    this.#message = message;
    if (this.#isSick) {
      if (isProbe && generation === this.#generation) this.#slowDown(nowMs);
      return true;
    }
    if (this.#backoffMs !== 0 && isProbe) this.#open();
    this.#failedKeys.add(key);
    if (this.#failedKeys.size < this.#tuning.sickAfter) return false;
    this.#isSick = true;
    this.#slowDown(nowMs);
    return true;
  }

  #open(): void {
    this.#backoffMs = 0;
    this.#isSick = false;
    this.#generation++;
  }

  #slowDown(nowMs: number): void {
    this.#generation++;
    this.#limit = Math.max(1, this.#limit / 2);
    const { backoffMinMs, backoffMaxMs } = this.#tuning;
    this.#backoffMs = Math.min(backoffMaxMs, Math.max(backoffMinMs, this.#backoffMs * 2));
    this.#untilMs = nowMs + this.#backoffMs;
  }
}

/** A probe that hangs holds up everybody; after this time the next one may start beside it. */
const PROBE_SPACING_MS = 1_000;
