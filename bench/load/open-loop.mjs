// Open loop: commands leave at a fixed rate whether or not earlier ones were answered, and a latency counts from the time
// at which its command was meant to leave. A router that stalls for a second shows a second for everything meant to be
// sent meanwhile; a closed loop would just have sent less. `lag` tells how late the generator itself was.
// argv: the plan as JSON. Prints the result as JSON.
import { performance } from "node:perf_hooks";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { Histogram } from "./histogram.mjs";
import { fail, HttpConnection, requestBytes, requestsByKey } from "./http-connection.mjs";

const TICKS_PER_SECOND_MAX = 2000;
const CONNECTIONS_MAX = 512;
const WAITING_MAX = 200_000;

if (isMainThread) generate(JSON.parse(process.argv[2]));
else tick(workerData.tickMs);

/** Timers of an event loop are good to a millisecond; a thread that does nothing but wait is far better. */
function tick(tickMs) {
  const nothing = new Int32Array(new SharedArrayBuffer(4));
  const start = performance.now();
  for (let n = 1; ; n++) {
    const ahead = start + n * tickMs - performance.now();
    if (ahead > 0) Atomics.wait(nothing, 0, 0, ahead);
    parentPort.postMessage(null);
  }
}

function generate({ port, rate, durationMs, warmupMs = 0, prefix, suffix, keys, body }) {
  const latencies = new Histogram();
  const lag = new Histogram();
  const requestOf = requestsByKey(keys, (key) => requestBytes(port, `${prefix}k${key}${suffix}`, body));
  const idle = [];
  const waiting = [];
  let waitingFrom = 0;
  let connections = 0;
  let answeredCount = 0;
  let errors = 0;
  let firstError = null;
  let issued = 0;
  let start = 0;
  const total = Math.round((rate * (warmupMs + durationMs)) / 1000);
  const firstCounted = Math.round((rate * warmupMs) / 1000);

  const answered = (connection, status, text, n) => {
    const now = performance.now();
    if (n >= firstCounted) latencies.record(now - intended(n));
    if (status >= 300) {
      errors++;
      firstError ??= `${status} ${text.slice(0, 300)}`;
    }
    if (++answeredCount === total) report(now);
    if (waitingFrom < waiting.length) send(connection, waiting[waitingFrom++]);
    else idle.push(connection);
  };
  const intended = (n) => start + (n * 1000) / rate;
  const send = (connection, n) => connection.send(requestOf(Math.floor(Math.random() * keys)), n);

  const issue = (n, now) => {
    if (n >= firstCounted) lag.record(now - intended(n));
    let connection = idle.pop();
    if (connection === undefined && connections < CONNECTIONS_MAX) {
      connections++;
      connection = new HttpConnection(port, answered);
    }
    if (connection !== undefined) return send(connection, n);
    if (waiting.length - waitingFrom > WAITING_MAX) fail(`overloaded: ${WAITING_MAX} commands wait at ${rate}/s`);
    waiting.push(n);
  };

  const report = (now) => {
    const rest = { requests: latencies.count, durationMs: now - intended(firstCounted), errors, firstError };
    console.log(
      JSON.stringify({ rate, ...rest, ...latencies.summary(), lagP99Ms: lag.percentile(0.99), lagMaxMs: lag.summary().maxMs }),
    );
    process.exit(0);
  };

  const tickMs = Math.max(1000 / TICKS_PER_SECOND_MAX, 1000 / rate);
  const clock = new Worker(new URL(import.meta.url), { workerData: { tickMs } });
  clock.on("message", () => {
    const now = performance.now();
    if (start === 0) start = now;
    while (issued < total && intended(issued) <= now) issue(issued++, now);
  });
}
