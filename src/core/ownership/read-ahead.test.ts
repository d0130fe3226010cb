import assert from "node:assert/strict";
import { test } from "node:test";
import type { Effect } from "../effect.js";
import type { ShardStore } from "../store/shard-store.js";
import type { ShardDescriptor } from "./documents.js";
import { ReadAhead } from "./read-ahead.js";

const DESCRIPTOR = {
  shard: 3,
  epoch: 7,
  owner: "a-1",
  segments: [{ object: "s-1" }, { object: "s-2" }],
} as unknown as ShardDescriptor;

/** A store that answers reads when a test says so. */
class FakeStore {
  readonly segments: ShardDescriptor["segments"];
  problem: unknown = null;
  isAnswering = false;
  isClosed = false;
  wakeAtMs = Infinity;
  #tickets: number[] = [];
  #last = 0;

  constructor(segments: ShardDescriptor["segments"]) {
    this.segments = segments;
  }

  get(): null {
    return null;
  }

  scan(): number {
    this.#tickets.push(++this.#last);
    return this.#last;
  }

  takeCompletion() {
    const ticket = this.isAnswering ? this.#tickets.shift() : undefined;
    return ticket === undefined ? null : { kind: "page", ticket, items: [], next: null };
  }

  open(effects: unknown[]): void {
    effects.push({ kind: "readObject", request: 1, object: "s-1", offset: 0, length: 9 });
  }

  step(): void {
    // Its tickets are answered when they are taken.
  }

  close(): void {
    this.isClosed = true;
  }
}

class Bench {
  readonly effects: Effect[] = [];
  readonly stores: FakeStore[] = [];
  readonly epochs: number[] = [];
  readonly done: string[] = [];
  readonly ahead = new ReadAhead({
    effects: this.effects,
    nowMs: () => 1_000,
    tickMs: () => 10,
    makeStore: ({ segments, epoch }) => {
      const store = new FakeStore(segments);
      this.stores.push(store);
      this.epochs.push(epoch);
      return store as unknown as ShardStore;
    },
    done: (shard, epoch) => this.done.push(`${shard}@${epoch}`),
  });
}

const coming = (changed: Partial<ShardDescriptor> = {}): ShardDescriptor => ({
  ...DESCRIPTOR,
  epoch: 8,
  owner: "b-1",
  ...changed,
});

test("it tells once when all is read, and the store is the shard's where the same segments come", () => {
  const bench = new Bench();
  bench.ahead.begin(DESCRIPTOR);
  assert.deepEqual(bench.epochs, [8], "what it may write has names of the next owner");
  assert.ok(bench.effects.some((effect) => effect.kind === "store" && effect.shard === 3));
  bench.ahead.turn();
  assert.deepEqual(bench.done, []);
  const [store] = bench.stores;
  if (store !== undefined) store.isAnswering = true;
  bench.ahead.turn();
  bench.ahead.turn();
  assert.deepEqual(bench.done, ["3@7"]);
  assert.equal(bench.ahead.take(coming()), store);
  assert.equal(store?.isClosed, false);
  assert.equal(bench.ahead.has(3), false);
});

test("other segments, another epoch, or a store in trouble: it is dropped, and the shard begins anew", () => {
  const [first] = DESCRIPTOR.segments;
  for (const descriptor of [coming({ segments: first === undefined ? [] : [first] }), coming({ epoch: 9 })]) {
    const bench = new Bench();
    bench.ahead.begin(DESCRIPTOR);
    assert.equal(bench.ahead.take(descriptor), null);
    assert.equal(bench.stores[0]?.isClosed, true);
  }
  const bench = new Bench();
  bench.ahead.begin(DESCRIPTOR);
  const [store] = bench.stores;
  if (store !== undefined) store.problem = { code: "segment_missing" };
  bench.ahead.turn();
  bench.ahead.turn();
  assert.deepEqual(bench.done, ["3@7"], "nobody is kept waiting for it");
  if (store !== undefined) store.wakeAtMs = 500;
  assert.equal(bench.ahead.wakeAtMs(), Infinity, "it would be woken for nothing");
  assert.equal(bench.ahead.take(coming()), null);
});

test("what is shown anew is read anew; what nobody waits for is dropped", () => {
  const bench = new Bench();
  bench.ahead.begin(DESCRIPTOR);
  bench.ahead.begin(DESCRIPTOR);
  assert.deepEqual(
    bench.stores.map(({ isClosed }) => isClosed),
    [true, false],
  );
  bench.ahead.keep(() => true);
  assert.equal(bench.ahead.has(3), true);
  bench.ahead.keep(() => false);
  assert.equal(bench.ahead.has(3), false);
  assert.equal(bench.stores[1]?.isClosed, true);
});
