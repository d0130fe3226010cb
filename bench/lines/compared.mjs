// The lines on which every target is measured. A line: how to run it, which number counts, and which way is better.
import { closedLoop, openLoop } from "../load/load.mjs";

const KEYS = 10_000;
const ADD_NOTHING = { connections: 1, keys: 1, body: '{"by":0}' };

const perSecond = {
  value: (result) => result.perSecond,
  format: (value) => `${Math.round(value).toLocaleString("en")}/s`,
  isMoreBetter: true,
};
const milliseconds = (field) => ({
  value: (result) => result[field],
  format: (value) => `${value.toFixed(2)} ms`,
  isMoreBetter: false,
});

const warmUp = (running, durationMs) => closedLoop(running, { connections: 64, keys: KEYS, durationMs });
const everyTarget = () => false;

function closed(name, title, load, measure) {
  const run = (running, durationMs) => closedLoop(running, { ...load, durationMs });
  return { name, title, ...measure, warmUp, skips: everyTarget, run };
}

function open(name, rate, skips) {
  const run = (running, durationMs) => openLoop(running, { rate, keys: KEYS, durationMs, warmupMs: 1000 });
  return { name, title: `open loop, ${rate.toLocaleString("en")}/s, p99`, ...milliseconds("p99Ms"), warmUp, skips, run };
}

/** Every command counts, and counts once: the hot counter must have grown by what was acknowledged, or at most by what was on its way. */
async function runHot(running, durationMs) {
  const before = await countOfFirstKey(running);
  const result = await closedLoop(running, { connections: 64, keys: 1, durationMs });
  const grown = (await countOfFirstKey(running)) - before;
  if (grown < result.requests || grown > result.requests + 64)
    throw new Error(`${result.requests} acknowledged, but the count grew by ${grown}`);
  return result;
}

async function countOfFirstKey(running) {
  const options = { method: "POST", headers: { "content-type": "application/json" }, body: ADD_NOTHING.body };
  const response = await fetch(`http://127.0.0.1:${running.port}${running.prefix}k0${running.suffix}`, options);
  if (!response.ok) throw new Error(`the hot counter answered ${response.status}`);
  return Number(await response.text());
}

export const comparedLines = [
  closed("keys", "64 connections, 10,000 keys", { connections: 64, keys: KEYS }, perSecond),
  { ...closed("hot", "64 connections, one hot key", {}, perSecond), run: runHot },
  closed("single", "one connection, p50", { connections: 1, keys: KEYS }, milliseconds("p50Ms")),
  closed("wide", "256 connections, 10,000 keys", { connections: 256, keys: KEYS }, perSecond),
  open("open-1k", 1000, everyTarget),
  open("open-10k", 10_000, (target) => target.name.startsWith("restate")),
];
