/**
 * What the dispatcher costs per command: offer, plan, finished and its part of the end. After a build:
 * `node dist/test/dispatch/dispatch-benchmark.js`. One entity per client; so many commands come with each turn.
 */
import type { Batch } from "../../src/core/dispatch/dispatch.js";
import { Dispatcher } from "../../src/core/dispatch/dispatcher.js";
import { COMPLETE, deployment, runnable } from "./dispatch-simulation.js";

const OPEN_INVOCATIONS = 6;

function measure(perTurn: number, entities: number, commands: number): string {
  const dispatcher = new Dispatcher();
  dispatcher.setDeployments([deployment("d1", ["t/a"])]);
  const offers = Array.from({ length: entities }, (_, n) => runnable(`t/a/entity-${n}`));
  const open: Batch[] = [];
  let nowMs = 0;
  let next = 0;
  let finished = 0;
  let batches = 0;
  const began = process.hrtime.bigint();
  while (finished < commands) {
    nowMs += 0.2;
    while (open.length >= OPEN_INVOCATIONS) {
      const batch = open.shift() as Batch;
      for (const member of batch.members) dispatcher.finished(batch.attempt, member.runnable, nowMs);
      dispatcher.ended(batch.attempt, COMPLETE, nowMs);
      finished += batch.members.length;
    }
    for (let n = 0; n < perTurn; n++) {
      dispatcher.offer(offers[next] as (typeof offers)[number], nowMs);
      next = (next + 1) % entities;
    }
    for (const batch of dispatcher.plan(nowMs)) {
      open.push(batch);
      batches++;
    }
    dispatcher.wakeAtMs();
  }
  const ns = Number(process.hrtime.bigint() - began) / finished;
  return `${perTurn} a turn, ${entities} entities: ${ns.toFixed(0)} ns a command, ${(1_000 / ns).toFixed(2)} M/s, batches of ${(finished / batches).toFixed(1)}`;
}

for (const [perTurn, entities] of [
  [1, 10_000],
  [1, 10_000],
  [4, 10_000],
  [16, 10_000],
  [64, 10_000],
  [64, 1_000_000],
] as const) {
  console.log(measure(perTurn, entities, 1_000_000));
}
