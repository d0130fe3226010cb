/** The process's own time and chance. */
import { randomBytes } from "node:crypto";
import { performance } from "node:perf_hooks";
import type { ClockPort, EntropyPort } from "../ports/clock.js";

export const systemClock: ClockPort = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  sleep: (ms, signal) =>
    new Promise((resolve) => {
      if (signal?.aborted === true) return resolve();
      const timer = setTimeout(done, ms);
      signal?.addEventListener("abort", done, { once: true });
      function done(): void {
        clearTimeout(timer);
        signal?.removeEventListener("abort", done);
        resolve();
      }
    }),
  after: (ms, wake) => {
    const timer = setTimeout(wake, ms);
    return () => clearTimeout(timer);
  },
};

export const systemEntropy: EntropyPort = {
  bytes: (length) => new Uint8Array(randomBytes(length)),
};
