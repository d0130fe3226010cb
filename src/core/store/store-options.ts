/** What a shard store is made of. */
import type { CacheBudget } from "./cache-budget.js";
import type { HashRange } from "./key-spaces/hash-range.js";
import type { SegmentReference } from "./segment-reference.js";
import type { SegmentTools } from "./segment-tools.js";
import type { MergeValues } from "./version-fold.js";

export interface StoreLimits {
  /** Whether blocks are deflated where that makes them smaller: for a store that is far away or charges by the byte. */
  readonly isDeflated: boolean;
  /** How much of a segment a compaction reads at once. */
  readonly compactionReadBytes: number;
  /** How long a segment stays after the manifest that no longer names it was confirmed, for reads still on their way. */
  readonly deletionGraceMs: number;
  /** Bytes of blocks that one range scan may hold before it ends its page early. */
  readonly scanPinnedBytesMax: number;
  /** Keys, dead ones included, that one page of a range scan may visit. */
  readonly scanVisitedMax: number;
}

export const DEFAULT_STORE_LIMITS: StoreLimits = {
  isDeflated: false,
  compactionReadBytes: 512 * 1024,
  deletionGraceMs: 60_000,
  scanPinnedBytesMax: 8 * 1024 * 1024,
  scanVisitedMax: 4096,
};

export interface StoreOptions extends SegmentTools {
  readonly shard: number;
  /** What the descriptor's manifest holds, newest first. */
  readonly segments: readonly SegmentReference[];
  readonly clusterId: Uint8Array;
  /** Null: all keys that are there belong to the shard. Else its segments may hold keys of others, which it does not see. */
  readonly hashes?: HashRange | null;
  /** Unique among the requests of all stores of a driver. */
  nextRequest(): number;
  /** Never the same twice, in any process: (shard, epoch, unique). */
  nextObjectName(): string;
  readonly merge: MergeValues;
  /** Shared by all stores of a router. */
  readonly cache: CacheBudget;
  readonly limits: StoreLimits;
}
