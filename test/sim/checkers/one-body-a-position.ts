/**
 * Two bodies for one position never both take effect: no entry takes effect twice, none is passed over, and where two bodies
 * were sent for one position, the entries of the one that does not stand there took effect nowhere.
 */
import { ShardIds } from "../../../src/core/ownership/shard-ids.js";
import type { History } from "../history.js";
import type { LogBook } from "../log-book.js";
import { effectiveOf, reignsOf } from "./reigns.js";

export function checkBodies(logBook: LogBook, shards: number, history: History): void {
  const ids = new ShardIds(shards);
  const lastByShard = new Map<number, number>();
  const placeByEntry = new Map<string, string>();
  for (const [shard, descriptors] of logBook.inOrder) {
    // Halves go on counting where their parent ended.
    let sequence = lastByShard.get(ids.parentOf(shard) ?? -1) ?? 0;
    for (const { entry, record } of effectiveOf(reignsOf(descriptors), logBook)) {
      const where = `${record.log}#${record.position}`;
      if (entry.sequence !== sequence + 1)
        history.violate(`shard ${shard}: entry ${entry.sequence} at ${where} follows entry ${sequence}`);
      sequence = entry.sequence;
      placeByEntry.set(`${shard} ${entry.epoch} ${entry.sequence}`, where);
    }
    lastByShard.set(shard, sequence);
  }
  for (const { log, position, body } of logBook.contested) {
    for (const { shard, epoch, sequence } of logBook.entriesIn(body)) {
      const where = placeByEntry.get(`${shard} ${epoch} ${sequence}`);
      if (where !== undefined && where !== `${log}#${position}`)
        history.violate(
          `entry ${sequence} of shard ${shard} in epoch ${epoch} was sent for ${log}#${position}, and took effect at ${where}`,
        );
    }
  }
}
