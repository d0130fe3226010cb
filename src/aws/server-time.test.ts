import assert from "node:assert/strict";
import { test } from "node:test";
import type { ClockPort } from "../ports/clock.js";
import { ServerTime } from "./server-time.js";

function clock(wallMs: number) {
  const state = { wallMs, monotonicMs: 1_000 };
  const port: ClockPort = {
    nowMs: () => state.wallMs,
    monotonicMs: () => state.monotonicMs,
    sleep: async () => undefined,
    after: () => () => undefined,
  };
  return { port, state };
}

const NOON = Date.parse("2026-11-20T12:00:00Z");
const header = (ms: number) => new Date(ms).toUTCString();

test("before the first answer nobody knows what time it is at the server", () => {
  const time = new ServerTime(clock(NOON).port);
  assert.equal(time.nowMs(), null);
  assert.equal(time.skewMs, 0);
});

test("time goes on from the latest answer, whatever this machine's own clock does", () => {
  const { port, state } = clock(0);
  const time = new ServerTime(port);
  time.observe(header(NOON));
  assert.equal(time.nowMs(), NOON);
  state.monotonicMs += 1_500;
  state.wallMs = NOON * 3;
  assert.equal(time.nowMs(), NOON + 1_500);
  time.observe(header(NOON + 2_000));
  assert.equal(time.nowMs(), NOON + 2_000);
});

test("the skew is how far this machine is ahead, at the latest answer", () => {
  const { port, state } = clock(NOON + 400_000);
  const time = new ServerTime(port);
  time.observe(header(NOON));
  assert.equal(time.skewMs, 400_000);
  state.wallMs = NOON + 1_000 - 700;
  time.observe(header(NOON + 1_000));
  assert.equal(time.skewMs, -700);
});

test("the first answer of a second counts: later ones with the same header would set the clock back", () => {
  const { port, state } = clock(NOON);
  const time = new ServerTime(port);
  time.observe(header(NOON));
  state.monotonicMs += 900;
  time.observe(header(NOON));
  assert.equal(time.nowMs(), NOON + 900);
});

test("a header that is no date changes nothing", () => {
  const time = new ServerTime(clock(NOON).port);
  time.observe(header(NOON));
  for (const nonsense of ["", "yesterday", "99"]) time.observe(nonsense);
  assert.equal(time.skewMs, 0);
  assert.equal(time.nowMs(), NOON);
});
