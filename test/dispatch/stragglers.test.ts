import assert from "node:assert/strict";
import { test } from "node:test";
import type { DispatchTuning } from "../../src/core/dispatch/tuning.js";
import { DispatchSimulation, deployment, randomFrom, runnable } from "./dispatch-simulation.js";
import { healthyScript } from "./scripted-function.js";

const CLIENTS = 64;
/** Times are learned first, then measured. */
const WARM_UP_MS = 5_000;
const DURATION_MS = 20_000;
const SLOW_MS = 1_000;

interface Mix {
  readonly slowShare: number;
  /** The name of slow commands; the same as the others' when only their input makes them slow. */
  readonly slowName?: string;
  readonly isStreaming?: boolean;
  readonly tuning?: Partial<DispatchTuning>;
}

interface Throughput {
  /** Fast commands per second of client time that was not spent on slow ones. */
  readonly fastPerClientSecond: number;
  readonly commands: number;
}

/** Clients that send their next command as soon as the former is done, to entities of their own. */
function closedLoop({ slowShare, slowName = "do", isStreaming = true, tuning = {} }: Mix): Throughput {
  const random = randomFrom(7);
  const slowKeys = new Set<string>();
  const sentAtMs = new Map<string, number>();
  let fast = 0;
  let fastMs = 0;
  let commands = 0;
  const send = (key: string): void => {
    const isSlow = random() < slowShare;
    if (isSlow) slowKeys.add(key);
    else slowKeys.delete(key);
    sentAtMs.set(key, simulation.nowMs);
    simulation.offer(runnable(key, { commandName: isSlow ? slowName : "do" }));
  };
  const simulation = new DispatchSimulation(
    {
      invoke: (batch) => healthyScript(batch, (key) => (slowKeys.has(key) ? SLOW_MS : 0), isStreaming),
      finished({ key }, nowMs) {
        if (nowMs >= WARM_UP_MS) commands++;
        if (nowMs >= WARM_UP_MS && !slowKeys.has(key)) {
          fast++;
          fastMs += nowMs - (sentAtMs.get(key) as number);
        }
        send(key);
      },
      judged: () => assert.fail("nothing fails here"),
    },
    [deployment("d1", ["t/a"])],
    tuning,
  );
  for (let client = 0; client < CLIENTS; client++) send(`e${client}`);
  simulation.runUntil(WARM_UP_MS + DURATION_MS);
  return { fastPerClientSecond: (fast / fastMs) * 1_000, commands };
}

const baseline = closedLoop({ slowShare: 0 });

/** What the clients could reach at best: a hundredth of their commands takes a second, the others what they take alone. */
function idealCommands(slowShare: number): number {
  const meanMs = (1 - slowShare) * (1_000 / baseline.fastPerClientSecond) + slowShare * SLOW_MS;
  return (CLIENTS * DURATION_MS) / meanMs;
}

for (const slowName of ["do", "report"]) {
  const kind = slowName === "do" ? "of the same kind" : "of a kind of its own";
  test(`one command in a hundred, ${kind}, that takes a second leaves the others 80 % of their throughput`, () => {
    const mixed = closedLoop({ slowShare: 0.01, slowName });
    assert.ok(mixed.fastPerClientSecond >= 0.8 * baseline.fastPerClientSecond, JSON.stringify({ mixed, baseline }));
    assert.ok(mixed.commands >= 0.8 * idealCommands(0.01), `${mixed.commands} of ${idealCommands(0.01)}`);
  });
}

test("stragglers that counted against the limit would take the others' throughput", () => {
  const mixed = closedLoop({ slowShare: 0.01, tuning: { overdueFactor: Number.POSITIVE_INFINITY } });
  assert.ok(mixed.fastPerClientSecond < 0.8 * baseline.fastPerClientSecond, JSON.stringify({ mixed, baseline }));
});

test("results that came all at the end would take the others' throughput", () => {
  const mixed = closedLoop({ slowShare: 0.01, isStreaming: false });
  assert.ok(mixed.fastPerClientSecond < 0.8 * baseline.fastPerClientSecond, JSON.stringify({ mixed, baseline }));
});

test("a slow kind has a lane of its own: even without streaming it leaves the others their throughput", () => {
  const own = closedLoop({ slowShare: 0.01, slowName: "report", isStreaming: false });
  assert.ok(own.fastPerClientSecond >= 0.8 * baseline.fastPerClientSecond, JSON.stringify({ own, baseline }));
});
