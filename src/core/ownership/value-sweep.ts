/**
 * Deletes spilled values that nobody needs any more: those of our own records that are trimmed, with
 * the records themselves; and, by listing now and then, what was left behind: of logs that are forgotten, and of our own
 * what a deletion has missed. A log is forgotten when its node document is gone: it is removed only when no descriptor names
 * the log (RULES.md 11, 15k), and every incarnation has one before it writes its first value.
 */
import type { Effect } from "../effect.js";
import type { ObjectsFound } from "../input.js";
import type { LogWriter } from "../log/log-writer.js";
import type { LogId } from "../log/record.js";
import { ownerOfValue, VALUE_PREFIX } from "../log/spilled-value.js";
import type { DirectoryClient } from "./directory-client.js";
import { nodeKey } from "./documents.js";
import type { OrphanLimits } from "./orphan-sweep.js";

const UNDER_WAY_MAX = 16;
/** Of what a listing brings: the next one brings the rest. */
const QUEUE_MAX = 10_000;

export class ValueSweep {
  readonly #limits: OrphanLimits;
  readonly #log: LogWriter;
  readonly #client: DirectoryClient;
  readonly #effects: Effect[];
  /** To be deleted, the next at the end. */
  #queue: string[] = [];
  readonly #underWay = new Set<string>();
  #keptFrom = 0;
  #nextAtMs: number;
  #isListing = false;

  constructor(limits: OrphanLimits, log: LogWriter, client: DirectoryClient, effects: Effect[], tickMs: number) {
    this.#limits = limits;
    this.#log = log;
    this.#client = client;
    this.#effects = effects;
    this.#nextAtMs = tickMs + limits.sweepEveryMs;
  }

  get wakeAtMs(): number {
    return this.#isListing ? Infinity : this.#nextAtMs;
  }

  /** `keptFrom`: records of our log below it have been trimmed. */
  turn(keptFrom: number, tickMs: number): void {
    if (keptFrom > this.#keptFrom) {
      this.#keptFrom = keptFrom;
      for (const object of this.#log.takeValuesBelow(keptFrom)) this.#queue.push(object);
    }
    this.#start();
    if (this.#isListing || tickMs < this.#nextAtMs) return;
    this.#isListing = true;
    this.#effects.push({ kind: "listObjects", prefix: VALUE_PREFIX });
  }

  listed(outcome: ObjectsFound, tickMs: number): void {
    this.#isListing = false;
    this.#nextAtMs = tickMs + this.#limits.sweepEveryMs;
    if (outcome.kind === "failed") return;
    const objectsByLog = new Map<LogId, string[]>();
    for (const object of outcome.names) {
      const owner = ownerOfValue(object);
      if (owner === null) continue;
      if (owner.log === this.#log.log) {
        if (owner.position < this.#keptFrom) this.#add([object]);
        continue;
      }
      const objects = objectsByLog.get(owner.log);
      if (objects === undefined) objectsByLog.set(owner.log, [object]);
      else objects.push(object);
    }
    for (const [log, objects] of objectsByLog) {
      // Behind the listing: a log that has written what was listed had its document before.
      this.#client.read(nodeKey(log), (document) => {
        if (document === null) this.#add(objects);
      });
    }
  }

  /** One is gone, or will be found again. */
  deleted(object: string): void {
    this.#underWay.delete(object);
    this.#start();
  }

  #add(objects: readonly string[]): void {
    for (const object of objects) {
      if (this.#queue.length >= QUEUE_MAX) return;
      if (!this.#underWay.has(object)) this.#queue.push(object);
    }
  }

  #start(): void {
    while (this.#underWay.size < UNDER_WAY_MAX) {
      const object = this.#queue.pop();
      if (object === undefined) return;
      if (this.#underWay.has(object)) continue;
      this.#underWay.add(object);
      this.#effects.push({ kind: "deleteValue", object });
    }
  }
}
