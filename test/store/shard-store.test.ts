import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeUtf8, readUtf8 } from "../../src/core/bytes/utf8.js";
import { CacheBudget } from "../../src/core/store/cache-budget.js";
import type { SegmentReference } from "../../src/core/store/segment-reference.js";
import { COLD, type Completion, ShardStore } from "../../src/core/store/shard-store.js";
import type { StoreEffect } from "../../src/core/store/store-io.js";
import { DEFAULT_STORE_LIMITS } from "../../src/core/store/store-options.js";
import { segmentTools } from "../../src/router/driver/segment-tools.js";
import { StoreDriver } from "./store-driver.js";

/** Partial values in these tests: the newer text in front of the older one. */
const joined = (newer: Uint8Array, older: Uint8Array) => encodeUtf8(`${readUtf8(newer)}+${readUtf8(older)}`);

class Bench {
  readonly driver = new StoreDriver(joined);
  cache = new CacheBudget(16 * 1024 * 1024);
  store: ShardStore;
  nowMs = 1_000;
  #requests = 0;
  #objects = 0;

  readonly #isDeflated: boolean;

  constructor(segments: readonly SegmentReference[] = [], isDeflated = false) {
    this.#isDeflated = isDeflated;
    this.store = this.opened(segments);
  }

  opened(segments: readonly SegmentReference[]): ShardStore {
    this.driver.queue = [];
    this.cache = new CacheBudget(16 * 1024 * 1024);
    const store = new ShardStore({
      shard: 0,
      segments,
      clusterId: encodeUtf8("c1"),
      nextRequest: () => ++this.#requests,
      nextObjectName: () => `s/${++this.#objects}`,
      ...segmentTools,
      merge: joined,
      cache: this.cache,
      limits: { ...DEFAULT_STORE_LIMITS, isDeflated: this.#isDeflated },
    });
    store.open(this.driver.queue);
    return store;
  }

  put(key: string, value: string, expiresAtMs = 0, isPartial = false): void {
    this.store.put(encodeUtf8(key), encodeUtf8(value), expiresAtMs, isPartial);
  }

  get(key: string): string | null | typeof COLD {
    const found = this.store.get(encodeUtf8(key));
    return found === null || found === COLD ? found : readUtf8(found.value);
  }

  /** Nothing else names what the manifest no longer does. */
  confirm(): void {
    const pending = this.store.pendingManifest();
    assert.notEqual(pending, null);
    const named = this.store.segments;
    this.store.manifestConfirmed();
    for (const { object } of named) if (!this.store.segments.some((kept) => kept.object === object)) this.store.discard(object);
  }

  /** Performs all IO, also that which follows. */
  settle(): void {
    while (this.driver.queue.length > 0) this.store.step(this.nowMs, [this.driver.perform(0)], this.driver.queue);
  }

  completions(): readonly Completion[] {
    const all: Completion[] = [];
    do {
      this.settle();
      all.push(...this.store.takeCompletions(this.driver.queue));
    } while (this.driver.queue.length > 0);
    return all;
  }

  load(key: string): string | null {
    const ticket = this.store.load(encodeUtf8(key), this.driver.queue);
    const [completion] = this.completions();
    assert.equal(completion?.ticket, ticket);
    assert.equal(completion.kind, "value");
    return completion.value === null ? null : readUtf8(completion.value.value);
  }

  scan(from: string, to: string | null, limit = 100, isReverse = false): string {
    const range = { from: encodeUtf8(from), to: to === null ? null : encodeUtf8(to), limit, bytesMax: 1e6, isReverse };
    this.store.scan(range, this.driver.queue);
    const [completion] = this.completions();
    assert.equal(completion?.kind, "page");
    return completion.items.map((item) => `${readUtf8(item.key)}=${readUtf8(item.value)}`).join(" ");
  }

  flush(coveredTo = 1): void {
    this.store.freeze(coveredTo);
    this.store.startFlush(this.driver.queue);
    this.settle();
    assert.equal(this.store.pendingManifest()?.coveredTo, coveredTo);
    this.store.manifestConfirmed();
  }

  reopen(): void {
    const { segments } = this.store;
    this.store = this.opened(segments);
    this.settle();
    assert.equal(this.store.isOpen, true);
  }
}

test("what was put is read back, what was removed or has expired is not there", () => {
  const bench = new Bench();
  bench.put("a", "1");
  bench.put("b", "2", 1_500);
  bench.store.remove(encodeUtf8("a"));
  bench.put("c", "3");
  bench.store.step(1_499, [], bench.driver.queue);
  assert.equal(bench.get("a"), null);
  assert.equal(bench.get("b"), "2");
  assert.equal(bench.get("c"), "3");
  assert.equal(bench.get("d"), null);
  bench.store.step(1_500, [], bench.driver.queue);
  assert.equal(bench.get("b"), null);
});

test("after a flush and a reopening keys are cold, load, and are then in memory", () => {
  const bench = new Bench();
  bench.put("a", "1");
  bench.put("b", "2");
  bench.store.remove(encodeUtf8("b"));
  bench.flush();
  assert.equal(bench.get("a"), "1");
  bench.reopen();
  assert.equal(bench.get("a"), COLD);
  assert.equal(bench.load("a"), "1");
  assert.equal(bench.get("a"), "1");
  assert.equal(bench.get("b"), null, "the block is in the cache now");
  assert.equal(bench.get("zzz"), null, "outside of the segment's keys");
});

test("a scan merges tables and segments in order and in reverse", () => {
  const bench = new Bench();
  for (const key of ["a", "b", "c", "d"]) bench.put(key, "old");
  bench.flush();
  bench.put("b", "new");
  bench.flush();
  bench.reopen();
  bench.store.remove(encodeUtf8("c"));
  bench.put("bb", "fresh");
  assert.equal(bench.scan("a", null), "a=old b=new bb=fresh d=old");
  assert.equal(bench.scan("b", "d"), "b=new bb=fresh");
  assert.equal(bench.scan("a", "d", 2, true), "bb=fresh b=new");
});

test("a partial value is merged with what is below it, in memory, in segments and by compaction", () => {
  const bench = new Bench();
  bench.put("a", "base");
  bench.flush();
  bench.put("a", "p1", 0, true);
  assert.equal(bench.get("a"), "p1+base");
  bench.flush();
  bench.put("a", "p2", 0, true);
  bench.flush();
  bench.reopen();
  bench.put("a", "p3", 0, true);
  assert.equal(bench.get("a"), COLD);
  assert.equal(bench.load("a"), "p3+p2+p1+base");
  bench.flush();
  assert.equal(bench.store.startCompaction(bench.driver.queue), true);
  bench.settle();
  assert.equal(bench.store.pendingManifest()?.segments.length, 1);
  bench.store.manifestConfirmed();
  bench.reopen();
  assert.equal(bench.load("a"), "p3+p2+p1+base");
});

for (const isDeflated of [false, true]) {
  test(`flushes and compactions write what the setting says: ${isDeflated ? "deflated" : "as it is"}`, () => {
    const bench = new Bench([], isDeflated);
    const sizes: number[] = [];
    const measure = () => {
      const { object, bytes, tailBytes } = bench.store.segments[0] as SegmentReference;
      assert.equal(bench.driver.objects.get(object)?.length, bytes);
      sizes.push(bytes - tailBytes);
    };
    for (let flush = 0; flush < 4; flush++) {
      bench.put(`k${flush}`, "x".repeat(5_000));
      bench.flush();
      measure();
    }
    assert.equal(bench.store.startCompaction(bench.driver.queue), true);
    bench.settle();
    bench.confirm();
    measure();
    const expected = sizes.map((_, at) => (at < 4 ? 5_000 : 20_000));
    for (const [at, size] of sizes.entries()) assert.equal(size < (expected[at] ?? 0) / 10, isDeflated, `${sizes}`);
    bench.reopen();
    for (let flush = 0; flush < 4; flush++) assert.equal(bench.load(`k${flush}`), "x".repeat(5_000));
  });
}

test("an object that is not there is a problem with its name, never an absent key", () => {
  const bench = new Bench();
  bench.put("a", "1");
  bench.flush();
  const object = bench.store.segments[0]?.object as string;
  bench.reopen();
  bench.driver.objects.delete(object);
  bench.store.load(encodeUtf8("a"), bench.driver.queue);
  const [completion] = bench.completions();
  assert.equal(completion?.kind, "problem");
  assert.equal(completion.problem.code, "segment_missing");
  assert.equal(bench.store.problem?.object, object);
});

function damage(bench: Bench, object: string, change: (bytes: Uint8Array) => Uint8Array): void {
  bench.driver.objects.set(object, change((bench.driver.objects.get(object) as Uint8Array).slice()));
}

function flipped(bytes: Uint8Array, at: number): Uint8Array {
  bytes[at] = (bytes[at] as number) ^ 1;
  return bytes;
}

test("opening refuses a missing, damaged, shortened or newer segment, each by its code and name", () => {
  const cases: [code: string, spoil: (bench: Bench, object: string) => void][] = [
    ["segment_missing", (bench, object) => bench.driver.objects.delete(object)],
    ["segment_damaged", (bench, object) => damage(bench, object, (bytes) => flipped(bytes, bytes.length - 30))],
    ["segment_damaged", (bench, object) => damage(bench, object, (bytes) => bytes.subarray(0, bytes.length - 1))],
    ["segment_damaged", (bench, object) => damage(bench, object, () => new Uint8Array(0))],
  ];
  for (const [code, spoil] of cases) {
    const bench = new Bench();
    bench.put("a", "1");
    bench.flush();
    const { segments } = bench.store;
    const object = segments[0]?.object as string;
    spoil(bench, object);
    bench.store = bench.opened(segments);
    bench.store.load(encodeUtf8("a"), bench.driver.queue);
    const [completion] = bench.completions();
    assert.equal(bench.store.isOpen, false);
    assert.equal(bench.store.problem?.code, code);
    assert.equal(bench.store.problem?.object, object);
    assert.equal(completion?.kind, "problem", "a read is refused, not left waiting");
  }
});

test("a damaged block is a problem with the object's name, for loads and for scans", () => {
  for (const kind of ["load", "scan"] as const) {
    const bench = new Bench();
    bench.put("a", "1");
    bench.flush();
    const object = bench.store.segments[0]?.object as string;
    bench.reopen();
    damage(bench, object, (bytes) => flipped(bytes, 22));
    if (kind === "load") bench.store.load(encodeUtf8("a"), bench.driver.queue);
    else bench.store.scan({ from: encodeUtf8("a"), to: null, limit: 1, bytesMax: 1 }, bench.driver.queue);
    const [completion] = bench.completions();
    assert.equal(completion?.kind, "problem");
    assert.deepEqual([completion.problem.code, completion.problem.object], ["segment_damaged", object]);
  }
});

test("an opening read that fails is tried again with growing waits until it succeeds", () => {
  const bench = new Bench();
  bench.put("a", "1");
  bench.flush();
  bench.store = bench.opened(bench.store.segments);
  const waits: number[] = [];
  for (let tries = 0; tries < 4; tries++) {
    bench.store.step(bench.nowMs, [bench.driver.perform(0, "fail")], bench.driver.queue);
    assert.equal(bench.driver.queue.length, 0);
    waits.push(bench.store.wakeAtMs - bench.nowMs);
    bench.nowMs = bench.store.wakeAtMs;
    bench.store.step(bench.nowMs, [], bench.driver.queue);
  }
  bench.settle();
  assert.equal(bench.store.isOpen, true);
  assert.deepEqual(waits, [100, 200, 400, 800]);
  assert.equal(bench.load("a"), "1");
});

test("a flush whose write fails or stays unknown is written again under a new name; an unknown one is an orphan", () => {
  const bench = new Bench();
  bench.put("a", "1");
  bench.store.freeze(7);
  bench.store.startFlush(bench.driver.queue);
  for (const fate of ["fail", "ghost"] as const) {
    bench.store.step(bench.nowMs, [bench.driver.perform(0, fate)], bench.driver.queue);
    assert.equal(bench.store.pendingManifest(), null);
    bench.nowMs = bench.store.wakeAtMs;
    bench.store.step(bench.nowMs, [], bench.driver.queue);
  }
  assert.equal(bench.store.failures.flush, 2);
  bench.settle();
  assert.equal(bench.store.pendingManifest()?.coveredTo, 7);
  assert.deepEqual(
    bench.store.pendingManifest()?.segments.map((segment) => segment.object),
    ["s/3"],
  );
  assert.deepEqual(bench.store.orphans, ["s/2"]);
  assert.equal(bench.store.failures.flush, 0);
});

test("what is written during a flush is not part of it, and stays dirty", () => {
  const bench = new Bench();
  bench.put("a", "1");
  bench.store.freeze(1);
  bench.put("a", "2");
  bench.put("b", "3");
  bench.store.startFlush(bench.driver.queue);
  bench.settle();
  bench.confirm();
  assert.equal(bench.get("a"), "2");
  assert.equal(bench.store.dirtyCount, 2);
  bench.reopen();
  assert.equal(bench.load("a"), "1");
  assert.equal(bench.load("b"), null);
});

test("freezing nothing needs no object, only a manifest that covers more", () => {
  const bench = new Bench();
  bench.store.freeze(9);
  bench.store.startFlush(bench.driver.queue);
  assert.equal(bench.driver.queue.length, 0);
  assert.deepEqual(bench.store.pendingManifest()?.segments, []);
  assert.equal(bench.store.pendingManifest()?.coveredTo, 9);
  bench.store.manifestConfirmed();
  assert.equal(bench.store.pendingManifest(), null);
  assert.equal(bench.store.isThawed, true);
});

test("a merge replaces its inputs, which are deleted when they are discarded, after the grace", () => {
  const bench = new Bench();
  for (let index = 0; index < 4; index++) {
    bench.put(`k${index}`, "x");
    bench.flush();
  }
  assert.equal(bench.store.startCompaction(bench.driver.queue), true);
  assert.equal(bench.store.startCompaction(bench.driver.queue), false, "one at a time");
  bench.settle();
  assert.equal(bench.store.pendingManifest()?.segments.length, 1);
  bench.store.manifestConfirmed();
  assert.deepEqual(bench.store.deletions, [], "the descriptor may name them still, as its previous manifest");
  for (const object of ["s/4", "s/3", "s/2", "s/1"]) bench.store.discard(object);
  assert.deepEqual(bench.store.deletions, ["s/4", "s/3", "s/2", "s/1"]);
  bench.nowMs += DEFAULT_STORE_LIMITS.deletionGraceMs - 1;
  bench.store.step(bench.nowMs, [], bench.driver.queue);
  assert.equal(bench.driver.queue.length, 0);
  bench.nowMs += 1;
  bench.store.step(bench.nowMs, [], bench.driver.queue);
  bench.store.step(bench.nowMs, [bench.driver.perform(0, "fail")], bench.driver.queue);
  bench.settle();
  assert.equal(bench.store.deletions.length, 1, "the one that failed is tried again later");
  bench.nowMs = bench.store.wakeAtMs;
  bench.store.step(bench.nowMs, [], bench.driver.queue);
  bench.settle();
  assert.deepEqual([...bench.driver.objects.keys()], ["s/5"]);
});

test("a merge of tombstones alone leaves no object and an empty manifest", () => {
  const bench = new Bench();
  for (let index = 0; index < 4; index++) {
    bench.store.remove(encodeUtf8("gone"));
    bench.flush();
  }
  bench.store.startCompaction(bench.driver.queue);
  bench.settle();
  assert.deepEqual(bench.store.pendingManifest()?.segments, []);
  bench.store.manifestConfirmed();
  assert.equal(bench.get("gone"), null);
  assert.equal(bench.scan("a", null), "");
});

test("a merge that meets a missing input makes the store refuse, by the object's name", () => {
  const bench = new Bench();
  for (let index = 0; index < 4; index++) {
    bench.put(`k${index}`, "x");
    bench.flush();
  }
  bench.driver.objects.delete("s/2");
  bench.store.startCompaction(bench.driver.queue);
  bench.settle();
  assert.deepEqual([bench.store.problem?.code, bench.store.problem?.object], ["segment_missing", "s/2"]);
});

test("equal loads share one read, and a write in between is what all of them show", () => {
  const bench = new Bench();
  bench.put("a", "1");
  bench.flush();
  bench.reopen();
  const key = encodeUtf8("a");
  for (let index = 0; index < 3; index++) bench.store.load(key, bench.driver.queue);
  assert.equal(bench.driver.queue.length, 1);
  bench.put("a", "2");
  const values = bench
    .completions()
    .map((each) => (each.kind === "value" && each.value !== null ? readUtf8(each.value.value) : null));
  assert.deepEqual(values, ["2", "2", "2"]);
});

test("a long scan reads ahead: far fewer reads than blocks", () => {
  const bench = new Bench();
  for (let index = 0; index < 3_000; index++) bench.put(`k${String(index).padStart(5, "0")}`, "v".repeat(300));
  bench.flush();
  bench.reopen();
  const range = { from: encodeUtf8("k"), to: null, limit: 3_000, bytesMax: 1e9 };
  bench.store.scan(range, bench.driver.queue);
  const [page] = bench.completions();
  assert.equal(page?.kind, "page");
  assert.equal(page.items.length, 3_000);
  assert.ok(bench.store.statistics.blockReads <= 10, `${bench.store.statistics.blockReads} reads`);
});

test("clean data is dropped to stay within the budget, dirty data is not", () => {
  const bench = new Bench();
  const value = "v".repeat(1_000);
  for (let round = 0; round < 20; round++) {
    for (let index = 0; index < 3_000; index++) bench.put(`${round}/${index}`, value);
    bench.flush(round);
    assert.ok(bench.cache.bytes <= bench.cache.bytesMax + 4_500_000, `${bench.cache.bytes} bytes`);
  }
  assert.ok(bench.cache.evictions > 5);
  assert.equal(bench.get("19/1"), value);
  assert.equal(bench.get("0/1"), COLD);
  for (let index = 0; index < 20_000; index++) bench.put(`dirty/${index}`, value);
  assert.equal(bench.cache.isOverfull, true);
  assert.equal(bench.cache.bytesOf("clean"), 0);
  assert.equal(bench.get("dirty/0"), value);
});

test("a value of four megabytes goes through flush, merge and reading in chunks", () => {
  const bench = new Bench();
  const big = "b".repeat(4 * 1024 * 1024);
  for (let index = 0; index < 4; index++) {
    bench.put(`k${index}`, index === 2 ? big : "small");
    bench.flush();
  }
  bench.store.startCompaction(bench.driver.queue);
  bench.settle();
  bench.confirm();
  bench.reopen();
  assert.equal(bench.load("k2"), big);
  assert.equal(bench.load("k1"), "small");
});

/** Four segments with a load of `k0` on its way to the oldest, and a merge of all of them confirmed meanwhile. */
function loadDuringMerge(): { readonly bench: Bench; readonly read: StoreEffect; readonly ticket: number } {
  const bench = new Bench();
  for (let index = 0; index < 4; index++) {
    bench.put(`k${index}`, `v${index}`);
    bench.flush();
  }
  bench.reopen();
  const ticket = bench.store.load(encodeUtf8("k0"), bench.driver.queue);
  const read = bench.driver.queue.pop() as StoreEffect;
  assert.equal(read.kind, "readObject");
  assert.equal(bench.store.startCompaction(bench.driver.queue), true);
  bench.settle();
  bench.confirm();
  bench.nowMs += DEFAULT_STORE_LIMITS.deletionGraceMs;
  bench.store.step(bench.nowMs, [], bench.driver.queue);
  bench.settle();
  assert.equal(bench.driver.objects.size, 1, "what was merged is deleted");
  return { bench, read, ticket };
}

test("a read that comes too late for a segment that was merged and deleted finds its key in the merged one", () => {
  const { bench, read, ticket } = loadDuringMerge();
  bench.driver.queue.push(read);
  const [completion] = bench.completions();
  assert.equal(bench.store.problem, null);
  assert.equal(completion?.ticket, ticket);
  assert.equal(completion.kind === "value" && completion.value !== null && readUtf8(completion.value.value), "v0");
});

test("a read that failed is not tried again on a segment that no manifest names any more", () => {
  const { bench, read } = loadDuringMerge();
  const input = { kind: "objectRead", request: read.request, result: { kind: "failed", message: "scripted" } } as const;
  bench.store.step(bench.nowMs, [input], bench.driver.queue);
  assert.equal(bench.store.failures.reads, 0);
  const [completion] = bench.completions();
  assert.equal(completion?.kind === "value" && completion.value !== null && readUtf8(completion.value.value), "v0");
});

test("a merge that fails is an orphan, and is tried again under another name after a wait", () => {
  const bench = new Bench();
  for (let index = 0; index < 4; index++) {
    bench.put(`k${index}`, "x");
    bench.flush();
  }
  bench.store.startCompaction(bench.driver.queue);
  bench.store.step(bench.nowMs, [bench.driver.perform(0, "ghost")], bench.driver.queue);
  assert.deepEqual(bench.store.orphans, ["s/5"]);
  assert.equal(bench.store.pendingManifest(), null);
  assert.equal(bench.store.startCompaction(bench.driver.queue), false, "not at once");
  bench.nowMs += 100;
  bench.store.step(bench.nowMs, [], bench.driver.queue);
  assert.equal(bench.store.startCompaction(bench.driver.queue), true);
  bench.settle();
  assert.deepEqual(
    bench.store.pendingManifest()?.segments.map((segment) => segment.object),
    ["s/6"],
  );
});
