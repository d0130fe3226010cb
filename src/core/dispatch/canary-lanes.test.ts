import assert from "node:assert/strict";
import { test } from "node:test";
import { DEFAULT_POLICY } from "../entity/entity-type.js";
import type { ActiveDeployment } from "../input.js";
import type { Runnable } from "./dispatch.js";
import { Dispatcher } from "./dispatcher.js";

const TYPE = {
  name: "t/a",
  kind: "value",
  stateVersion: 1,
  commands: new Map(),
  queries: new Map(),
  replies: new Set<string>(),
  events: new Map(),
  policy: DEFAULT_POLICY,
} as const;
const LIMITS = {
  inFlightMax: 1,
  entitiesMax: 64,
  commandsMax: 256,
  bytesMax: 1 << 20,
  timeoutMs: 30_000,
  prefer: "latency",
} as const;
const STABLE: ActiveDeployment = { id: "stable", types: [TYPE], limits: LIMITS };
const CANARY: ActiveDeployment = { id: "canary", types: [TYPE], limits: LIMITS, weight: 500 };
const DOWN = { kind: "unavailable", message: "refused", retryAfterMs: null } as const;

function runnable(key: string, isCanary: boolean): Runnable {
  return { key, type: "t/a", commandName: "do", commandCount: 1, bytes: 100, deadlineMs: Infinity, isSuspect: false, isCanary };
}

function planned(dispatcher: Dispatcher, nowMs: number): readonly string[] {
  return dispatcher
    .plan(nowMs)
    .map(({ deployment, members }) => `${deployment}: ${members.map((member) => member.runnable.key).join(" ")}`)
    .sort();
}

function dispatching(...deployments: readonly ActiveDeployment[]): Dispatcher {
  const dispatcher = new Dispatcher();
  dispatcher.setDeployments(deployments);
  return dispatcher;
}

test("an invocation carries entities of one deployment alone", () => {
  const dispatcher = dispatching(STABLE, CANARY);
  for (const key of ["a", "b", "c", "d"]) dispatcher.offer(runnable(key, key < "c"), 0);
  assert.deepEqual(planned(dispatcher, 0), ["canary: a b", "stable: c d"]);
});

test("a canary that is down holds up its own entities alone", () => {
  const dispatcher = dispatching(STABLE, CANARY);
  dispatcher.offer(runnable("a", true), 0);
  const [batch] = dispatcher.plan(0);
  assert.ok(batch !== undefined);
  dispatcher.ended(batch.attempt, DOWN, 0);
  dispatcher.offer(runnable("a", true), 0);
  dispatcher.offer(runnable("b", false), 0);
  assert.deepEqual(planned(dispatcher, 0), ["stable: b"]);
  assert.deepEqual([dispatcher.outageOf("t/a"), dispatcher.outageOf("t/a", true)], [null, "refused"]);
  assert.equal(dispatcher.snapshot().types[0]?.queued, 1);
});

test("what waits for a canary that ends goes to the stable version, and what runs ends there", () => {
  const dispatcher = dispatching(STABLE, CANARY);
  dispatcher.offer(runnable("a", true), 0);
  const [running] = dispatcher.plan(0);
  dispatcher.offer(runnable("b", true), 0);
  dispatcher.offer(runnable("c", true), 0);
  assert.deepEqual(planned(dispatcher, 0), []);
  dispatcher.setDeployments([STABLE]);
  dispatcher.withdraw(runnable("c", true));
  assert.deepEqual(planned(dispatcher, 1), ["stable: b"]);
  assert.ok(running !== undefined);
  dispatcher.finished(running.attempt, runnable("a", true), 2);
  assert.deepEqual(dispatcher.ended(running.attempt, { kind: "complete" }, 2), []);
  const { types, deployments } = dispatcher.snapshot();
  assert.deepEqual([types.map(({ queued }) => queued), deployments.map(({ deployment }) => deployment)], [[0], ["stable"]]);
});

test("a withdrawn offer to a canary leaves nothing behind", () => {
  const dispatcher = dispatching(STABLE, CANARY);
  dispatcher.offer(runnable("a", true), 0);
  dispatcher.withdraw(runnable("a", true));
  dispatcher.offer(runnable("a", false), 0);
  assert.deepEqual(planned(dispatcher, 0), ["stable: a"]);
  assert.deepEqual(
    dispatcher.snapshot().deployments.map(({ queued }) => queued),
    [0, 0],
  );
});
