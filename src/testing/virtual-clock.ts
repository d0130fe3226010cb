/** Time that passes only when a test says so. */
import type { ClockPort } from "../ports/clock.js";

interface Alarm {
  readonly dueMs: number;
  readonly wake: () => void;
}

export class VirtualClock implements ClockPort {
  readonly #startMs: number;
  readonly #alarms = new Set<Alarm>();
  #nowMs: number;

  constructor(startMs: number) {
    this.#startMs = startMs;
    this.#nowMs = startMs;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  monotonicMs(): number {
    return this.#nowMs - this.#startMs;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.after(ms, () => {
        signal?.removeEventListener("abort", abort);
        resolve();
      });
      const abort = (): void => {
        cancel();
        resolve();
      };
      if (signal?.aborted === true) abort();
      else signal?.addEventListener("abort", abort, { once: true });
    });
  }

  after(ms: number, wake: () => void): () => void {
    const alarm = { dueMs: this.#nowMs + Math.max(0, ms), wake };
    this.#alarms.add(alarm);
    return () => void this.#alarms.delete(alarm);
  }

  /** When the next alarm is due; Infinity: none is set. */
  nextDueMs(): number {
    let next = Infinity;
    for (const { dueMs } of this.#alarms) next = Math.min(next, dueMs);
    return next;
  }

  /** Alarms that are due by then ring, in their order; never goes back. */
  advanceTo(ms: number): void {
    this.#nowMs = Math.max(this.#nowMs, ms);
    const due = [...this.#alarms].filter((alarm) => alarm.dueMs <= this.#nowMs).sort((left, right) => left.dueMs - right.dueMs);
    for (const alarm of due) if (this.#alarms.delete(alarm)) alarm.wake();
  }
}
