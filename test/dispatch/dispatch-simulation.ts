/**
 * A small world around the real dispatcher: a clock of its own, scripted functions, and a stand-in for the shards.
 * It checks at every start what must never happen, whatever a test is about.
 */
import assert from "node:assert/strict";
import type { Batch, Runnable, Verdict } from "../../src/core/dispatch/dispatch.js";
import { Dispatcher } from "../../src/core/dispatch/dispatcher.js";
import { DISPATCH_TUNING, type DispatchTuning } from "../../src/core/dispatch/tuning.js";
import { DEFAULT_POLICY } from "../../src/core/entity/entity-type.js";
import type { InvocationEnd } from "../../src/core/entity/invocation.js";
import type { ActiveDeployment, DeploymentLimits } from "../../src/core/input.js";

export const LIMITS: DeploymentLimits = {
  inFlightMax: 32,
  entitiesMax: 64,
  commandsMax: 256,
  bytesMax: 1 << 20,
  timeoutMs: 30_000,
  prefer: "latency",
};

export const COMPLETE: InvocationEnd = { kind: "complete" };
export const CUT: InvocationEnd = { kind: "cut", message: "connection reset" };
export const UNREACHABLE: InvocationEnd = { kind: "unavailable", message: "connection refused", retryAfterMs: null };

export function deployment(id: string, types: readonly string[], limits: Partial<DeploymentLimits> = {}): ActiveDeployment {
  const none = { commands: new Map(), queries: new Map(), replies: new Set<string>(), events: new Map() };
  return {
    id,
    types: types.map((name) => ({ name, kind: "value", stateVersion: 1, policy: DEFAULT_POLICY, ...none })),
    limits: { ...LIMITS, ...limits },
  };
}

export function runnable(key: string, overrides: Partial<Runnable> = {}): Runnable {
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

/** What a function does with an invocation: results by and by, then the end. Times run from its start. */
export interface Script {
  readonly results: readonly { readonly key: string; readonly afterMs: number }[];
  readonly end: InvocationEnd;
  readonly endAfterMs: number;
}

export interface World {
  /** Plays the function. */
  invoke(batch: Batch, nowMs: number): Script;
  finished(runnable: Runnable, nowMs: number): void;
  judged(runnable: Runnable, verdict: Verdict, nowMs: number): void;
}

interface OpenAttempt {
  readonly batch: Batch;
  readonly startedAtMs: number;
  unfinished: number;
}

/** Numbers in [0, 1) from a seed (xorshift). */
export function randomFrom(seed: number): () => number {
  let state = seed | 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

export class DispatchSimulation {
  readonly dispatcher: Dispatcher;
  nowMs = 0;
  startedCount = 0;
  readonly #tuning: DispatchTuning;
  readonly #world: World;
  readonly #events = new EventHeap();
  readonly #waiting = new Set<string>();
  readonly #running = new Map<string, number>();
  readonly #open = new Map<number, OpenAttempt>();
  #limitsById = new Map<string, DeploymentLimits>();
  #wakeAtMs = Number.POSITIVE_INFINITY;

  constructor(world: World, deployments: readonly ActiveDeployment[], tuning: Partial<DispatchTuning> = {}) {
    this.#world = world;
    this.#tuning = { ...DISPATCH_TUNING, ...tuning };
    this.dispatcher = new Dispatcher(tuning);
    this.setDeployments(deployments);
  }

  get runningKeys(): readonly string[] {
    return [...this.#running.keys()];
  }

  get waitingCount(): number {
    return this.#waiting.size;
  }

  setDeployments(deployments: readonly ActiveDeployment[]): void {
    this.dispatcher.setDeployments(deployments);
    for (const { id, limits } of deployments) this.#limitsById.set(id, limits);
  }

  offer(each: Runnable): void {
    this.#waiting.add(each.key);
    this.dispatcher.offer(each, this.nowMs);
  }

  withdraw(each: Runnable): void {
    if (!this.#running.has(each.key)) this.#waiting.delete(each.key);
    this.dispatcher.withdraw(each);
  }

  at(atMs: number, run: () => void): void {
    this.#events.push(atMs, run);
  }

  /** Plays turns until that moment, or until nothing can happen any more. */
  runUntil(untilMs: number): void {
    this.#plan();
    for (;;) {
      const next = Math.min(this.#events.nextAtMs, this.#wakeAtMs);
      if (next > untilMs || next === Number.POSITIVE_INFINITY) break;
      this.nowMs = Math.max(this.nowMs, next);
      while (this.#events.nextAtMs <= this.nowMs) this.#events.pop()();
      this.#plan();
    }
    if (untilMs !== Number.POSITIVE_INFINITY) this.nowMs = Math.max(this.nowMs, untilMs);
  }

  #plan(): void {
    for (const batch of this.dispatcher.plan(this.nowMs)) this.#start(batch);
    const wakeAtMs = this.dispatcher.wakeAtMs() ?? Number.POSITIVE_INFINITY;
    assert.ok(wakeAtMs > this.nowMs, `woken at ${wakeAtMs} again and again, it is ${this.nowMs}`);
    this.#wakeAtMs = wakeAtMs;
  }

  #start(batch: Batch): void {
    this.startedCount++;
    assert.ok(batch.members.length > 0, "an invocation of nobody");
    for (const { runnable: member, commandsMax } of batch.members) {
      assert.ok(!this.#running.has(member.key), `${member.key} is in two invocations`);
      assert.ok(this.#waiting.delete(member.key), `${member.key} was not offered`);
      assert.ok(commandsMax >= 1 && commandsMax <= member.commandCount);
      this.#running.set(member.key, batch.attempt);
    }
    this.#open.set(batch.attempt, { batch, startedAtMs: this.nowMs, unfinished: batch.members.length });
    this.#checkLimits(batch);
    const script = this.#world.invoke(batch, this.nowMs);
    const memberByKey = new Map(batch.members.map((member) => [member.runnable.key, member.runnable]));
    for (const { key, afterMs } of script.results) {
      const member = memberByKey.get(key);
      assert.ok(member !== undefined);
      this.at(this.nowMs + afterMs, () => this.#finish(batch.attempt, member));
    }
    this.at(this.nowMs + script.endAfterMs, () => this.#end(batch.attempt, script.end));
  }

  /** Told from what the simulation sees alone: what is neither overdue by any rule nor finished counts. */
  #checkLimits(batch: Batch): void {
    const limits = this.#limitsById.get(batch.deployment) as DeploymentLimits;
    let commands = 0;
    let bytes = 0;
    for (const { runnable: member, commandsMax } of batch.members) {
      commands += commandsMax;
      bytes += member.bytes;
    }
    assert.ok(batch.members.length <= limits.entitiesMax, "too many entities");
    assert.ok(commands <= limits.commandsMax, "too many commands");
    assert.ok(bytes <= limits.bytesMax || batch.members.length === 1, "too many bytes");
    let attempts = 0;
    let load = 0;
    for (const open of this.#open.values()) {
      if (open.batch.deployment !== batch.deployment) continue;
      attempts++;
      if (this.nowMs < open.startedAtMs + this.#tuning.overdueFloorMs) load += open.unfinished / open.batch.members.length;
    }
    assert.ok(attempts <= limits.inFlightMax * this.#tuning.attemptsFactor, `${attempts} open invocations`);
    assert.ok(load <= limits.inFlightMax + 0.5 + 1e-3, `${load} in flight`);
  }

  #finish(attempt: number, member: Runnable): void {
    if (this.#running.get(member.key) === attempt) {
      this.#running.delete(member.key);
      (this.#open.get(attempt) as OpenAttempt).unfinished--;
      this.dispatcher.finished(attempt, member, this.nowMs);
      this.#world.finished(member, this.nowMs);
    } else {
      this.dispatcher.finished(attempt, member, this.nowMs);
    }
  }

  #end(attempt: number, end: InvocationEnd): void {
    const open = this.#open.get(attempt) as OpenAttempt;
    const left = open.batch.members.filter((member) => this.#running.get(member.runnable.key) === attempt);
    const verdicts = this.dispatcher.ended(attempt, end, this.nowMs);
    assert.deepEqual(
      verdicts.map((each) => each.runnable.key),
      left.map((each) => each.runnable.key),
      "a verdict for each member without a result, and for no other",
    );
    this.#open.delete(attempt);
    for (const { runnable: member } of verdicts) this.#running.delete(member.key);
    for (const { runnable: member, verdict } of verdicts) {
      if (verdict.kind === "faulted") {
        assert.equal(open.batch.members.length, 1, "a fault counts only for who ran alone");
        assert.equal(open.batch.members[0]?.commandsMax, 1, "a fault counts only for a single command");
      }
      this.#world.judged(member, verdict, this.nowMs);
    }
  }
}

/** Events by time, among equals in the order they were pushed. */
class EventHeap {
  readonly #items: { readonly atMs: number; readonly order: number; readonly run: () => void }[] = [];
  #order = 0;

  get nextAtMs(): number {
    return this.#items[0]?.atMs ?? Number.POSITIVE_INFINITY;
  }

  push(atMs: number, run: () => void): void {
    const items = this.#items;
    const item = { atMs, order: this.#order++, run };
    let at = items.length;
    items.push(item);
    while (at > 0) {
      const above = (at - 1) >> 1;
      const parent = items[above] as typeof item;
      if (!isBefore(item, parent)) break;
      items[at] = parent;
      at = above;
    }
    items[at] = item;
  }

  pop(): () => void {
    const items = this.#items;
    const [first] = items;
    const last = items.pop();
    assert.ok(first !== undefined && last !== undefined);
    if (items.length > 0) {
      let at = 0;
      for (;;) {
        let below = 2 * at + 1;
        if (below >= items.length) break;
        if (below + 1 < items.length && isBefore(items[below + 1] as typeof last, items[below] as typeof last)) below++;
        if (!isBefore(items[below] as typeof last, last)) break;
        items[at] = items[below] as typeof last;
        at = below;
      }
      items[at] = last;
    }
    return first.run;
  }
}

function isBefore(left: { atMs: number; order: number }, right: { atMs: number; order: number }): boolean {
  return left.atMs < right.atMs || (left.atMs === right.atMs && left.order < right.order);
}
