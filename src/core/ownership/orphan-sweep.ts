/**
 * Removes objects that nobody will ever name: left by incarnations that died between an upload and the swap that would
 * have named it. Only those of lower epochs are touched: the swap of a lower epoch can never happen any more. Ours may
 * still be on their way (RULES.md 11).
 */
import type { Effect } from "../effect.js";
import type { ObjectsFound } from "../input.js";
import { type Custody, namedBy } from "./custody.js";
import { makerOf, SEGMENT_PREFIX } from "./segment-name.js";
import type { SplitLeftovers } from "./split-leftovers.js";

export interface OrphanLimits {
  /** The first sweep waits this long after the start; each next one after the last. */
  readonly sweepEveryMs: number;
}

export class OrphanSweep {
  readonly #limits: OrphanLimits;
  readonly #custodies: () => readonly Custody[];
  readonly #leftovers: SplitLeftovers;
  readonly #effects: Effect[];
  #nextAtMs: number;
  #isListing = false;

  constructor(
    limits: OrphanLimits,
    custodies: () => readonly Custody[],
    leftovers: SplitLeftovers,
    effects: Effect[],
    tickMs: number,
  ) {
    this.#leftovers = leftovers;
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
      const maker = makerOf(name);
      const custody = maker === null ? undefined : custodyByShard.get(maker.shard);
      if (maker === null || custody === undefined || custody.isRefused) continue;
      const { descriptor, shard } = custody;
      if (maker.epoch < descriptor.epoch && !namedBy(descriptor).has(name)) shard.state.store.discard(name);
    }
    this.#leftovers.listed(outcome.names);
  }
}
