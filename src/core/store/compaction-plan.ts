/**
 * Which segments to merge: size-tiered over neighbours in age (newest first), so that a merge's result stands where its
 * inputs stood and the list stays ordered by age.
 *
 * - Four or more neighbours of similar size become one: each byte is rewritten about once per factor four of growth.
 * - When what is newer than the oldest segment outweighs it, everything becomes one: dead versions never take more than
 *   about as much again as the live ones.
 * - Above the soft limit the cheapest run of neighbours is merged, similar or not. A manifest has at most SEGMENTS_MAX.
 */
import { overlap, type SegmentReference } from "./segment-reference.js";

/** A descriptor holds about 120 bytes for each. */
export const SEGMENTS_MAX = 64;
const SEGMENTS_SOFT_MAX = 24;
const RUN_MIN = 4;
const RUN_MAX = 16;
/** A run takes in the next older segment while that is not larger than the run so far times this. */
const SIMILAR = 1.5;

export interface CompactionPlan {
  /** Where the run begins in the list, and how long it is. */
  readonly from: number;
  readonly count: number;
  readonly isBottom: boolean;
}

/** `segments` newest first; null where nothing is worth merging. */
export function planCompaction(segments: readonly SegmentReference[]): CompactionPlan | null {
  if (segments.length < 2) return null;
  const run = allOf(segments) ?? similarRun(segments) ?? cheapestRun(segments);
  return run === null ? null : { ...run, isBottom: isBottom(segments, run) };
}

interface Run {
  readonly from: number;
  readonly count: number;
}

function allOf(segments: readonly SegmentReference[]): Run | null {
  if (segments.length < RUN_MIN || segments.length > RUN_MAX) return null;
  const oldest = segments[segments.length - 1] as SegmentReference;
  return bytesOf(segments) - oldest.bytes >= oldest.bytes ? { from: 0, count: segments.length } : null;
}

function similarRun(segments: readonly SegmentReference[]): Run | null {
  for (let from = 0; from + RUN_MIN <= segments.length; from++) {
    let bytes = (segments[from] as SegmentReference).bytes;
    let count = 1;
    while (count < RUN_MAX && from + count < segments.length) {
      const next = segments[from + count] as SegmentReference;
      if (next.bytes > bytes * SIMILAR) break;
      bytes += next.bytes;
      count += 1;
    }
    if (count >= RUN_MIN) return { from, count };
  }
  return null;
}

function cheapestRun(segments: readonly SegmentReference[]): Run | null {
  if (segments.length <= SEGMENTS_SOFT_MAX) return null;
  let best: Run | null = null;
  let bestBytes = Infinity;
  for (let from = 0; from + RUN_MIN <= segments.length; from++) {
    const bytes = bytesOf(segments.slice(from, from + RUN_MIN));
    if (bytes < bestBytes) {
      bestBytes = bytes;
      best = { from, count: RUN_MIN };
    }
  }
  return best;
}

/** Whether nothing older can hold a key of the run. */
function isBottom(segments: readonly SegmentReference[], run: Run): boolean {
  const inputs = segments.slice(run.from, run.from + run.count);
  const older = segments.slice(run.from + run.count);
  return !older.some((each) => inputs.some((input) => overlap(each, input)));
}

function bytesOf(segments: readonly SegmentReference[]): number {
  return segments.reduce((sum, segment) => sum + segment.bytes, 0);
}
