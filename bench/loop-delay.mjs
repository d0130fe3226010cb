// Preloaded into the router (`node --import`): measures from inside, without the router's help, how late its event loop
// is. SIGUSR2 begins a window; the next one writes {p99Ms, maxMs, samples} of it to $BENCH_LOOP_DELAY_FILE.
import { writeFileSync } from "node:fs";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { isMainThread } from "node:worker_threads";

const RESOLUTION_MS = 1;

if (isMainThread) {
  const delays = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  let isMeasuring = false;
  process.on("SIGUSR2", () => {
    if (isMeasuring) {
      delays.disable();
      const lateMs = (nanoseconds) => Math.max(0, nanoseconds / 1e6 - RESOLUTION_MS);
      const result = { p99Ms: lateMs(delays.percentile(99)), maxMs: lateMs(delays.max), samples: delays.count };
      writeFileSync(process.env.BENCH_LOOP_DELAY_FILE, JSON.stringify(result));
    } else {
      delays.reset();
      delays.enable();
    }
    isMeasuring = !isMeasuring;
  });
}
