/**
 * Several cores on one storage, which say things to one another through a network that a test may spoil. All see the same
 * time, which passes only when a test says so. Frames take no time, and go through their byte form.
 */
import assert from "node:assert/strict";
import type { CoreSettings } from "../../src/core/core-settings.js";
import { BY_ENTITY, placementHash, shardOfHash } from "../../src/core/entity/address.js";
import type { EntityResult, InvocationEntity } from "../../src/core/entity/invocation.js";
import type { LogId } from "../../src/core/log/record.js";
import type { PeerFrame } from "../../src/core/peers/frames.js";
import { peerCodec } from "../../src/protocol/peer/frame-codec.js";
import { CoreBench, LEDGER } from "./core-bench.js";
import { Storage } from "./storage.js";

export const LEASE = { heartbeatEveryMs: 100, leaseMs: 300, observeMs: 600 };
export const SHARDS = 8;
const STEPS_MAX = 50_000;
const LINK_TRIED_MS = 50;

export interface SentFrame {
  readonly from: LogId;
  readonly to: LogId;
  readonly frame: PeerFrame;
}

export class ClusterBench {
  readonly storage = new Storage();
  readonly #benchByLog = new Map<LogId, CoreBench>();
  readonly #dead = new Set<LogId>();
  readonly #paused = new Set<LogId>();
  /** Pairs that hear nothing of one another. */
  readonly #cut = new Set<string>();
  /** Of links that do not come to be: from whom to whom, and when that will be told. Links are tried at a bounded rate. */
  readonly #losses = new Map<string, { readonly from: LogId; readonly to: LogId; readonly atMs: number }>();
  /** All that was said, in order, also what was lost. */
  readonly frames: SentFrame[] = [];
  /** False: the frame is lost, and the link says nothing of it. */
  isCarried: (sent: SentFrame) => boolean = () => true;
  nowMs = 0;

  /** A router at an address of its own; it has not run yet. */
  add(incarnation: LogId, changed: Partial<CoreSettings> = {}): CoreBench {
    const node = { address: `${incarnation}.host:1`, capacity: 1 };
    const bench = new CoreBench(incarnation, this.storage, { lease: LEASE, shards: SHARDS, node, ...changed });
    bench.nowMs = this.nowMs;
    bench.answerOf = counted;
    bench.onPeerSend = (to, frame) => this.#carry({ from: incarnation, to, frame });
    this.#benchByLog.set(incarnation, bench);
    return bench;
  }

  /** A router that is open, and has what it can have within a moment. */
  start(incarnation: LogId, changed: Partial<CoreSettings> = {}): CoreBench {
    const bench = this.add(incarnation, changed);
    this.run(3_000);
    assert.equal(bench.core.phase, "open", JSON.stringify(bench.ended));
    return bench;
  }

  /** Lets everything happen that can within so many milliseconds. */
  run(ms = 0): void {
    const untilMs = this.nowMs + ms;
    for (let steps = 0; steps < STEPS_MAX; steps++) {
      this.#tellLosses();
      const awake = [...this.#benchByLog].filter(([log, { ended }]) => !this.#isStill(log) && ended === null);
      const due = awake.filter(([, bench]) => bench.wakeAtMs <= this.nowMs);
      for (const [, bench] of due) {
        bench.nowMs = this.nowMs;
        bench.step();
      }
      if (due.length > 0) continue;
      const losses = [...this.#losses.values()].map(({ atMs }) => atMs);
      const wakeAtMs = Math.min(Infinity, ...awake.map(([, bench]) => bench.wakeAtMs), ...losses);
      this.nowMs = Math.min(untilMs, wakeAtMs);
      for (const [, bench] of awake) bench.nowMs = this.nowMs;
      if (wakeAtMs > untilMs) return;
    }
    throw new Error("it does not come to rest");
  }

  /** Runs until it is so, and fails when that takes too long. */
  until(what: string, isSo: () => boolean, msMax = 20_000): void {
    for (let ms = 0; !isSo(); ms += 5) {
      assert.ok(ms < msMax, `it never came about: ${what}`);
      this.run(5);
    }
  }

  /** The process is gone, at once; its links break. */
  kill(incarnation: LogId): void {
    this.#dead.add(incarnation);
    for (const [log, bench] of this.#benchByLog) if (log !== incarnation) bench.give({ kind: "peerLost", incarnation });
  }

  /** The process does nothing for a while; what is sent to it waits. */
  pause(incarnation: LogId): void {
    this.#paused.add(incarnation);
  }

  resume(incarnation: LogId): void {
    this.#paused.delete(incarnation);
  }

  /** Nothing goes from the one to the other, nor back; both reach the storage. */
  cut(one: LogId, other: LogId): void {
    this.#cut.add(pairOf(one, other));
    this.#lost(one, other);
    this.#lost(other, one);
  }

  heal(one: LogId, other: LogId): void {
    this.#cut.delete(pairOf(one, other));
  }

  /** The shards of a node by their descriptors. */
  shardsOf(incarnation: LogId): readonly number[] {
    return ALL_SHARDS.filter((shard) => this.storage.shard(shard)?.owner === incarnation);
  }

  /** Every shard has a living owner that serves it. */
  get isWhole(): boolean {
    return ALL_SHARDS.every((shard) => {
      const owner = this.storage.shard(shard)?.owner ?? null;
      const bench = owner === null ? undefined : this.#benchByLog.get(owner);
      return owner !== null && bench !== undefined && !this.#isStill(owner) && bench.ended === null;
    });
  }

  #isStill(log: LogId): boolean {
    return this.#dead.has(log) || this.#paused.has(log);
  }

  #carry(sent: SentFrame): void {
    this.frames.push(sent);
    if (!this.isCarried(sent)) return;
    const { from, to } = sent;
    const bench = this.#benchByLog.get(to);
    if (bench === undefined || bench.ended !== null || this.#dead.has(to) || this.#cut.has(pairOf(from, to))) {
      const key = `${from}>${to}`;
      if (!this.#losses.has(key)) this.#losses.set(key, { from, to, atMs: this.nowMs + LINK_TRIED_MS });
      return;
    }
    bench.give({ kind: "peerReceived", ...peerCodec.decode(peerCodec.encode(sent)) });
  }

  #tellLosses(): void {
    for (const [key, { from, to, atMs }] of [...this.#losses]) {
      if (atMs > this.nowMs) continue;
      this.#losses.delete(key);
      this.#lost(from, to);
    }
  }

  /** The link from the one to the other says that something may be lost. */
  #lost(from: LogId, to: LogId): void {
    this.#benchByLog.get(from)?.give({ kind: "peerLost", incarnation: to });
  }
}

const ALL_SHARDS = Array.from({ length: SHARDS }, (_, shard) => shard);

/** Ids of ledgers, each in the shard of its place. */
export const ID_BY_SHARD: readonly string[] = ALL_SHARDS.map((shard) => {
  for (let at = 0; ; at++) if (shardOf(`e${at}`) === shard) return `e${at}`;
});

function shardOf(id: string): number {
  return shardOfHash(placementHash({ type: LEDGER, id }, BY_ENTITY), SHARDS);
}

/** Every command is an event, so that the version counts how often commands ran. */
export function counted({ commands }: InvocationEntity): Omit<EntityResult, "n"> {
  const added = { name: "added", eventVersion: 1, data: new Uint8Array(8) };
  const done = { kind: "done", reply: new Uint8Array(0), events: [added], effects: [] } as const;
  return { state: new Uint8Array(50), outcomes: commands.map(({ n }) => ({ n, ...done })) };
}

function pairOf(one: LogId, other: LogId): string {
  return [one, other].sort().join(" ");
}
