import assert from "node:assert/strict";
import { test } from "node:test";
import { DEFAULT_POLICY } from "../entity/entity-type.js";
import type { InvocationEnd } from "../entity/invocation.js";
import type { ActiveDeployment, DeploymentLimits } from "../input.js";
import type { Batch, Runnable } from "./dispatch.js";
import { Dispatcher } from "./dispatcher.js";

function runnable(key: string, overrides: Partial<Runnable> = {}): Runnable {
  return {
    key,
    type: "t/a",
    commandName: "do",
    commandCount: 1,
    bytes: 100,
    deadlineMs: Number.POSITIVE_INFINITY,
    isSuspect: false,
    ...overrides,
  };
}

function deployment(id: string, types: readonly string[], limits: Partial<DeploymentLimits> = {}): ActiveDeployment {
  return {
    id,
    types: types.map((name) => ({
      name,
      kind: "value",
      stateVersion: 1,
      commands: new Map(),
      queries: new Map(),
      replies: new Set(),
      events: new Map(),
      policy: DEFAULT_POLICY,
    })),
    limits: {
      inFlightMax: 4,
      entitiesMax: 64,
      commandsMax: 256,
      bytesMax: 1 << 20,
      timeoutMs: 30_000,
      prefer: "latency",
      ...limits,
    },
  };
}

const CUT: InvocationEnd = { kind: "cut", message: "reset" };
const DONE: InvocationEnd = { kind: "complete" };
const DOWN: InvocationEnd = { kind: "unavailable", message: "refused", retryAfterMs: null };

function dispatcherWith(...deployments: Parameters<Dispatcher["setDeployments"]>[0]): Dispatcher {
  const dispatcher = new Dispatcher();
  dispatcher.setDeployments(deployments.length > 0 ? deployments : [deployment("d1", ["t/a"])]);
  return dispatcher;
}

function keys(batch: Batch | undefined): string[] {
  return (batch?.members ?? []).map((member) => member.runnable.key);
}

function finishAll(dispatcher: Dispatcher, batch: Batch, nowMs: number): void {
  for (const { runnable: member } of batch.members) dispatcher.finished(batch.attempt, member, nowMs);
  dispatcher.ended(batch.attempt, DONE, nowMs);
}

/** Offers, plans and gives the one batch that this has to give. */
function startOne(dispatcher: Dispatcher, offers: readonly ReturnType<typeof runnable>[], nowMs: number): Batch {
  for (const offer of offers) dispatcher.offer(offer, nowMs);
  const batches = dispatcher.plan(nowMs);
  assert.equal(batches.length, 1);
  return batches[0] as Batch;
}

test("an idle endpoint gets what is offered at once, in one invocation", () => {
  const dispatcher = dispatcherWith();
  const batch = startOne(dispatcher, [runnable("a"), runnable("b"), runnable("c")], 0);
  assert.deepEqual(keys(batch), ["a", "b", "c"]);
  assert.equal(batch.deployment, "d1");
  assert.equal(batch.timeoutMs, 30_000);
  assert.deepEqual(dispatcher.plan(0), []);
});

test("an entity offered twice is a broken invariant", () => {
  const dispatcher = dispatcherWith();
  dispatcher.offer(runnable("a"), 0);
  assert.throws(() => dispatcher.offer(runnable("a"), 0), { name: "BrokenInvariant" });
  dispatcher.plan(0);
  assert.throws(() => dispatcher.offer(runnable("a"), 0), { name: "BrokenInvariant" });
});

test("what is abandoned while it runs may be offered again at once, and its end is nobody's", () => {
  const dispatcher = dispatcherWith();
  const former = runnable("a");
  const batch = startOne(dispatcher, [former, runnable("b")], 0);
  dispatcher.abandon(former);
  const again = startOne(dispatcher, [runnable("a")], 1);
  assert.deepEqual(keys(again), ["a"]);
  dispatcher.finished(batch.attempt, former, 2);
  const verdicts = dispatcher.ended(batch.attempt, DOWN, 3);
  assert.deepEqual(
    verdicts.map(({ runnable: { key } }) => key),
    ["b"],
  );
  assert.throws(() => dispatcher.offer(runnable("a"), 4), { name: "BrokenInvariant" }, "the second one runs still");
  finishAll(dispatcher, again, 5);
  dispatcher.offer(runnable("a"), 6);
});

test("a withdrawn offer is not planned, and one that runs is not withdrawn", () => {
  const dispatcher = dispatcherWith();
  dispatcher.offer(runnable("a"), 0);
  dispatcher.offer(runnable("b"), 0);
  dispatcher.withdraw(runnable("a"));
  const [batch] = dispatcher.plan(0);
  assert.deepEqual(keys(batch), ["b"]);
  dispatcher.withdraw(runnable("b"));
  const verdicts = dispatcher.ended((batch as Batch).attempt, DOWN, 1);
  assert.deepEqual(
    verdicts.map((each) => each.runnable.key),
    ["b"],
  );
});

test("a type without a deployment waits until one serves it", () => {
  const dispatcher = new Dispatcher();
  dispatcher.offer(runnable("a"), 0);
  assert.deepEqual(dispatcher.plan(0), []);
  assert.equal(dispatcher.wakeAtMs(), null);
  dispatcher.setDeployments([deployment("d1", ["t/a"])]);
  assert.deepEqual(keys(dispatcher.plan(5)[0]), ["a"]);
});

test("a promoted deployment takes what waits; what runs ends on the old one", () => {
  const dispatcher = dispatcherWith(deployment("old", ["t/a"], { inFlightMax: 1 }));
  const running = startOne(dispatcher, [runnable("a")], 0);
  dispatcher.offer(runnable("b"), 0);
  assert.deepEqual(dispatcher.plan(0), []);
  dispatcher.setDeployments([deployment("new", ["t/a"])]);
  const [moved] = dispatcher.plan(1);
  assert.equal(moved?.deployment, "new");
  assert.deepEqual(keys(moved), ["b"]);
  const verdicts = dispatcher.ended(running.attempt, CUT, 2);
  assert.deepEqual(
    verdicts.map((each) => [each.runnable.key, each.verdict.kind]),
    [["a", "faulted"]],
  );
  assert.deepEqual(
    dispatcher.snapshot().deployments.map((each) => each.deployment),
    ["new"],
  );
});

test("a late result, of an attempt that ended, changes nothing", () => {
  const dispatcher = dispatcherWith();
  const first = startOne(dispatcher, [runnable("a")], 0);
  assert.equal(dispatcher.ended(first.attempt, DOWN, 1).length, 1);
  dispatcher.offer(runnable("a"), 1);
  dispatcher.finished(first.attempt, runnable("a"), 2);
  assert.deepEqual(dispatcher.ended(first.attempt, CUT, 2), []);
  assert.deepEqual(keys(dispatcher.plan(1_000)[0]), ["a"]);
});

test("a command that fails alone is at fault", () => {
  const dispatcher = dispatcherWith();
  const batch = startOne(dispatcher, [runnable("a")], 0);
  assert.deepEqual(dispatcher.ended(batch.attempt, CUT, 1), [
    { runnable: runnable("a"), verdict: { kind: "faulted", code: "function_faulted", message: "reset" } },
  ]);
});

test("a batch that breaks makes suspects of those without a result, and of nobody else", () => {
  const dispatcher = dispatcherWith();
  const batch = startOne(dispatcher, [runnable("a"), runnable("b"), runnable("c")], 0);
  dispatcher.finished(batch.attempt, runnable("a"), 1);
  const verdicts = dispatcher.ended(batch.attempt, CUT, 1);
  assert.deepEqual(
    verdicts.map((each) => [each.runnable.key, each.verdict.kind]),
    [
      ["b", "suspected"],
      ["c", "suspected"],
    ],
  );
});

test("an entity with several commands that fails runs them one by one", () => {
  const dispatcher = dispatcherWith();
  const batch = startOne(dispatcher, [runnable("a", { commandCount: 3 })], 0);
  assert.equal(batch.members[0]?.commandsMax, 3);
  assert.equal(dispatcher.ended(batch.attempt, CUT, 1)[0]?.verdict.kind, "suspected");
  for (let at = 1; at <= 3; at++) {
    const next = startOne(dispatcher, [runnable("a", { commandCount: 3 })], at);
    assert.equal(next.members[0]?.commandsMax, 1);
    finishAll(dispatcher, next, at);
  }
  assert.equal(startOne(dispatcher, [runnable("a", { commandCount: 3 })], 4).members[0]?.commandsMax, 3);
});

test("what its shard calls a suspect runs alone, with one command", () => {
  const dispatcher = dispatcherWith();
  for (const key of ["a", "b"]) dispatcher.offer(runnable(key, { isSuspect: true, commandCount: 5 }), 0);
  const batches = dispatcher.plan(0);
  assert.deepEqual(
    batches.map((batch) => batch.members.map((member) => member.commandsMax)),
    [[1], [1]],
  );
});

test("an unavailable endpoint is left alone for a time that doubles, then probed with one entity", () => {
  const dispatcher = dispatcherWith();
  let batch = startOne(dispatcher, [runnable("a"), runnable("b")], 0);
  let now = 0;
  for (const backoffMs of [20, 40, 80, 160]) {
    const verdicts = dispatcher.ended(batch.attempt, DOWN, now);
    assert.ok(verdicts.every((each) => each.verdict.kind === "unavailable"));
    for (const each of verdicts) dispatcher.offer(each.runnable, now);
    assert.deepEqual(dispatcher.plan(now + backoffMs - 1), []);
    now += backoffMs;
    assert.equal(dispatcher.wakeAtMs(), now);
    const batches = dispatcher.plan(now);
    assert.equal(batches.length, 1);
    batch = batches[0] as Batch;
    assert.equal(batch.members.length, 1);
  }
  finishAll(dispatcher, batch, now);
  assert.equal(dispatcher.plan(now).length, 1);
  assert.equal(dispatcher.snapshot().deployments[0]?.backoffUntilMs, null);
});

test("an endpoint that says when to come back is not asked earlier", () => {
  const dispatcher = dispatcherWith();
  const batch = startOne(dispatcher, [runnable("a")], 0);
  dispatcher.ended(batch.attempt, { ...DOWN, retryAfterMs: 3_000 }, 0);
  dispatcher.offer(runnable("a"), 0);
  assert.deepEqual(dispatcher.plan(2_999), []);
  assert.equal(dispatcher.wakeAtMs(), 3_000);
  assert.equal(dispatcher.plan(3_000).length, 1);
});

test("what is wrong with an answer is in the fault's message, whatever way the invocation ended", () => {
  const ends: [InvocationEnd, string][] = [
    [DONE, "the function ended its answer without a result for the entity"],
    [{ kind: "timeout", message: "no answer within 30 s" }, "no answer within 30 s"],
    [{ kind: "malformed", code: "answer_not_json", message: "at offset 3" }, "answer_not_json: at offset 3"],
  ];
  for (const [end, message] of ends) {
    const dispatcher = dispatcherWith();
    const batch = startOne(dispatcher, [runnable("a")], 0);
    const verdict = { kind: "faulted", code: "function_faulted", message };
    assert.deepEqual(dispatcher.ended(batch.attempt, end, 1), [{ runnable: runnable("a"), verdict }]);
  }
});
