// Closed loop: every connection sends its next command when it has the answer to the last one.
// With `slow`, commands that take that long are added on connections and keys of their own, `share` of all commands, and
// only the others are counted: a slow command would otherwise hold its own client and the followers on its key back,
// whatever the router does. argv: the plan as JSON. Prints the result as JSON.
import { performance } from "node:perf_hooks";
import { Histogram } from "./histogram.mjs";
import { fail, HttpConnection, requestBytes, requestsByKey } from "./http-connection.mjs";

const {
  port,
  connections,
  durationMs,
  prefix,
  suffix,
  keys,
  firstKey = 0,
  body,
  order = "random",
  slow = null,
} = JSON.parse(process.argv[2]);
const SLOW_CONNECTIONS_MAX = 2000;
const SLOW_KEYS = 100_000;

const requestOf = requestsByKey(keys, (key) => requestBytes(port, `${prefix}k${firstKey + key}${suffix}`, body));
let nextKey = 0;
const nextRequest = () => requestOf(order === "random" ? Math.floor(Math.random() * keys) : nextKey++);

const latencies = new Histogram();
let errors = 0;
let firstError = null;
let owedSlow = 0;
let slowAnswered = 0;
const start = performance.now();

function answered(connection, status, text, sentAt) {
  const now = performance.now();
  latencies.record(now - sentAt);
  if (status >= 300) {
    errors++;
    firstError ??= `${status} ${text.slice(0, 300)}`;
  }
  if (slow !== null) oweSlow();
  if (now - start < durationMs && (order === "random" || nextKey < keys)) connection.send(nextRequest(), now);
  else if (--open === 0) report(now - start);
}

const idleSlow = [];
let slowConnections = 0;
let slowKey = 0;

function oweSlow() {
  owedSlow += slow.share / (1 - slow.share);
  if (owedSlow < 1) return;
  owedSlow--;
  let connection = idleSlow.pop();
  if (connection === undefined) {
    if (++slowConnections > SLOW_CONNECTIONS_MAX) fail(`more than ${SLOW_CONNECTIONS_MAX} slow commands wait`);
    connection = new HttpConnection(port, slowEnded);
  }
  connection.send(requestBytes(port, `${prefix}slow${slowKey++ % SLOW_KEYS}${suffix}`, slow.body));
}

function slowEnded(connection, status, text) {
  slowAnswered++;
  if (status >= 300) {
    errors++;
    firstError ??= `slow: ${status} ${text.slice(0, 300)}`;
  }
  idleSlow.push(connection);
}

function report(elapsedMs) {
  const result = { requests: latencies.count, durationMs: elapsedMs, errors, firstError, slowAnswered, ...latencies.summary() };
  console.log(JSON.stringify(result));
  process.exit(0);
}

let open = connections;
for (let n = 0; n < connections; n++) new HttpConnection(port, answered).send(nextRequest(), performance.now());
