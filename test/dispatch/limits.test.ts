import assert from "node:assert/strict";
import { test } from "node:test";
import type { Batch } from "../../src/core/dispatch/dispatch.js";
import { Dispatcher } from "../../src/core/dispatch/dispatcher.js";
import { DISPATCH_TUNING, type DispatchTuning } from "../../src/core/dispatch/tuning.js";
import { TypeLanes } from "../../src/core/dispatch/type-lanes.js";
import type { InvocationEnd } from "../../src/core/entity/invocation.js";
import type { DeploymentLimits } from "../../src/core/input.js";
import { COMPLETE, CUT, deployment, runnable, UNREACHABLE } from "./dispatch-simulation.js";

/** One deployment, driven by hand. */
class Bench {
  readonly dispatcher: Dispatcher;
  nowMs = 0;
  #key = 0;

  constructor(limits: Partial<DeploymentLimits> = {}, tuning: Partial<DispatchTuning> = {}) {
    this.dispatcher = new Dispatcher(tuning);
    this.dispatcher.setDeployments([deployment("d1", ["t/a"], limits)]);
  }

  /** Offers so many new entities, and gives what starts. */
  start(count: number, commandName = "do"): readonly Batch[] {
    for (let n = 0; n < count; n++) this.dispatcher.offer(runnable(`e${this.#key++}`, { commandName }), this.nowMs);
    return this.dispatcher.plan(this.nowMs);
  }

  /** Results for the first `count` members; the end where all of them have got one. */
  finish(batch: Batch, count = batch.members.length): void {
    for (const { runnable: member } of batch.members.slice(0, count)) {
      this.dispatcher.finished(batch.attempt, member, this.nowMs);
    }
    if (count === batch.members.length) this.dispatcher.ended(batch.attempt, COMPLETE, this.nowMs);
  }

  /** Runs single commands of that kind until their time is known. */
  learn(commandName: string, tookMs: number): void {
    for (let n = 0; n < 50; n++) {
      const [batch] = this.start(1, commandName);
      this.nowMs += tookMs;
      this.finish(batch as Batch);
    }
  }

  end(batch: Batch, end: InvocationEnd): string[] {
    return this.dispatcher.ended(batch.attempt, end, this.nowMs).map((each) => each.verdict.kind);
  }
}

test("a batch half of whose members have finished gives its place away", () => {
  const bench = new Bench({ inFlightMax: 1 });
  const [batch] = bench.start(4);
  bench.finish(batch as Batch, 1);
  assert.equal(bench.start(1).length, 0);
  assert.equal(bench.dispatcher.snapshot().deployments[0]?.inFlight, 0.75);
  for (const { runnable: member } of (batch as Batch).members.slice(1, 2)) {
    bench.dispatcher.finished((batch as Batch).attempt, member, bench.nowMs);
  }
  assert.equal(bench.start(0).length, 1);
});

test("an overdue invocation gives its place away, at the moment the dispatcher asked to be woken", () => {
  const bench = new Bench({ inFlightMax: 1 });
  bench.learn("do", 50);
  bench.start(1);
  assert.equal(bench.start(1).length, 0);
  const wakeAtMs = bench.dispatcher.wakeAtMs() ?? 0;
  assert.equal(wakeAtMs, bench.nowMs + 100);
  bench.nowMs = wakeAtMs - 0.1;
  assert.equal(bench.start(0).length, 0);
  bench.nowMs = wakeAtMs;
  assert.equal(bench.start(0).length, 1);
});

test("however overdue, no more than four times the in-flight limit are open", () => {
  const bench = new Bench({ inFlightMax: 2, entitiesMax: 1 });
  let open = 0;
  for (let round = 0; round < 20; round++) {
    open += bench.start(2).length;
    bench.nowMs += 1_000;
  }
  assert.equal(open, 8);
  assert.equal(bench.dispatcher.wakeAtMs(), null);
});

test("slow commands leave a quarter of the places to the others", () => {
  const bench = new Bench({ inFlightMax: 8, entitiesMax: 1 });
  bench.learn("do", 1);
  bench.learn("report", 500);
  assert.equal(bench.start(20, "report").length, 6);
  assert.equal(bench.start(20, "do").length, 2);
});

test("where latency is preferred a batch is predicted to take no longer than its target or two single commands", () => {
  const sizes = (["latency", "cost"] as const).map((prefer) => {
    const bench = new Bench({ prefer });
    bench.learn("do", 10);
    return bench.start(64)[0]?.members.length;
  });
  assert.deepEqual(sizes, [2, 64]);
});

test("where cost is preferred a batch is predicted to take no more than a quarter of the timeout", () => {
  const bench = new Bench({ prefer: "cost", timeoutMs: 400 });
  bench.learn("do", 10);
  assert.equal(bench.start(64)[0]?.members.length, 10);
});

test("where cost is preferred offers gather while something is in flight, but not for long", () => {
  const bench = new Bench({ prefer: "cost" });
  assert.equal(bench.start(1).length, 1);
  assert.equal(bench.start(1).length, 0);
  assert.equal(bench.dispatcher.wakeAtMs(), 5);
  bench.nowMs = 4;
  assert.equal(bench.start(1).length, 0);
  bench.nowMs = 5;
  assert.deepEqual(
    bench.start(0).map((batch) => batch.members.length),
    [2],
  );
});

test("where only one command is left to run, an outage before does not hide that it is at fault", () => {
  const bench = new Bench();
  const [first] = bench.start(1);
  assert.deepEqual(bench.end(first as Batch, UNREACHABLE), ["unavailable"]);
  bench.nowMs = 20;
  const [probe] = bench.start(1);
  assert.deepEqual(bench.end(probe as Batch, CUT), ["faulted"]);
  assert.equal(bench.dispatcher.snapshot().deployments[0]?.backoffUntilMs, null);
});

test("a probe that hangs does not keep the next one from finding out that the endpoint is back", () => {
  const bench = new Bench();
  const [first] = bench.start(3);
  bench.end(first as Batch, UNREACHABLE);
  bench.nowMs = 20;
  assert.equal(bench.start(3).length, 1);
  assert.equal(bench.dispatcher.wakeAtMs(), 1_020);
  bench.nowMs = 1_020;
  const [second] = bench.start(0);
  bench.finish(second as Batch);
  assert.equal(bench.start(0).length, 1);
  assert.equal(bench.dispatcher.snapshot().deployments[0]?.backoffUntilMs, null);
});

test("members that turn out to have nothing to run tell nothing about the endpoint, and leave the probe to others", () => {
  const bench = new Bench();
  const [first] = bench.start(1);
  bench.end(first as Batch, UNREACHABLE);
  bench.nowMs = 20;
  const [probe] = bench.start(2);
  bench.dispatcher.leftOut((probe as Batch).attempt, (probe as Batch).members[0]?.runnable ?? runnable("none"));
  assert.deepEqual(bench.end(probe as Batch, COMPLETE), []);
  assert.notEqual(bench.dispatcher.snapshot().deployments[0]?.backoffUntilMs, null);
  assert.deepEqual(
    bench.start(0).map((batch) => batch.members.map((member) => member.runnable.key)),
    [["e2"]],
  );
  assert.equal(bench.dispatcher.snapshot().types[0]?.usualMs, 0);
});

test("no more suspects are remembered than the bound; one that is forgotten is an entity like any other", () => {
  const bench = new Bench({}, { suspectsMax: 10 });
  const [batch] = bench.start(16);
  assert.equal(bench.end(batch as Batch, CUT).length, 16);
  assert.equal(bench.dispatcher.snapshot().suspects, 10);
  bench.dispatcher.offer((batch as Batch).members[0]?.runnable ?? runnable("none"), bench.nowMs);
  const [again] = bench.dispatcher.plan(bench.nowMs);
  bench.finish(again as Batch);
  assert.equal(bench.dispatcher.snapshot().suspects, 10);
});

test("command kinds beyond the bound share one memory of times", () => {
  const lanes = new TypeLanes("t/a", { ...DISPATCH_TUNING, kindsMax: 2 });
  const [first, second, third] = [lanes.kindOf("a"), lanes.kindOf("b"), lanes.kindOf("c")];
  assert.notEqual(first, second);
  assert.notEqual(second, third);
  assert.equal(lanes.kindOf("d"), third);
  assert.equal(lanes.kindOf("a"), first);
});
