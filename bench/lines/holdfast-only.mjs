// Lines that only Holdfast runs, each with a condition of its own. `run` answers rows {title, shown, wanted, isMet}.
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { closedLoop, openLoop } from "../load/load.mjs";
import { residentBytes, sleep } from "../processes.mjs";
import { metricsText, startHoldfast } from "../targets/holdfast.mjs";

const KEYS = 10_000;
const STATE_PAD = 178; // with {"count":0,"pad":""} around it: 200 bytes
const CACHE_MEGABYTES_A_MILLION = 256;
const CACHE_MEGABYTES_MIN = 16;
const REWRITING_WINDOWS_MAX = 10;
const GIGABYTE = 1024 ** 3;

/** Fewer entities get as much less cache, so that a small run flushes, compacts and misses as the full one does. */
const cacheMegabytes = (entities) => Math.max(CACHE_MEGABYTES_MIN, Math.round((CACHE_MEGABYTES_A_MILLION * entities) / 1e6));

const row = (title, shown, wanted, isMet) => ({ title, shown, wanted, isMet });
const seconds = (ms) => `${(ms / 1000).toFixed(2)} s`;
const millis = (ms) => `${ms.toFixed(2)} ms`;

/** The same 64 clients with and without slow commands beside them, in turns. */
async function runStragglers(folder, { durationMs, rounds }) {
  const running = await startHoldfast(folder);
  try {
    const load = { connections: 64, keys: KEYS, durationMs, generator: "own" };
    const slow = { share: 0.01, body: '{"by":1,"ms":1000}' };
    await closedLoop(running, load);
    const ratios = [];
    let slowAnswered = 0;
    for (let round = 0; round < rounds; round++) {
      const without = await closedLoop(running, load);
      const beside = await closedLoop(running, { ...load, slow });
      slowAnswered += beside.slowAnswered;
      ratios.push(beside.perSecond / without.perSecond);
      await sleep(1500); // the slow commands still under way end before the next turn
    }
    if (slowAnswered === 0) throw new Error("no slow command was answered, so nothing was measured");
    const ratio = ratios.sort((left, right) => left - right)[ratios.length >> 1];
    return [row("1 % take 1 s: what the rest keep", ratio.toFixed(2), "≥ 0.80", ratio >= 0.8)];
  } finally {
    await running.stop();
  }
}

async function fill(running, entities) {
  return closedLoop(running, {
    connections: 256,
    keys: entities,
    durationMs: 600_000,
    order: "ascending",
    suffix: "/fill",
    body: JSON.stringify({ bytes: STATE_PAD }),
    generator: "own",
  });
}

const delayFile = (folder) => join(folder, "loop-delay.json");

/** Runs `measure` while the router's loop delay is watched from inside. */
async function withLoopDelay(running, folder, measure) {
  rmSync(delayFile(folder), { force: true });
  process.kill(running.routerPid, "SIGUSR2");
  const result = await measure();
  process.kill(running.routerPid, "SIGUSR2");
  for (let attempt = 0; attempt < 200; attempt++) {
    await sleep(10);
    try {
      return { ...result, loopDelay: JSON.parse(readFileSync(delayFile(folder), "utf8")) };
    } catch (error) {
      if (error.code !== "ENOENT" && !(error instanceof SyntaxError)) throw error;
    }
  }
  throw new Error("the router did not write its loop delay");
}

/** How many compactions have ended, by the router's own count; null where it shows no such counter. */
async function compactionsEnded(running) {
  const line = /^holdfast_store_total\{what="compactions"\} (\d+)/m.exec(await metricsText(running));
  return line === null ? null : Number(line[1]);
}

/** The open loop beside states being written again, four times as fast and all over the entities. */
async function measureRewriting(running, folder, { durationMs, entities, rate }) {
  const before = await compactionsEnded(running);
  const load = { durationMs: durationMs * 4 };
  const body = JSON.stringify({ bytes: STATE_PAD + 1 });
  const measured = await withLoopDelay(running, folder, async () => {
    const rewriting = openLoop(running, { ...load, rate: rate * 4, keys: entities, suffix: "/fill", body });
    const [result] = await Promise.all([openLoop(running, { ...load, rate, keys: KEYS }), rewriting]);
    return result;
  });
  const after = await compactionsEnded(running);
  if (before === null || after === null) throw new Error("the router shows no counter of compactions, so none is proven");
  return { ...measured, compactions: after - before };
}

/** The same open-loop rate on a quiet router, and in the first window of rewriting in which compactions end. */
async function runCompaction(folder, { durationMs, entities }) {
  const running = await startHoldfast(folder, { cache: `${cacheMegabytes(entities)}MB`, loopDelayFile: delayFile(folder) });
  try {
    await fill(running, entities);
    const rate = 1000;
    const quiet = await openLoop(running, { rate, keys: KEYS, durationMs, warmupMs: 2000 });
    let busy = { compactions: 0 };
    for (let window = 0; busy.compactions === 0; window++) {
      if (window === REWRITING_WINDOWS_MAX)
        throw new Error(`no compaction ended in ${window} windows of rewriting: more --entities`);
      busy = await measureRewriting(running, folder, { durationMs, entities, rate });
    }
    const ratio = busy.p99Ms / quiet.p99Ms;
    return [
      row(
        `p99 while ${busy.compactions} compactions run (quiet: ${millis(quiet.p99Ms)})`,
        millis(busy.p99Ms),
        "≤ 3 x",
        ratio <= 3,
      ),
      row(
        `loop delay p99 meanwhile (longest: ${millis(busy.loopDelay.maxMs)})`,
        millis(busy.loopDelay.p99Ms),
        "≤ 10 ms",
        busy.loopDelay.p99Ms <= 10,
      ),
    ];
  } finally {
    await running.stop();
  }
}

/** Reads states of entities picked over the whole range; each must be what `fill` wrote. */
async function checkStates(running, entities) {
  const sample = 200;
  for (let n = 0; n < sample; n++) {
    const key = Math.floor(((n + 0.5) * entities) / sample);
    const response = await fetch(`http://127.0.0.1:${running.port}${running.prefix}k${key}`);
    const { state } = await response.json();
    if (state?.pad?.length !== STATE_PAD) throw new Error(`entity k${key} lost its state: ${JSON.stringify(state)}`);
  }
}

async function runMillion(folder, { durationMs, entities }) {
  const running = await startHoldfast(folder, { cache: `${cacheMegabytes(entities)}MB` });
  try {
    const filled = await fill(running, entities);
    const cold = await openLoop(running, { rate: 500, keys: entities, durationMs, body: '{"by":0}' });
    await checkStates(running, entities);
    const memory = residentBytes(running.routerPid);
    await running.router.kill();
    const firstMs = await running.startRouter(`k${entities >> 1}`);
    await checkStates(running, entities);
    const megabytes = memory === null ? "unknown" : `${Math.round(memory.highest / 1024 ** 2)} MB`;
    return [
      row(`${entities.toLocaleString("en")} entities of 200 bytes written`, `${Math.round(filled.perSecond)}/s`, "", true),
      row(
        `process at its largest, cache ${cacheMegabytes(entities)} MB`,
        megabytes,
        "< 1 GB",
        memory === null || memory.highest < GIGABYTE,
      ),
      row("commands to random entities, 500/s, p50 / p99", `${millis(cold.p50Ms)} / ${millis(cold.p99Ms)}`, "", true),
      row("first command after SIGKILL", seconds(firstMs), "≤ 3 s", firstMs <= 3000),
    ];
  } finally {
    await running.stop();
  }
}

export const holdfastLines = [
  { name: "stragglers", run: runStragglers },
  { name: "compaction", run: runCompaction },
  { name: "million", run: runMillion },
];
