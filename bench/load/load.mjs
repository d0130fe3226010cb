// Runs a load generator in a process of its own against a running target, and checks that it saw no error.
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { cpuMs, runProcess } from "../processes.mjs";

const here = (file) => fileURLToPath(new URL(file, import.meta.url));
const ADD_ONE = '{"by":1}';

export const hasWrk = spawnSync("wrk", ["--version"]).error === undefined;

/** One closed-loop run: `{requests, durationMs, errors, p50Ms, p99Ms, p999Ms, maxMs, perSecond, cpuMicros}`. */
export function closedLoop(running, { connections, keys, durationMs, generator = hasWrk ? "wrk" : "own", ...more }) {
  const plan = {
    port: running.port,
    prefix: running.prefix,
    suffix: running.suffix,
    body: ADD_ONE,
    connections,
    keys,
    durationMs,
    ...more,
  };
  return measured(running, () => (generator === "wrk" ? runWrk(plan) : runOwn("closed-loop.mjs", plan)));
}

/** One open-loop run: as above, and how late the generator was, `lagP99Ms` and `lagMaxMs`. */
export function openLoop(running, { rate, keys, durationMs, warmupMs, ...more }) {
  const plan = {
    port: running.port,
    prefix: running.prefix,
    suffix: running.suffix,
    body: ADD_ONE,
    rate,
    keys,
    durationMs,
    warmupMs,
    ...more,
  };
  return measured(running, () => runOwn("open-loop.mjs", plan));
}

async function measured(running, run) {
  const before = cpuMs(running.routerPid);
  const result = await run();
  const after = cpuMs(running.routerPid);
  if (result.errors > 0)
    throw new Error(`${result.errors} of ${result.requests} commands failed; the first: ${result.firstError ?? "unknown"}`);
  const perSecond = (result.requests * 1000) / result.durationMs;
  return {
    ...result,
    perSecond,
    cpuMicros: before === null || after === null ? null : ((after - before) * 1000) / result.requests,
  };
}

async function runOwn(file, plan) {
  return JSON.parse(await runProcess(process.execPath, [here(file), JSON.stringify(plan)]));
}

async function runWrk({ port, connections, durationMs, prefix, suffix, keys, body }) {
  const seconds = Math.max(1, Math.round(durationMs / 1000));
  const args = [
    "-t1",
    `-c${connections}`,
    `-d${seconds}s`,
    "--timeout",
    "10s",
    "-s",
    here("wrk.lua"),
    `http://127.0.0.1:${port}`,
  ];
  const env = { BENCH_PREFIX: prefix, BENCH_SUFFIX: suffix, BENCH_KEYS: String(keys), BENCH_BODY: body };
  const text = await runProcess("wrk", args, { env });
  const line = /^result (.*)$/m.exec(text);
  if (line === null) throw new Error(`wrk printed no result:\n${text}`);
  return JSON.parse(line[1]);
}
