/**
 * Which keys belong to a range of hashes. A shard that came from a split begins with segments of its whole ancestor; what
 * lies in them of other ranges it neither shows nor merges into segments of its own.
 */
import { BOOKKEEPING_SPACE, OUTBOX_SPACE, TIMER_DUE_SPACE } from "./key-space.js";

/** Hashes from `from` (included) to `to` (excluded), which may be 2^32. */
export interface HashRange {
  readonly from: number;
  readonly to: number;
}

/** The hash stands behind the space; in the due index of timers behind the moment, too. */
const HASH_AT = 1;
const HASH_OF_DUE_AT = 7;

/** What belongs to no entity belongs to whoever has it: nothing was in the outbox when the shard was split. */
export function isInHashRange(key: Uint8Array, { from, to }: HashRange): boolean {
  const space = key[0];
  if (space === BOOKKEEPING_SPACE || space === OUTBOX_SPACE) return true;
  const at = space === TIMER_DUE_SPACE ? HASH_OF_DUE_AT : HASH_AT;
  const hash =
    (((key[at] as number) << 24) | ((key[at + 1] as number) << 16) | ((key[at + 2] as number) << 8) | (key[at + 3] as number)) >>>
    0;
  return hash >= from && hash < to;
}
