/**
 * Halves take up where their parent was left: at the swap that split it both are prepared, by its owner and for the epoch
 * behind its last one, with the segments that it had; and after that swap nothing of the parent is written any more.
 */
import { ShardIds } from "../../../src/core/ownership/shard-ids.js";
import type { History } from "../history.js";
import type { LogBook } from "../log-book.js";

export function checkHalves(logBook: LogBook, shards: number, history: History): void {
  const ids = new ShardIds(shards);
  for (const [shard, descriptors] of logBook.descriptorsByShard) {
    const at = descriptors.findIndex(({ descriptor }) => descriptor.lineage?.isSplit === true);
    if (at < 0) continue;
    const parent = descriptors[at - 1]?.descriptor;
    const behind = descriptors[at + 1]?.descriptor;
    if (behind !== undefined) history.violate(`shard ${shard} was split, and its descriptor changed in epoch ${behind.epoch}`);
    for (const child of ids.childrenOf(shard)) {
      const half = logBook.descriptorsByShard.get(child)?.[0]?.descriptor;
      const what = `half ${child} of shard ${shard}`;
      if (half === undefined || parent === undefined) {
        history.violate(`${what} is not there`);
        continue;
      }
      if (half.epoch !== parent.epoch + 1) history.violate(`${what} begins in epoch ${half.epoch}, behind epoch ${parent.epoch}`);
      if (half.owner !== parent.owner) history.violate(`${what} begins with owner ${half.owner}, not with ${parent.owner}`);
      if (namesOf(half.segments) !== namesOf(parent.segments)) history.violate(`${what} begins with other segments`);
    }
  }
}

function namesOf(segments: readonly { readonly object: string }[]): string {
  return segments.map(({ object }) => object).join(" ");
}
