import assert from "node:assert/strict";
import { test } from "node:test";
import type { Effect } from "../effect.js";
import { DirectoryClient } from "../ownership/directory-client.js";
import { Barrier } from "./barrier.js";
import type { LogWriter } from "./log-writer.js";

/** A log of which a test says how far it is. */
class Bench {
  readonly log = { log: "me-1", issued: 0, durable: 0, last: 0 };
  readonly effects: Effect[] = [];
  readonly client = new DirectoryClient(this.effects, (code) => assert.fail(code));
  readonly sealedAt: number[] = [];
  readonly passed: string[] = [];
  readonly barrier = new Barrier({
    log: this.log as unknown as LogWriter,
    client: this.client,
    sealed: (position) => this.sealedAt.push(position),
  });

  pass(name: string): void {
    this.barrier.pass(() => this.passed.push(name));
  }

  /** Positions that were asked for since the last time. */
  probes(): number[] {
    this.barrier.turn();
    return this.effects.splice(0).map((effect) => (effect.kind === "readRecords" ? effect.position : assert.fail(effect.kind)));
  }

  at(position: number, bodies: readonly Uint8Array[]): void {
    this.client.recordsRead("me-1", position, { kind: "records", bodies });
  }
}

const TAKEN = [new Uint8Array(3)];

test("a record that was issued behind the arrival and became durable lets it through; one that was issued before does not", () => {
  const bench = new Bench();
  Object.assign(bench.log, { issued: 2, durable: 1, last: 3 });
  bench.pass("a");
  assert.deepEqual(bench.probes(), []);
  bench.log.durable = 2;
  assert.deepEqual(bench.probes(), []);
  assert.deepEqual(bench.passed, [], "it had gone out already");
  Object.assign(bench.log, { issued: 3, durable: 3 });
  bench.barrier.turn();
  assert.deepEqual(bench.passed, ["a"]);
  assert.equal(bench.barrier.waiting, 0);
});

test("with nothing under way the next position is looked at, and that it is absent lets through what waited then, not what came later", () => {
  const bench = new Bench();
  Object.assign(bench.log, { issued: 4, durable: 4, last: 4 });
  bench.pass("a");
  bench.pass("b");
  assert.deepEqual(bench.probes(), [5]);
  bench.pass("late");
  assert.deepEqual(bench.probes(), [], "one at a time");
  bench.at(5, []);
  assert.deepEqual(bench.passed, ["a", "b"]);
  assert.deepEqual(bench.probes(), [5], "it was asked before the late one came");
  bench.at(5, []);
  assert.deepEqual(bench.passed, ["a", "b", "late"]);
  assert.deepEqual(bench.probes(), []);
});

test("a position that somebody else has taken ends the incarnation, and lets nothing through", () => {
  const bench = new Bench();
  bench.pass("a");
  assert.deepEqual(bench.probes(), [1]);
  bench.at(1, TAKEN);
  assert.deepEqual(bench.sealedAt, [1]);
  assert.deepEqual(bench.passed, []);
});

test("a record of ours that went out while the position was looked at is no seal: it is waited for, and proves it", () => {
  const bench = new Bench();
  bench.pass("a");
  assert.deepEqual(bench.probes(), [1]);
  Object.assign(bench.log, { issued: 1, last: 1 });
  bench.at(1, TAKEN);
  assert.deepEqual(bench.sealedAt, []);
  assert.deepEqual(bench.passed, []);
  bench.log.durable = 1;
  bench.barrier.turn();
  assert.deepEqual(bench.passed, ["a"]);
});

test("a look that fails is no proof: it is looked again until there is an answer", () => {
  const bench = new Bench();
  bench.pass("a");
  assert.deepEqual(bench.probes(), [1]);
  bench.client.recordsRead("me-1", 1, { kind: "failed", message: "no answer" });
  assert.deepEqual(bench.probes(), []);
  assert.deepEqual(bench.passed, []);
  bench.client.wake(bench.client.wakeAtMs ?? assert.fail());
  assert.deepEqual(bench.probes(), [1]);
  bench.at(1, []);
  assert.deepEqual(bench.passed, ["a"]);
});
