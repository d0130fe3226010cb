import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeUtf8, readUtf8 } from "../../src/core/bytes/utf8.js";
import { CacheBudget } from "../../src/core/store/cache-budget.js";
import { crc32 } from "../../src/core/store/crc32.js";
import type { SegmentReference } from "../../src/core/store/segment-reference.js";
import { COLD, type Completion, ShardStore } from "../../src/core/store/shard-store.js";
import type { StoreEffect } from "../../src/core/store/store-io.js";
import { DEFAULT_STORE_LIMITS } from "../../src/core/store/store-options.js";
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

  constructor(segments: readonly SegmentReference[] = []) {
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
      checksum: crc32,
      merge: joined,
      cache: this.cache,
      limits: DEFAULT_STORE_LIMITS,
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

test("the effects of a store that holds nothing are none", () => {
  const effects: StoreEffect[] = new Bench().driver.queue;
  assert.deepEqual(effects, []);
});
