import assert from "node:assert/strict";
import { test } from "node:test";
import type { Effect } from "../effect.js";
import { DirectoryClient } from "../ownership/directory-client.js";
import type { NodeDocument } from "../ownership/documents.js";
import { Barrier } from "./barrier.js";
import type { LogWriter } from "./log-writer.js";

/** A log of which a test says how far it is. */
class Bench {
  readonly log = { log: "me-1", issued: 0, durable: 0, last: 0 };
  readonly effects: Effect[] = [];
  readonly client = new DirectoryClient(this.effects, (code) => assert.fail(code));
  lost = 0;
  readonly passed: string[] = [];
  readonly barrier = new Barrier({
    log: this.log as unknown as LogWriter,
    client: this.client,
    nodeKey: KEY,
    statusOf: ({ token }) => token as NodeDocument["status"],
    lost: () => this.lost++,
  });

  pass(name: string): void {
    this.barrier.pass(() => this.passed.push(name));
  }

  /** How often the own document was asked for since the last time. */
  probes(): number {
    this.barrier.turn();
    return this.effects
      .splice(0)
      .filter((effect) => (effect.kind === "readDocument" ? effect.key === KEY : assert.fail(effect.kind))).length;
  }

  found(status: NodeDocument["status"] | null): void {
    const document = { token: status ?? "", body: new Uint8Array(0) };
    this.client.documentRead(KEY, status === null ? { kind: "absent" } : { kind: "found", document });
  }
}

const KEY = "node/me-1";

test("a record that was issued behind the arrival and became durable lets it through; one that was issued before does not", () => {
  const bench = new Bench();
  Object.assign(bench.log, { issued: 2, durable: 1, last: 3 });
  bench.pass("a");
  assert.equal(bench.probes(), 0);
  bench.log.durable = 2;
  assert.equal(bench.probes(), 0);
  assert.deepEqual(bench.passed, [], "it had gone out already");
  Object.assign(bench.log, { issued: 3, durable: 3 });
  bench.barrier.turn();
  assert.deepEqual(bench.passed, ["a"]);
  assert.equal(bench.barrier.waiting, 0);
});

test("with nothing under way the own document is looked at, and that it is alive lets through what waited then, not what came later", () => {
  const bench = new Bench();
  Object.assign(bench.log, { issued: 4, durable: 4, last: 4 });
  bench.pass("a");
  bench.pass("b");
  assert.equal(bench.probes(), 1);
  bench.pass("late");
  assert.equal(bench.probes(), 0, "one at a time");
  bench.found("alive");
  assert.deepEqual(bench.passed, ["a", "b"]);
  assert.equal(bench.probes(), 1, "it was asked before the late one came");
  bench.found("alive");
  assert.deepEqual(bench.passed, ["a", "b", "late"]);
  assert.equal(bench.probes(), 0);
});

for (const status of ["dead", null] as const) {
  test(`a document that is ${status ?? "gone"} ends the incarnation, and lets nothing through`, () => {
    const bench = new Bench();
    bench.pass("a");
    assert.equal(bench.probes(), 1);
    bench.found(status);
    assert.equal(bench.lost, 1);
    assert.deepEqual(bench.passed, []);
  });
}

test("a record that goes out while the document is looked at proves it as well", () => {
  const bench = new Bench();
  bench.pass("a");
  assert.equal(bench.probes(), 1);
  Object.assign(bench.log, { issued: 1, last: 1, durable: 1 });
  bench.barrier.turn();
  assert.deepEqual(bench.passed, ["a"]);
  bench.found("alive");
  assert.deepEqual(bench.passed, ["a"]);
});

test("a look that fails is no proof: it is looked again until there is an answer", () => {
  const bench = new Bench();
  bench.pass("a");
  assert.equal(bench.probes(), 1);
  bench.client.documentRead(KEY, { kind: "failed", message: "no answer" });
  assert.equal(bench.probes(), 0);
  assert.deepEqual(bench.passed, []);
  bench.client.wake(bench.client.wakeAtMs ?? assert.fail());
  assert.equal(bench.probes(), 1);
  bench.found("alive");
  assert.deepEqual(bench.passed, ["a"]);
});
