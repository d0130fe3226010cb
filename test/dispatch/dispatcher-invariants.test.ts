import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Runnable } from "../../src/core/dispatch/dispatch.js";
import type { InvocationEnd } from "../../src/core/entity/invocation.js";
import { COMPLETE, DispatchSimulation, deployment, randomFrom, runnable } from "./dispatch-simulation.js";

const TYPES = ["t/a", "t/b", "t/c"];

/**
 * Clients, functions and deployments that all misbehave as a seed says, then behave. The simulation itself asserts that no
 * entity is in two attempts, that nothing is planned that was not offered, and that no limit is exceeded.
 */
function misbehave(seed: number, inFlightMax: number): { offered: number; finished: number; simulation: DispatchSimulation } {
  const random = randomFrom(seed);
  const calmAtMs = 20_000;
  let offered = 0;
  let finished = 0;
  const withdrawn = new Set<string>();
  const limits = {
    inFlightMax,
    entitiesMax: 1 + Math.floor(random() * 16),
    commandsMax: 1 + Math.floor(random() * 32),
    bytesMax: 4_000,
  };
  const deployments = [deployment("d1", TYPES, limits), deployment("d2", TYPES.slice(0, 2), limits)] as const;
  const draw = (key: string): Runnable =>
    runnable(key, {
      type: TYPES[Number(key.slice(1)) % 3] as string,
      commandName: `c${Math.floor(random() * 4)}`,
      commandCount: 1 + Math.floor(random() * 10),
      bytes: Math.floor(random() * 5_000),
      isSuspect: random() < 0.1,
    });
  const simulation: DispatchSimulation = new DispatchSimulation(
    {
      invoke(batch, nowMs) {
        const isCalm = nowMs >= calmAtMs;
        const answered = batch.members.filter(() => isCalm || random() < 0.8);
        const results = answered.map((member) => ({
          key: member.runnable.key,
          afterMs: random() * (random() < 0.05 ? 400 : 10),
        }));
        const lastMs = results.reduce((last, each) => Math.max(last, each.afterMs), 0.1);
        // Results that come after the end are late ones: the dispatcher has to ignore them.
        return isCalm
          ? { results, end: COMPLETE, endAfterMs: lastMs }
          : { results, end: drawEnd(random), endAfterMs: lastMs * (0.5 + random()) };
      },
      finished({ key }) {
        finished++;
        if (simulation.nowMs < calmAtMs) simulation.at(simulation.nowMs + random() * 5, () => offer(key));
      },
      judged({ key }) {
        // The client may have left meanwhile.
        offered--;
        if (random() < 0.9 || simulation.nowMs >= calmAtMs) offer(key);
      },
    },
    [deployments[0]],
  );
  const offer = (key: string): void => {
    const each = draw(key);
    offered++;
    simulation.offer(each);
    if (random() > 0.05) return;
    simulation.at(simulation.nowMs + random() * 5, () => {
      const before = simulation.waitingCount;
      simulation.withdraw(each);
      if (simulation.waitingCount < before) {
        withdrawn.add(key);
        offered--;
      }
    });
  };
  for (let n = 0; n < 60; n++) offer(`e${n}`);
  for (let atMs = 500; atMs < calmAtMs; atMs += 500) {
    simulation.at(atMs, () =>
      simulation.setDeployments(random() < 0.2 ? [] : random() < 0.5 ? [...deployments] : [deployments[0]]),
    );
  }
  simulation.at(calmAtMs, () => simulation.setDeployments([deployments[0]]));
  simulation.runUntil(120_000);
  return { offered, finished, simulation };
}

function drawEnd(random: () => number): InvocationEnd {
  const drawn = random();
  if (drawn < 0.6) return COMPLETE;
  if (drawn < 0.7) return { kind: "cut", message: "reset" };
  if (drawn < 0.8) return { kind: "timeout", message: "late" };
  if (drawn < 0.9) return { kind: "malformed", code: "bad", message: "not JSON" };
  return { kind: "unavailable", message: "429", retryAfterMs: random() < 0.5 ? null : random() * 200 };
}

test("whatever goes wrong, each offer is planned exactly once, limits hold, and in the end nothing is left over", () => {
  fc.assert(
    fc.property(fc.integer(), fc.integer({ min: 1, max: 8 }), (seed, inFlightMax) => {
      const { offered, finished, simulation } = misbehave(seed, inFlightMax);
      assert.equal(finished, offered);
      assert.equal(simulation.waitingCount, 0);
      assert.deepEqual(simulation.runningKeys, []);
      const { deployments, types } = simulation.dispatcher.snapshot();
      assert.deepEqual(
        deployments.map((each) => [each.deployment, each.attempts, each.inFlight, each.queued]),
        [["d1", 0, 0, 0]],
      );
      assert.equal(
        types.reduce((queued, each) => queued + each.queued, 0),
        0,
      );
      assert.equal(simulation.dispatcher.wakeAtMs(), null);
    }),
    { numRuns: 40 },
  );
});
