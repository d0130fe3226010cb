/** The snapshot store answers nothing but failures for ten minutes, under load: work up to the bound, back-pressure, recovery without help. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Problem } from "../../src/core/answer.js";
import type { CoreSettings } from "../../src/core/core-settings.js";
import type { Effect } from "../../src/core/effect.js";
import type { Input } from "../../src/core/input.js";
import { PROBLEMS } from "../../src/router/ingress/problem-table.js";
import { CoreBench } from "./core-bench.js";

const TEN_MINUTES_MS = 600_000;
const STEP_MS = 500;
const FAILED = { kind: "failed", message: "gone" } as const;

/** What is reported of an effect that needs the snapshot store; undefined for all others. */
function failureOf(effect: Effect): Input | undefined {
  if (effect.kind === "listObjects") return { kind: "objectsListed", prefix: effect.prefix, outcome: FAILED };
  if (effect.kind !== "store") return undefined;
  const { shard, effect: asked } = effect;
  const { request } = asked;
  switch (asked.kind) {
    case "readObject":
      return { kind: "store", shard, input: { kind: "objectRead", request, result: FAILED } };
    case "writeObject":
      return { kind: "store", shard, input: { kind: "objectWritten", request, result: { kind: "unknown", message: "gone" } } };
    case "compact":
      return { kind: "store", shard, input: { kind: "compacted", request, result: FAILED } };
    case "deleteObject":
      return { kind: "store", shard, input: { kind: "objectDeleted", request, isDone: false } };
  }
}

/** Clients that put into ever other entities, some at a time, for as long as they are told to. */
class Clients {
  readonly bench: CoreBench;
  readonly #idsInAll: number;
  readonly acknowledged = new Map<string, number>();
  readonly refusals: { readonly atMs: number; readonly problem: Problem }[] = [];
  readonly #waiting = new Map<number, string>();
  /** Their entities could not be read in time. */
  unread = 0;
  #puts = 0;

  constructor(bench: CoreBench, idsInAll: number) {
    this.bench = bench;
    this.#idsInAll = idsInAll;
  }

  /** `each` is called after every step. */
  work(ms: number, each: () => void = () => undefined): void {
    for (let leftMs = ms; leftMs > 0; leftMs -= STEP_MS) {
      for (let n = 0; n < 8; n++) {
        const id = `c${this.#puts++ % this.#idsInAll}`;
        this.#waiting.set(this.bench.put(id), id);
      }
      this.bench.run(STEP_MS);
      this.#look();
      each();
    }
  }

  /** Entities that are neither in memory nor known to be new have to be read first: their clients wait. */
  get waiting(): number {
    this.#look();
    return this.#waiting.size;
  }

  get answered(): number {
    return this.#puts - this.waiting;
  }

  #look(): void {
    for (const [request, id] of this.#waiting) {
      const answer = this.bench.answers.get(request);
      if (answer === undefined) continue;
      this.#waiting.delete(request);
      if (answer.kind === "outcome") this.acknowledged.set(id, (this.acknowledged.get(id) ?? 0) + 1);
      else if (answer.kind === "problem" && answer.problem.code === "deadline_exceeded") this.unread++;
      else if (answer.kind === "problem") this.refusals.push({ atMs: this.bench.nowMs, problem: answer.problem });
      else assert.fail(answer.kind);
    }
  }

  /** In the incarnation that lives, and in the next one. */
  checkNothingLost(next: CoreBench): void {
    for (const bench of [this.bench, next]) {
      for (const [id, count] of this.acknowledged) assert.equal(bench.versionOf(id), count, id);
    }
  }
}

interface Bound {
  readonly tailRecords: number;
  /** Of everything that is held. */
  readonly bytes: number;
}

function boundOf({ core }: CoreBench): Bound {
  const { tailRecords, memory } = core.snapshot();
  return { tailRecords, bytes: memory.bytes };
}

function stateBytes({ core }: CoreBench): number {
  return core.snapshot().memory.bytesOf("state");
}

/** An outage of ten minutes; checks all that is the same whatever the bound is. Gives what stood at the first refusal. */
function outage(changed: Partial<CoreSettings>, idsInAll: number, code: string): Bound {
  const bench = CoreBench.started("a-1", undefined, changed);
  const clients = new Clients(bench, idsInAll);
  clients.work(20_000);
  assert.equal(clients.refusals.length, 0);

  bench.storage.intercept = failureOf;
  const goneAtMs = bench.nowMs;
  let atBound: Bound | null = null;
  clients.work(TEN_MINUTES_MS, () => {
    if (clients.refusals.length > 0) atBound ??= boundOf(bench);
  });
  const [first] = clients.refusals;
  assert.ok(first !== undefined && first.atMs - goneAtMs > 30_000, `work goes on at first: ${first?.atMs}`);
  assert.equal(bench.ended, null, "the incarnation lives through it");
  assert.ok(clients.waiting + clients.unread < clients.answered / 20, `${clients.unread} could not be read`);
  for (const { problem } of clients.refusals) {
    assert.equal(problem.code, code);
    assert.ok((problem.retryAfterMs ?? 0) >= 1_000, "it says when to come again");
  }
  assert.equal(PROBLEMS[code]?.isRetryable, true);
  const changedBytes = stateBytes(bench);
  assert.equal(clients.refusals.at(-1)?.atMs, bench.nowMs, "back-pressure lasts as long as the outage");
  const [id, count] = [...clients.acknowledged].at(-1) ?? assert.fail();
  assert.equal(bench.versionOf(id), count, "what has changed is in memory, and is read all the same");

  bench.storage.intercept = () => undefined;
  bench.run(60_000);
  const after = bench.core.snapshot();
  assert.equal(after.tailRecords, 0, "everything drains by itself");
  assert.equal(after.flushing, 0);
  assert.equal(clients.waiting, 0);
  assert.ok(stateBytes(bench) < changedBytes / 4);
  const refused = clients.refusals.length;
  clients.work(20_000);
  assert.equal(clients.refusals.length, refused, "and new work is taken");
  clients.checkNothingLost(CoreBench.started("b-1", bench.storage, changed));
  assert.ok(atBound !== null);
  return atBound;
}

test("up to the bound of the tail commands run; beyond it they get storage_slow until the store is back", () => {
  const tailRecordsMax = 500;
  const admission = { tailBytesMax: 64 << 20, tailRecordsMax, durableLagMaxMs: 5_000, recordAgeMaxMs: Infinity };
  const { tailRecords } = outage({ admission }, 500, "storage_slow");
  assert.ok(tailRecords >= tailRecordsMax && tailRecords < tailRecordsMax + 8, `${tailRecords}`);
});

test("where memory is shorter than the tail, commands get overloaded as soon as it nears its total", () => {
  const memory = { totalBytes: 3 << 20, reserveBytes: 512 << 10, cacheBytes: 512 << 10 };
  const { bytes } = outage({ memory }, 100_000, "overloaded");
  assert.ok(bytes <= memory.totalBytes, "never beyond it");
  assert.ok(bytes > memory.totalBytes - memory.reserveBytes - (256 << 10), `${bytes}`);
});
