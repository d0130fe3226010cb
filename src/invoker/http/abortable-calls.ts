/**
 * Which calls end when a signal aborts. Calls often share one signal for their whole time; a listener each would make every
 * end of a call search through all the others.
 */
export class AbortableCalls {
  readonly #callsBySignal = new WeakMap<AbortSignal, Set<() => void>>();

  /** Calls `stop` once when `signal` aborts, unless it is removed before. */
  add(signal: AbortSignal, stop: () => void): void {
    let calls = this.#callsBySignal.get(signal);
    if (calls === undefined) {
      calls = new Set();
      this.#callsBySignal.set(signal, calls);
      const all = calls;
      signal.addEventListener("abort", () => stopAll(all), { once: true });
    }
    calls.add(stop);
  }

  remove(signal: AbortSignal, stop: () => void): void {
    this.#callsBySignal.get(signal)?.delete(stop);
  }
}

function stopAll(calls: Set<() => void>): void {
  for (const stop of [...calls]) stop();
  calls.clear();
}
