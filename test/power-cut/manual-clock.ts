import type { ClockPort } from "../../src/ports/clock.js";

/** Time that stands still until a case lets every timer fire. */
export class ManualClock implements ClockPort {
  #nowMs = 0;
  #wakes = new Set<() => void>();

  nowMs(): number {
    return this.#nowMs;
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  async sleep(): Promise<void> {
    await new Promise<void>((resolve) => this.#wakes.add(resolve));
  }

  after(_ms: number, wake: () => void): () => void {
    const entry = () => wake();
    this.#wakes.add(entry);
    return () => this.#wakes.delete(entry);
  }

  fireAll(): void {
    const due = this.#wakes;
    this.#wakes = new Set();
    for (const wake of due) wake();
  }
}
