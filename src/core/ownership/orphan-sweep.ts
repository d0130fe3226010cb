/**
 * Removes objects that nobody will ever name: left by incarnations that died between an upload and the swap that would
 * have named it. Only those of lower epochs are touched: the swap of a lower epoch can never happen any more. Ours may
 * still be on their way (RULES.md 11).
 */
import type { Effect } from "../effect.js";
import type { ObjectsFound } from "../input.js";
import { type Custody, namedBy } from "./custody.js";

export interface OrphanLimits {
  /** The first sweep waits this long after the start; each next one after the last. */
  readonly sweepEveryMs: number;
}

export const SEGMENT_PREFIX = "segments/";

/** `segments/<shard>/<epoch>-<unique>`: says whose an object is. */
export function segmentName(shard: number, epoch: number, unique: string): string {
  return `${SEGMENT_PREFIX}${shard}/${epoch}-${unique}`;
}

const NAME = /^segments\/(\d+)\/(\d+)-/;

export class OrphanSweep {
  readonly #limits: OrphanLimits;
  readonly #custodies: () => readonly Custody[];
  readonly #effects: Effect[];
  #nextAtMs: number;
  #isListing = false;

  constructor(limits: OrphanLimits, custodies: () => readonly Custody[], effects: Effect[], tickMs: number) {
    this.#limits = limits;
    this.#custodies = custodies;
    this.#effects = effects;
    this.#nextAtMs = tickMs + limits.sweepEveryMs;
  }

  get wakeAtMs(): number {
    return this.#isListing ? Infinity : this.#nextAtMs;
  }

  turn(tickMs: number): void {
    if (this.#isListing || tickMs < this.#nextAtMs) return;
    this.#isListing = true;
    this.#effects.push({ kind: "listObjects", prefix: SEGMENT_PREFIX });
  }

  listed(outcome: ObjectsFound, tickMs: number): void {
    this.#isListing = false;
    this.#nextAtMs = tickMs + this.#limits.sweepEveryMs;
    if (outcome.kind === "failed") return;
    const custodyByShard = new Map(this.#custodies().map((custody) => [custody.descriptor.shard, custody]));
    for (const name of outcome.names) {
      const match = NAME.exec(name);
      const custody = match === null ? undefined : custodyByShard.get(Number(match[1]));
      if (match === null || custody === undefined || custody.isRefused) continue;
      const { descriptor, shard } = custody;
      if (Number(match[2]) < descriptor.epoch && !namedBy(descriptor).has(name)) shard.state.store.discard(name);
    }
  }
}
