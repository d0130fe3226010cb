import { setTimeout as delay } from "node:timers/promises";
import type { ClockPort } from "../../src/ports/clock.js";

/** The machine's own time, for tests that run on the real disk. Its timers keep no process alive. */
export const realClock: ClockPort = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  sleep: (ms, signal) => delay(ms, undefined, signal === undefined ? {} : { signal }).catch(() => undefined),
  after: (ms, wake) => {
    const timer = setTimeout(wake, ms);
    timer.unref();
    return () => clearTimeout(timer);
  },
};

export const randomU32 = (): number => Math.floor(Math.random() * 2 ** 32);
