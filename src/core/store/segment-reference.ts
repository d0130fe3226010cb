/** How a manifest names a segment, and what a compaction is told. Plain data: it is stored and handed between threads. */

export interface SegmentReference {
  readonly object: string;
  readonly bytes: number;
  readonly count: number;
  readonly level: number;
  /** CRC-32 of the footer, which in turn covers index and filter. */
  readonly checksum: number;
  readonly firstKey: Uint8Array;
  readonly lastKey: Uint8Array;
}

export interface CompactionJob {
  readonly inputs: readonly SegmentReference[];
  readonly object: string;
  readonly level: number;
  /** Whether no older segment can hold any of the keys, so that tombstones and expired values may go. */
  readonly isBottom: boolean;
  readonly nowMs: number;
}
