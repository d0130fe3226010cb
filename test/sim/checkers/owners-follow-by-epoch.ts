/**
 * Owners of a shard follow each other by epoch and never overlap in effect: each epoch has one owner, whose log alone holds
 * its entries; what took effect was in the log before the next epoch's descriptor stood; and nothing that stands in the log
 * before its seal is left out.
 */
import { ShardIds } from "../../../src/core/ownership/shard-ids.js";
import type { History } from "../history.js";
import type { LogBook } from "../log-book.js";
import { effectiveOf, type Reign, reignsOf, sealOf } from "./reigns.js";

export function checkOwners(logBook: LogBook, shards: number, history: History): void {
  const ids = new ShardIds(shards);
  const reignByEpoch = new Map<string, Reign>();
  for (const [shard, descriptors] of logBook.descriptorsByShard) {
    const reigns = reignsOf(descriptors);
    for (const [at, { epoch }] of reigns.entries()) {
      // Halves begin behind their parent's last epoch.
      const first = ids.isFirst(shard) ? 1 : (reigns[0]?.epoch ?? 1);
      if (epoch !== first + at) history.violate(`shard ${shard}: epoch ${epoch} is the ${at + 1}th, beginning with ${first}`);
    }
    for (const { descriptor } of descriptors) {
      const reign = reigns.find(({ epoch }) => epoch === descriptor.epoch);
      if (descriptor.owner !== null && descriptor.owner !== reign?.log)
        history.violate(`shard ${shard} has two owners in epoch ${descriptor.epoch}: ${reign?.log} and ${descriptor.owner}`);
    }
    for (const reign of reigns) reignByEpoch.set(`${shard} ${reign.epoch}`, reign);
    for (const { entry, record, reign } of effectiveOf(reigns, logBook)) {
      const what = `entry ${entry.sequence} of shard ${shard} in epoch ${entry.epoch}, at ${record.position} of log ${record.log},`;
      if (record.order < reign.beganOrder) history.violate(`${what} was written before its epoch began`);
      if (record.order > reign.endedOrder) history.violate(`${what} took effect behind the beginning of the next epoch`);
    }
  }
  for (const [log, records] of logBook.recordsByLog) checkLog(log, records, reignByEpoch, history);
}

function checkLog(
  log: string,
  records: LogBook["recordsByLog"] extends ReadonlyMap<string, infer Records> ? Records : never,
  reignByEpoch: ReadonlyMap<string, Reign>,
  history: History,
): void {
  const seal = sealOf(records);
  for (const { position, entries } of records.values()) {
    for (const { shard, epoch, sequence } of entries) {
      const reign = reignByEpoch.get(`${shard} ${epoch}`);
      const what = `entry ${sequence} of shard ${shard} in epoch ${epoch}, at ${position} of log ${log},`;
      if (reign?.log !== log) history.violate(`${what} is not in its owner's log, ${reign?.log}`);
      else if (position >= reign.end && position < seal) history.violate(`${what} is left out: the epoch ends at ${reign.end}`);
    }
  }
}
