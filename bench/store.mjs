// The shard store by itself: `npm run build && node bench/store.mjs [keys] [cache MB]`. One thread, no router, objects as
// files in a temporary folder. Prints what docs/performance.md says under "Store".
import { closeSync, mkdirSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import zlib from "node:zlib";
import { CacheBudget } from "../dist/src/core/store/cache-budget.js";
import { SegmentMerge } from "../dist/src/core/store/segment-merge.js";
import { COLD, ShardStore } from "../dist/src/core/store/shard-store.js";
import { DEFAULT_STORE_LIMITS } from "../dist/src/core/store/store-options.js";
import { newerWins } from "../dist/src/core/store/version-fold.js";

const KEYS = Number(process.argv[2] ?? 1_000_000);
const CACHE_BYTES = Number(process.argv[3] ?? 256) * 1e6;
const VALUE_BYTES = 200;
const FLUSH_BYTES = 32e6;
const folder = mkdtempSync(join(tmpdir(), "store-bench-"));
const seconds = () => Number(process.hrtime.bigint()) / 1e9;

const processorSeconds = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
};

/** Times of one kind of call. The clock of the processor, where the calls are long, because other processes take it away. */
class Times {
  #clock;
  #buckets = new Float64Array(2000);
  count = 0;
  sum = 0;
  longest = 0;

  constructor(clock) {
    this.#clock = clock;
  }

  measure(work) {
    const from = this.#clock();
    const result = work();
    const took = this.#clock() - from;
    this.count += 1;
    this.sum += took;
    this.longest = Math.max(this.longest, took);
    this.#buckets[Math.min(1999, Math.floor(Math.log(took * 1e9 + 1) * 80))] += 1;
    return result;
  }

  at(part) {
    let left = this.count * (1 - part);
    for (let bucket = 1999; bucket >= 0; bucket--)
      if ((left -= this.#buckets[bucket]) <= 0) return Math.exp((bucket + 1) / 80) / 1e9;
    return 0;
  }
}

const times = {
  put: new Times(seconds),
  get: new Times(seconds),
  pull: new Times(processorSeconds),
  merge: new Times(processorSeconds),
  step: new Times(processorSeconds),
  confirm: new Times(processorSeconds),
};
let written = 0;
let mergedIn = 0;
let mergeSeconds = 0;
let requests = 0;
let names = 0;
let nowMs = 1;

function optionsOf(segments, cache) {
  return {
    shard: 0,
    segments,
    clusterId: new Uint8Array(8),
    nextRequest: () => ++requests,
    nextObjectName: () => `s/${++names}`,
    checksum: zlib.crc32,
    merge: newerWins,
    cache,
    limits: { ...DEFAULT_STORE_LIMITS, deletionGraceMs: 0 },
  };
}

function read(object, offset, length) {
  const file = openSync(join(folder, object), "r");
  const bytes = new Uint8Array(length);
  readSync(file, bytes, 0, length, offset);
  closeSync(file);
  return { kind: "found", bytes };
}

function writeAll(object, next) {
  mkdirSync(dirname(join(folder, object)), { recursive: true });
  const file = openSync(join(folder, object), "w");
  for (let chunk = next(); chunk !== null; chunk = next()) {
    if (chunk.length > 0) writeSync(file, chunk);
    written += chunk.length;
  }
  closeSync(file);
}

function compact(job) {
  const merge = new SegmentMerge(job, newerWins, zlib.crc32);
  const from = seconds();
  let segment = null;
  writeAll(job.object, () => {
    for (;;) {
      const step = times.merge.measure(() => merge.step());
      if (step.kind === "chunk") return step.bytes;
      if (step.kind === "failed") throw new Error(step.message);
      if (step.kind === "done") {
        segment = step.segment;
        return null;
      }
      mergedIn += step.length;
      const result = read(step.object, step.offset, step.length);
      times.merge.measure(() => merge.supply(step.input, result));
    }
  });
  mergeSeconds += seconds() - from;
  return { kind: "happened", segment };
}

function perform(effect) {
  const { request } = effect;
  if (effect.kind === "readObject")
    return { kind: "objectRead", request, result: read(effect.object, effect.offset, effect.length) };
  if (effect.kind === "compact") return { kind: "compacted", request, result: compact(effect.job) };
  if (effect.kind === "deleteObject") {
    rmSync(join(folder, effect.object));
    return { kind: "objectDeleted", request, isDone: true };
  }
  writeAll(effect.object, () => times.pull.measure(() => effect.source.next()));
  return { kind: "objectWritten", request, result: { kind: "happened" } };
}

function settle(store, effects) {
  while (effects.length > 0) {
    const input = perform(effects.shift());
    times.step.measure(() => store.step(++nowMs, [input], effects));
  }
}

const key = new Uint8Array(40).fill(0x61);
function keyOf(index) {
  key[0] = 1;
  let hash = Math.imul(index, 2654435761);
  hash ^= hash >>> 15;
  new DataView(key.buffer).setUint32(1, hash >>> 0);
  let digits = index;
  for (let at = 39; at > 30; at--, digits = Math.floor(digits / 10)) key[at] = 48 + (digits % 10);
  return key;
}

function flush(store, effects) {
  store.freeze(1);
  store.startFlush(effects);
  settle(store, effects);
  store.pendingManifest();
  times.confirm.measure(() => store.manifestConfirmed());
  if (!store.startCompaction(effects)) return;
  settle(store, effects);
  store.pendingManifest();
  store.manifestConfirmed();
}

const mb = (bytes) => `${(bytes / 1e6).toFixed(0)} MB`;
const show = (name, text) => console.log(`${name.padEnd(44)}${text}`);
const perCall = (each) => `${((each.sum / each.count) * 1e9).toFixed(0)} ns`;
const pauses = (each) => `p99 ${(each.at(0.99) * 1e3).toFixed(3)} ms, longest ${(each.longest * 1e3).toFixed(2)} ms`;

const value = new Uint8Array(VALUE_BYTES).fill(7);
let cache = new CacheBudget(CACHE_BYTES);
const effects = [];
let store = new ShardStore(optionsOf([], cache));
store.open(effects);

const fillFrom = seconds();
for (let index = 0; index < KEYS; index++) {
  keyOf(index);
  times.put.measure(() => store.put(key, value));
  if (store.dirtyBytes > FLUSH_BYTES) flush(store, effects);
}
flush(store, effects);
settle(store, effects);
show(
  `fill ${KEYS} keys of ${VALUE_BYTES} bytes`,
  `${(seconds() - fillFrom).toFixed(1)} s, ${store.segments.length} segments, written ${mb(written)}`,
);
show("put", `${perCall(times.put)} (timing included), ${pauses(times.put)}`);
show("pull of a flush", `${((times.pull.sum / times.pull.count) * 1e3).toFixed(2)} ms, ${pauses(times.pull)}`);
show("merge", `${(mergedIn / 1e6 / mergeSeconds).toFixed(0)} MB/s read, with file IO; a step ${pauses(times.merge)}`);
show("step", pauses(times.step));
show("manifest confirmed", pauses(times.confirm));
show("memory: budget, process", `${mb(cache.bytes)}, ${mb(process.memoryUsage().rss)}`);

let cold = 0;
const reads = Math.min(KEYS, 300_000);
for (let index = 0; index < reads; index++) {
  keyOf(KEYS - 1 - ((index * 7919) % Math.floor(KEYS / 4)));
  if (times.get.measure(() => store.get(key)) === COLD) cold += 1;
}
show("get of a recent key", `${perCall(times.get)} (timing included), ${((100 * cold) / reads).toFixed(1)} % cold`);

const { segments } = store;
store.close();
cache = new CacheBudget(CACHE_BYTES);
store = new ShardStore(optionsOf(segments, cache));
const openFrom = seconds();
store.open(effects);
settle(store, effects);
show("open", `${((seconds() - openFrom) * 1e3).toFixed(1)} ms, index and filters ${mb(cache.bytesOf("index"))}`);

const coldFrom = seconds();
const loads = 20_000;
for (let index = 0; index < loads; index++) {
  keyOf((index * 104_729) % KEYS);
  if (store.get(key) !== COLD) continue;
  store.load(key, effects);
  let completion = null;
  while (completion === null) {
    settle(store, effects);
    completion = store.takeCompletion(effects);
  }
  if (completion.kind !== "value" || completion.value === null) throw new Error("a key is lost");
}
show(
  "cold load, file in the page cache",
  `${(((seconds() - coldFrom) / loads) * 1e6).toFixed(0)} µs, ${(store.statistics.blockReads / loads).toFixed(2)} reads each`,
);

const absentFrom = seconds();
for (let index = 0; index < 200_000; index++)
  if (store.get(keyOf(KEYS + index)) !== null && store.get(key) !== COLD) throw new Error("a key too many");
show("get of an absent key", `${(((seconds() - absentFrom) / 200_000) * 1e9).toFixed(0)} ns`);
store.close();
rmSync(folder, { recursive: true });
