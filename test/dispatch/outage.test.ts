import assert from "node:assert/strict";
import { test } from "node:test";
import type { InvocationEnd } from "../../src/core/entity/invocation.js";
import { CUT, DispatchSimulation, deployment, runnable, type Script, UNREACHABLE } from "./dispatch-simulation.js";
import { healthyScript } from "./scripted-function.js";

const HOUR_MS = 3_600_000;
const DOWN_AT_MS = 1_000;

interface Outage {
  readonly faults: ReadonlyMap<string, number>;
  readonly invocationsWhileDown: number;
  /** From the end of the outage until every client has got an answer. */
  readonly recoveredAfterMs: number;
  readonly commandsLastSecond: number;
}

/** 64 clients in a closed loop; the endpoint is down for an hour. */
function outage(end: InvocationEnd, endAfterMs: number): Outage {
  const faults = new Map<string, number>();
  const servedAgain = new Set<string>();
  const upAtMs = DOWN_AT_MS + HOUR_MS;
  let invocationsWhileDown = 0;
  let recoveredAfterMs = Number.POSITIVE_INFINITY;
  let commandsLastSecond = 0;
  const broken: Script = { results: [], end, endAfterMs };
  const simulation: DispatchSimulation = new DispatchSimulation(
    {
      invoke(batch, nowMs) {
        if (nowMs < DOWN_AT_MS || nowMs >= upAtMs) return healthyScript(batch, () => 5);
        invocationsWhileDown++;
        return broken;
      },
      finished(each, nowMs) {
        if (nowMs >= upAtMs) {
          servedAgain.add(each.key);
          if (servedAgain.size === 64) recoveredAfterMs = Math.min(recoveredAfterMs, nowMs - upAtMs);
          if (nowMs >= upAtMs + 60_000) commandsLastSecond++;
        }
        simulation.offer(runnable(each.key));
      },
      judged(each, verdict) {
        if (verdict.kind === "faulted") faults.set(each.key, (faults.get(each.key) ?? 0) + 1);
        simulation.offer(runnable(each.key, { isSuspect: faults.has(each.key) }));
      },
    },
    [deployment("d1", ["t/a"])],
  );
  for (let client = 0; client < 64; client++) simulation.offer(runnable(`e${client}`));
  simulation.runUntil(upAtMs + 61_000);
  return { faults, invocationsWhileDown, recoveredAfterMs, commandsLastSecond };
}

/** 64 clients whose commands take 6 ms: some 10,000 a second. */
const USUAL_COMMANDS_PER_SECOND = 8_000;

test("an endpoint that refuses connections for an hour faults nobody and is back within the longest back-off", () => {
  const { faults, invocationsWhileDown, recoveredAfterMs, commandsLastSecond } = outage(UNREACHABLE, 1);
  assert.deepEqual([...faults], []);
  assert.ok(invocationsWhileDown < 500, `${invocationsWhileDown}`);
  assert.ok(recoveredAfterMs < 11_000, `${recoveredAfterMs}`);
  assert.ok(commandsLastSecond > USUAL_COMMANDS_PER_SECOND, `${commandsLastSecond}`);
});

test("an endpoint that cuts every connection for an hour faults nobody twice and is back within the longest back-off", () => {
  const { faults, invocationsWhileDown, recoveredAfterMs, commandsLastSecond } = outage(CUT, 1);
  assert.ok([...faults.values()].every((count) => count === 1) && faults.size <= 3, JSON.stringify([...faults]));
  assert.ok(invocationsWhileDown < 500, `${invocationsWhileDown}`);
  assert.ok(recoveredAfterMs < 11_000, `${recoveredAfterMs}`);
  assert.ok(commandsLastSecond > USUAL_COMMANDS_PER_SECOND, `${commandsLastSecond}`);
});

test("an endpoint that answers nothing for an hour faults nobody twice and is back within timeout and longest back-off", () => {
  const { faults, recoveredAfterMs, commandsLastSecond } = outage({ kind: "timeout", message: "30 s" }, 30_000);
  assert.ok([...faults.values()].every((count) => count === 1) && faults.size <= 3, JSON.stringify([...faults]));
  assert.ok(recoveredAfterMs < 41_000, `${recoveredAfterMs}`);
  assert.ok(commandsLastSecond > USUAL_COMMANDS_PER_SECOND, `${commandsLastSecond}`);
});

test("an endpoint that throttles above some invocations settles near that number and keeps most of its throughput", () => {
  const run = (allowed: number): { commands: number; throttled: number } => {
    let open = 0;
    let commands = 0;
    let throttled = 0;
    const simulation: DispatchSimulation = new DispatchSimulation(
      {
        invoke(batch) {
          if (open >= allowed) {
            throttled++;
            return { results: [], end: { kind: "unavailable", message: "429", retryAfterMs: null }, endAfterMs: 1 };
          }
          open++;
          const script = healthyScript(batch, () => 10);
          simulation.at(simulation.nowMs + script.endAfterMs, () => open--);
          return script;
        },
        finished(each) {
          commands++;
          simulation.offer(each);
        },
        judged(each, verdict) {
          assert.equal(verdict.kind, "unavailable");
          simulation.offer(each);
        },
      },
      [deployment("d1", ["t/a"], { entitiesMax: 1 })],
    );
    for (let client = 0; client < 64; client++) simulation.offer(runnable(`e${client}`));
    simulation.runUntil(20_000);
    return { commands, throttled };
  };
  const free = run(16 * 1_000);
  const throttled = run(16);
  const share = throttled.commands / (free.commands / 2);
  assert.ok(share > 0.6, `${share} of what 16 at a time can do`);
  assert.ok(throttled.throttled < throttled.commands * 0.05, JSON.stringify(throttled));
});

test("what an endpoint that is down said last can be asked for, until it is back", () => {
  let isDown = false;
  const simulation: DispatchSimulation = new DispatchSimulation(
    {
      invoke: (batch) => (isDown ? { results: [], end: UNREACHABLE, endAfterMs: 1 } : healthyScript(batch, () => 5)),
      finished: (each) => simulation.offer(each),
      judged: (each) => simulation.offer(each),
    },
    [deployment("d1", ["t/a"])],
  );
  const { dispatcher } = simulation;
  simulation.offer(runnable("e"));
  simulation.runUntil(100);
  assert.equal(dispatcher.outageOf("t/a"), null);
  isDown = true;
  simulation.runUntil(1_000);
  assert.equal(dispatcher.outageOf("t/a"), "connection refused");
  assert.equal(dispatcher.outageOf("t/unknown"), null);
  isDown = false;
  simulation.runUntil(20_000);
  assert.equal(dispatcher.outageOf("t/a"), null);
});
