/**
 * What took effect, by logs and descriptors alone: a reign is one epoch of one shard, with the log that its owner wrote and
 * the position at which it ended. Entries of its shard and epoch in that log below that position took effect, and nothing
 * else did (RULES.md 2, 8). It shares nothing with the way in which the core reads them.
 */
import type { LogId } from "../../../src/core/log/record.js";
import type { LandedDescriptor, LandedEntry, LandedRecord, LogBook } from "../log-book.js";

export interface Reign {
  readonly shard: number;
  readonly epoch: number;
  /** Null where the epoch never had an owner. */
  readonly log: LogId | null;
  /** When its first descriptor came to stand, and that of the next epoch. */
  readonly beganOrder: number;
  readonly endedOrder: number;
  /** The first position that is not part of it; Infinity while it goes on. */
  readonly end: number;
}

export interface EffectiveEntry {
  readonly entry: LandedEntry;
  readonly record: LandedRecord;
  readonly reign: Reign;
}

/** The reigns of a shard, in order. */
export function reignsOf(descriptors: readonly LandedDescriptor[]): readonly Reign[] {
  const reigns: Reign[] = [];
  for (let at = 0; at < descriptors.length; ) {
    const first = descriptors[at] as LandedDescriptor;
    const { shard, epoch, owner } = first.descriptor;
    let last = first;
    for (; descriptors[at]?.descriptor.epoch === epoch; at++) last = descriptors[at] as LandedDescriptor;
    const next = descriptors[at];
    const range = next?.descriptor.ranges.find((one) => one.log === owner && one.epoch === epoch);
    const end = next === undefined ? Infinity : (range?.to ?? last.descriptor.covered + 1);
    reigns.push({ shard, epoch, log: owner, beganOrder: first.order, endedOrder: next?.order ?? Infinity, end });
  }
  return reigns;
}

/** The position of the log's first seal; Infinity where it has none. */
export function sealOf(records: ReadonlyMap<number, LandedRecord> | undefined): number {
  let least = Infinity;
  for (const { position, isSeal } of records?.values() ?? []) if (isSeal) least = Math.min(least, position);
  return least;
}

/** Entries of a shard that took effect, in order. */
export function effectiveOf(reigns: readonly Reign[], logBook: LogBook): readonly EffectiveEntry[] {
  return reigns.flatMap((reign) => {
    const records = reign.log === null ? undefined : logBook.recordsByLog.get(reign.log);
    const end = Math.min(reign.end, sealOf(records));
    const effective = [...(records?.values() ?? [])].filter(({ position }) => position < end);
    effective.sort((left, right) => left.position - right.position);
    return effective.flatMap((record) =>
      record.entries
        .filter(({ shard, epoch }) => shard === reign.shard && epoch === reign.epoch)
        .map((entry) => ({ entry, record, reign })),
    );
  });
}
