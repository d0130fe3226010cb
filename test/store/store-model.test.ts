/**
 * The store against a plain map: whatever is written, flushed, compacted, evicted, lost and opened again, in whatever
 * order IO ends and fails, a read shows what the map shows, and a manifest names only what is there.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { compareBytes } from "../../src/core/bytes/compare.js";
import { encodeUtf8, readUtf8 } from "../../src/core/bytes/utf8.js";
import { CacheBudget } from "../../src/core/store/cache-budget.js";
import type { ScanRange } from "../../src/core/store/range-scan.js";
import type { SegmentReference } from "../../src/core/store/segment-reference.js";
import { COLD, type Completion, ShardStore } from "../../src/core/store/shard-store.js";
import { segmentTools } from "../../src/router/driver/segment-tools.js";
import { type Fate, StoreDriver } from "./store-driver.js";

/** A merged text keeps the newest three parts, so that it does not grow for ever and still tells what was merged. */
const joined = (newer: Uint8Array, older: Uint8Array) => encodeUtf8(joinedText(readUtf8(newer), readUtf8(older)));

function joinedText(newer: string, older: string): string {
  return `${newer}+${older}`;
}

interface Live {
  readonly value: string;
  readonly expiresAtMs: number;
}

type Model = Map<string, Live>;

type Step =
  | { readonly kind: "put"; readonly key: number; readonly size: number; readonly livesMs: number }
  | { readonly kind: "putPartial"; readonly key: number; readonly size: number }
  | { readonly kind: "remove" | "get" | "load"; readonly key: number }
  | { readonly kind: "scan"; readonly from: number; readonly to: number; readonly limit: number; readonly isReverse: boolean }
  | { readonly kind: "io"; readonly pick: number; readonly fate: Fate }
  | { readonly kind: "tick"; readonly ms: number }
  | { readonly kind: "freeze" | "flush" | "compact" | "confirm" | "settle" | "cycle" }
  | { readonly kind: "crash"; readonly isManifestLanded: boolean };

const KEYS = Array.from({ length: 48 }, (_, index) => {
  const family = index % 3;
  return `${"abc"[family]}${family === 1 ? "/shared/prefix/" : ""}${index}`;
}).sort();

/** Keys of the third family take partial values and never expire: what a merge shows does not depend on when it runs. */
const isPartialKey = (key: string) => key.startsWith("c");

class Run {
  readonly #driver = new StoreDriver(joined);
  readonly #cacheBytes: number;
  readonly #isDeflated: boolean;
  #store: ShardStore;
  #cache: CacheBudget;
  #nowMs = 1_000;
  #requests = 0;
  #objects = 0;
  #values = 0;
  #model: Model = new Map();
  #frozen: Model | null = null;
  #durable: Model = new Map();
  #asked = new Map<number, { readonly key: string } | { readonly range: ScanRange }>();
  readonly counts = {
    cold: 0,
    loads: 0,
    pages: 0,
    failedReads: 0,
    flushes: 0,
    compactions: 0,
    crashes: 0,
    evictions: 0,
    deletes: 0,
  };

  constructor(cacheBytes: number, isDeflated: boolean) {
    this.#cacheBytes = cacheBytes;
    this.#isDeflated = isDeflated;
    this.#cache = new CacheBudget(cacheBytes);
    this.#store = this.#opened([]);
  }

  take(step: Step): void {
    switch (step.kind) {
      case "put": {
        const key = KEYS[step.key] as string;
        this.#put(key, step.size, step.livesMs === 0 || isPartialKey(key) ? 0 : this.#nowMs + step.livesMs, false);
        break;
      }
      case "putPartial": {
        const key = KEYS[step.key] as string;
        this.#put(key, step.size, 0, isPartialKey(key));
        break;
      }
      case "remove":
        this.#store.remove(encodeUtf8(KEYS[step.key] as string));
        this.#model.delete(KEYS[step.key] as string);
        break;
      case "get":
        this.#get(KEYS[step.key] as string);
        break;
      case "load": {
        const key = KEYS[step.key] as string;
        this.#asked.set(this.#store.load(encodeUtf8(key), this.#driver.queue), { key });
        break;
      }
      case "scan":
        this.#scan(step.from, step.to, step.limit, step.isReverse);
        break;
      case "io":
        if (this.#driver.queue.length > 0) this.#io(step.pick % this.#driver.queue.length, step.fate);
        break;
      case "tick":
        this.#nowMs += step.ms;
        this.#store.step(this.#nowMs, [], this.#driver.queue);
        break;
      case "freeze":
        if (!this.#store.isThawed) break;
        this.#store.freeze(1);
        this.#frozen = new Map(this.#model);
        break;
      case "flush":
        this.#store.startFlush(this.#driver.queue);
        break;
      case "compact":
        this.#store.startCompaction(this.#driver.queue);
        break;
      case "confirm":
        this.#confirm();
        break;
      case "settle":
        this.settle();
        break;
      case "cycle":
        for (const kind of ["freeze", "flush", "compact", "settle", "confirm", "compact"] as const) this.take({ kind });
        break;
      case "crash":
        this.#crash(step.isManifestLanded);
        break;
    }
    this.#complete();
    this.#check();
  }

  /** All IO to its end, without failures, time passing where the store waits for it. */
  settle(): void {
    this.#complete();
    for (let rounds = 0; this.#driver.queue.length > 0 || this.#store.wakeAtMs < Infinity; rounds++) {
      assert.ok(rounds < 10_000, "the store does not come to rest");
      if (this.#driver.queue.length > 0) this.#io(this.#driver.queue.length - 1, "ok");
      else this.take({ kind: "tick", ms: Math.max(1, this.#store.wakeAtMs - this.#nowMs) });
      this.#complete();
    }
  }

  finish(): void {
    this.settle();
    assert.equal(this.#asked.size, 0, "every read was answered");
    for (const key of KEYS) this.take({ kind: "load", key: KEYS.indexOf(key) });
    this.#scan(0, KEYS.length, 1_000, false);
    this.#scan(0, KEYS.length, 1_000, true);
    this.settle();
    assert.equal(this.#asked.size, 0, "every read was answered");
    this.counts.evictions += this.#cache.evictions;
    this.#store.close();
    for (const account of ["memtable", "frozen", "clean", "index", "pinned"] as const)
      assert.equal(this.#cache.bytesOf(account), 0, account);
    assert.equal(this.#cache.bytes, this.#cache.blocks.bytes);
  }

  #opened(segments: readonly SegmentReference[]): ShardStore {
    this.counts.evictions += this.#cache.evictions;
    this.#cache = new CacheBudget(this.#cacheBytes);
    this.#driver.queue = [];
    this.#asked.clear();
    const store = new ShardStore({
      shard: 0,
      segments,
      clusterId: encodeUtf8("model"),
      nextRequest: () => ++this.#requests,
      nextObjectName: () => `s/${++this.#objects}`,
      ...segmentTools,
      merge: joined,
      cache: this.#cache,
      limits: {
        isDeflated: this.#isDeflated,
        compactionReadBytes: 20_000,
        deletionGraceMs: 40,
        scanPinnedBytesMax: 30_000,
        scanVisitedMax: 20,
      },
    });
    store.open(this.#driver.queue);
    store.step(this.#nowMs, [], this.#driver.queue);
    return store;
  }

  #put(key: string, size: number, expiresAtMs: number, isPartial: boolean): void {
    const value = `${++this.#values}${".".repeat(size)}`;
    this.#store.put(encodeUtf8(key), encodeUtf8(value), expiresAtMs, isPartial);
    const below = this.#live(key);
    this.#model.set(key, { value: isPartial && below !== null ? joinedText(value, below) : value, expiresAtMs });
  }

  #live(key: string): string | null {
    const live = this.#model.get(key);
    return live === undefined || (live.expiresAtMs !== 0 && live.expiresAtMs <= this.#nowMs) ? null : live.value;
  }

  #get(key: string): void {
    const found = this.#store.get(encodeUtf8(key));
    if (found === COLD) this.counts.cold += 1;
    else assert.equal(found === null ? null : readUtf8(found.value), this.#live(key), `get of ${key}`);
  }

  #scan(from: number, to: number, limit: number, isReverse: boolean): void {
    const range: ScanRange = {
      from: encodeUtf8(KEYS[Math.min(from, to)] ?? "z"),
      to: Math.max(from, to) >= KEYS.length ? null : encodeUtf8(KEYS[Math.max(from, to)] as string),
      limit,
      bytesMax: 40_000,
      isReverse,
    };
    this.#asked.set(this.#store.scan(range, this.#driver.queue), { range });
  }

  #io(index: number, fate: Fate): void {
    const { kind } = this.#driver.queue[index] as { kind: string };
    if (kind === "deleteObject") this.counts.deletes += 1;
    if (kind === "readObject" && fate !== "ok") this.counts.failedReads += 1;
    this.#store.step(this.#nowMs, [this.#driver.perform(index, fate)], this.#driver.queue);
  }

  #confirm(): void {
    const pending = this.#store.pendingManifest();
    if (pending === null) return;
    if (pending.coveredTo !== null) this.#durable = this.#frozen as Model;
    const named = this.#store.segments.map(({ object }) => object);
    this.#store.manifestConfirmed();
    for (const object of named) if (!pending.segments.some((kept) => kept.object === object)) this.#store.discard(object);
    this.counts.flushes = Math.max(this.counts.flushes, this.#store.statistics.flushes);
    this.counts.compactions = Math.max(this.counts.compactions, this.#store.statistics.compactions);
  }

  /** What was not in a confirmed manifest is lost here: the log would bring it back. The manifest on its way may have landed. */
  #crash(isManifestLanded: boolean): void {
    const pending = this.#store.pendingManifest();
    let { segments } = this.#store;
    if (pending !== null && isManifestLanded) {
      segments = pending.segments;
      if (pending.coveredTo !== null) this.#durable = this.#frozen as Model;
    }
    this.#model = new Map(this.#durable);
    this.#frozen = null;
    this.#store = this.#opened(segments);
    this.counts.crashes += 1;
  }

  #complete(): void {
    for (const completion of this.#store.takeCompletions(this.#driver.queue)) {
      const asked = this.#asked.get(completion.ticket);
      assert.ok(asked !== undefined, "one answer for each ticket");
      this.#asked.delete(completion.ticket);
      if (completion.kind === "value" && "key" in asked) {
        this.counts.loads += 1;
        const value = completion.value === null ? null : readUtf8(completion.value.value);
        assert.equal(value, this.#live(asked.key), `load of ${asked.key}`);
      } else if (completion.kind === "page" && "range" in asked) this.#checkPage(asked.range, completion);
      else assert.fail("an answer of the wrong kind");
    }
  }

  #checkPage(range: ScanRange, page: Extract<Completion, { kind: "page" }>): void {
    this.counts.pages += 1;
    const { next } = page;
    if (next !== null) {
      const isAhead =
        range.isReverse === true ? range.to === null || compareBytes(next, range.to) < 0 : compareBytes(next, range.from) > 0;
      assert.ok(isAhead, "a page gets on");
    }
    const from = range.isReverse === true && next !== null ? next : range.from;
    const to = range.isReverse !== true && next !== null ? next : range.to;
    const wanted = KEYS.filter((key) => {
      const bytes = encodeUtf8(key);
      return this.#live(key) !== null && compareBytes(bytes, from) >= 0 && (to === null || compareBytes(bytes, to) < 0);
    });
    if (range.isReverse === true) wanted.reverse();
    assert.ok(page.items.length <= range.limit);
    assert.deepEqual(
      page.items.map((item) => [readUtf8(item.key), readUtf8(item.value)]),
      wanted.map((key) => [key, this.#live(key)]),
    );
  }

  #check(): void {
    assert.equal(this.#store.problem, null);
    for (const segment of this.#store.segments)
      assert.ok(this.#driver.objects.has(segment.object), `${segment.object} is named and gone`);
  }
}

const key = fc.nat({ max: KEYS.length - 1 });
const size = fc.oneof(
  { weight: 3, arbitrary: fc.nat({ max: 40 }) },
  { weight: 2, arbitrary: fc.nat({ max: 3_000 }) },
  fc.constant(20_000),
);
const fate = fc.oneof({ weight: 8, arbitrary: fc.constant<Fate>("ok") }, fc.constantFrom<Fate>("fail", "lost", "ghost"));

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({
      kind: fc.constant("put" as const),
      key,
      size,
      livesMs: fc.oneof(fc.constant(0), fc.nat({ max: 300 })),
    }),
  },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant("putPartial" as const), key, size: fc.nat({ max: 30 }) }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("remove" as const), key }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constantFrom("get" as const, "load" as const), key }) },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("scan" as const),
      from: key,
      to: fc.nat({ max: KEYS.length }),
      limit: fc.integer({ min: 1, max: 12 }),
      isReverse: fc.boolean(),
    }),
  },
  { weight: 24, arbitrary: fc.record({ kind: fc.constant("io" as const), pick: fc.nat({ max: 20 }), fate }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("tick" as const), ms: fc.nat({ max: 80 }) }) },
  {
    weight: 12,
    arbitrary: fc.record({ kind: fc.constantFrom("freeze" as const, "flush" as const, "compact" as const, "confirm" as const) }),
  },
  { weight: 1, arbitrary: fc.constant<Step>({ kind: "settle" }) },
  { weight: 8, arbitrary: fc.constant<Step>({ kind: "cycle" }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("crash" as const), isManifestLanded: fc.boolean() }) },
);

test("under random writes, flushes, merges, evictions, crashes and failing IO the store shows what a map shows", () => {
  const sums: Record<string, number> = {};
  fc.assert(
    fc.property(
      fc.constantFrom(0, 60_000, 400_000, 8_000_000),
      fc.boolean(),
      fc.array(step, { minLength: 1, maxLength: 400, size: "max" }),
      (cacheBytes, isDeflated, steps) => {
        const run = new Run(cacheBytes, isDeflated);
        for (const each of steps) run.take(each);
        run.finish();
        for (const [name, count] of Object.entries(run.counts)) sums[name] = (sums[name] ?? 0) + count;
      },
    ),
    { numRuns: Number(process.env["STORE_RUNS"] ?? 400), includeErrorInReport: true },
  );
  if (process.env["STORE_COUNTS"] !== undefined) console.log(sums);
  for (const name of ["cold", "loads", "pages", "failedReads", "flushes", "compactions", "crashes", "evictions", "deletes"]) {
    assert.ok((sums[name] ?? 0) > 10, `${name} happened only ${sums[name]} times`);
  }
});
