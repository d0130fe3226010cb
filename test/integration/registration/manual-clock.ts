/** A clock that stands until the test lets time pass. */
import type { ClockPort } from "../../../src/ports/clock.js";

interface Waiting {
  readonly atMs: number;
  readonly wake: () => void;
}

/** Turns of the event loop after which whatever a wake set off, over memory alone, has come to rest. */
const TURNS = 200;

export class ManualClock implements ClockPort {
  readonly #waiting = new Set<Waiting>();
  #nowMs = 1_000_000;

  /** How many wait for a moment to come. */
  get waiting(): number {
    return this.#waiting.size;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.after(ms, resolve);
      signal?.addEventListener("abort", () => {
        cancel();
        resolve();
      });
    });
  }

  after(ms: number, wake: () => void): () => void {
    const one = { atMs: this.#nowMs + ms, wake };
    this.#waiting.add(one);
    return () => void this.#waiting.delete(one);
  }

  /** Moves to the next moments one by one; what each sets off is done before the next. */
  async pass(ms: number): Promise<void> {
    const untilMs = this.#nowMs + ms;
    for (;;) {
      await this.settle();
      const next = Math.min(...[...this.#waiting].map(({ atMs }) => atMs));
      if (next > untilMs) break;
      this.#wake(next);
    }
    this.#nowMs = untilMs;
  }

  /** Moves on and wakes whoever is due, without waiting for what they do. */
  start(ms: number): void {
    this.#wake(this.#nowMs + ms);
  }

  async settle(): Promise<void> {
    for (let turn = 0; turn < TURNS; turn++) await new Promise((resolve) => setImmediate(resolve));
  }

  #wake(nowMs: number): void {
    this.#nowMs = Math.max(this.#nowMs, nowMs);
    for (const one of [...this.#waiting]) {
      if (one.atMs > this.#nowMs) continue;
      this.#waiting.delete(one);
      one.wake();
    }
  }
}
