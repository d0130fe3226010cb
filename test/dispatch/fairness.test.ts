import assert from "node:assert/strict";
import { test } from "node:test";
import type { DeploymentLimits } from "../../src/core/input.js";
import { DispatchSimulation, deployment, runnable } from "./dispatch-simulation.js";
import { healthyScript } from "./scripted-function.js";

interface Clients {
  readonly type: string;
  readonly count: number;
  readonly commandMs: number;
}

/** Commands per second of each type, all with clients in closed loops, at one deployment. */
function ratesByType(loads: readonly Clients[], limits: Partial<DeploymentLimits>): Map<string, number> {
  const doneByType = new Map(loads.map(({ type }) => [type, 0]));
  const msByType = new Map(loads.map(({ type, commandMs }) => [type, commandMs]));
  const simulation: DispatchSimulation = new DispatchSimulation(
    {
      invoke: (batch) => healthyScript(batch, () => msByType.get(batch.members[0]?.runnable.type ?? "") ?? 0),
      finished(each) {
        doneByType.set(each.type, (doneByType.get(each.type) ?? 0) + 1);
        simulation.offer(each);
      },
      judged: () => assert.fail("nothing fails here"),
    },
    [
      deployment(
        "d1",
        loads.map(({ type }) => type),
        limits,
      ),
    ],
  );
  for (const { type, count } of loads) for (let n = 0; n < count; n++) simulation.offer(runnable(`${type}/${n}`, { type }));
  simulation.runUntil(5_000);
  return new Map([...doneByType].map(([type, done]) => [type, done / 5]));
}

test("a hot type leaves a quiet one nearly the throughput that it has by itself", () => {
  const quiet: Clients = { type: "t/quiet", count: 1, commandMs: 4 };
  const hot: Clients = { type: "t/hot", count: 2_000, commandMs: 4 };
  const limits = { inFlightMax: 4, entitiesMax: 16 };
  const alone = ratesByType([quiet], limits).get("t/quiet") ?? 0;
  const beside = ratesByType([hot, quiet], limits).get("t/quiet") ?? 0;
  assert.ok(beside > 0.4 * alone, `${beside} of ${alone}`);
});

test("a type of slow commands does not hold all places: each backlogged type gets its share of them", () => {
  const slow: Clients = { type: "t/slow", count: 500, commandMs: 100 };
  const fast: Clients = { type: "t/fast", count: 500, commandMs: 1 };
  const limits = { inFlightMax: 8, entitiesMax: 1 };
  const alone = ratesByType([fast], limits).get("t/fast") ?? 0;
  const both = ratesByType([slow, fast], limits);
  assert.ok((both.get("t/fast") ?? 0) > 0.4 * alone, `${both.get("t/fast")} of ${alone}`);
  assert.ok((both.get("t/slow") ?? 0) > 30, `${both.get("t/slow")}`);
});

test("of many backlogged types each gets about the same", () => {
  const types = Array.from({ length: 20 }, (_, n) => ({ type: `t/n${n}`, count: 10 + 20 * n, commandMs: 3 }));
  const rates = [...ratesByType(types, { inFlightMax: 4, entitiesMax: 8 }).values()];
  assert.ok(Math.min(...rates) > 0.8 * Math.max(...rates), JSON.stringify(rates));
});

test("where cost is preferred invocations are fewer and larger than where latency is", () => {
  const started = (prefer: "cost" | "latency"): number => {
    const simulation: DispatchSimulation = new DispatchSimulation(
      { invoke: (batch) => healthyScript(batch, () => 2), finished: () => undefined, judged: () => undefined },
      [deployment("d1", ["t/a"], { prefer })],
    );
    for (let n = 0; n < 10_000; n++) simulation.at(n * 0.25, () => simulation.offer(runnable(`e${n}`)));
    simulation.runUntil(10_000);
    assert.equal(simulation.waitingCount, 0);
    return simulation.startedCount;
  };
  const cost = started("cost");
  const latency = started("latency");
  assert.ok(cost < 0.6 * latency, `${cost} of ${latency}`);
});
