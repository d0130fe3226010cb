/** What a shard store asks of its driver, and what the driver reports. One IO per effect, answered once, by `request`. */
import type { HashRange } from "./key-spaces/hash-range.js";
import type { SegmentProblem } from "./segment-format.js";
import type { SegmentReference } from "./segment-reference.js";

/** The bytes of an object to write, made as they are pulled: each pull is some milliseconds of work at most. */
export interface ChunkSource {
  /** At most 256 KB, perhaps none (pull again); null at the end. */
  next(): Uint8Array | null;
}

/** A merge of segments into one. Plain data, so that a worker thread can be given it; `SegmentMerge` does the work. */
export interface CompactionJob {
  /** The name to write under. */
  readonly object: string;
  readonly clusterId: Uint8Array;
  /** Newest first, neighbours in age. */
  readonly inputs: readonly SegmentReference[];
  /** Nothing older can hold a key of these: tombstones and what has expired may go. */
  readonly isBottom: boolean;
  /** The shard's time: what has expired by then is not written. */
  readonly nowMs: number;
  readonly level: number;
  /** Whether the blocks of the result are deflated where that makes them smaller. */
  readonly isDeflated: boolean;
  /** How much of an input is read at once. */
  readonly readBytes: number;
  /** What lies outside of it is left out; null: nothing does. */
  readonly hashes?: HashRange | null;
}

export type StoreEffect =
  | {
      readonly kind: "readObject";
      readonly request: number;
      readonly object: string;
      readonly offset: number;
      readonly length: number;
    }
  | { readonly kind: "writeObject"; readonly request: number; readonly object: string; readonly source: ChunkSource }
  | { readonly kind: "compact"; readonly request: number; readonly job: CompactionJob }
  | { readonly kind: "deleteObject"; readonly request: number; readonly object: string };

export type ObjectRead =
  | { readonly kind: "found"; readonly bytes: Uint8Array }
  | { readonly kind: "absent" }
  | { readonly kind: "failed"; readonly message: string };

export type ObjectWritten =
  | { readonly kind: "happened" }
  | { readonly kind: "refused"; readonly message: string }
  | { readonly kind: "unknown"; readonly message: string };

/** `segment` is null where nothing was left to write; then no object exists. */
export type Compacted =
  | { readonly kind: "happened"; readonly segment: SegmentReference | null }
  | { readonly kind: "failed"; readonly message: string; readonly problem?: SegmentProblem | null };

export type StoreInput =
  | { readonly kind: "objectRead"; readonly request: number; readonly result: ObjectRead }
  | { readonly kind: "objectWritten"; readonly request: number; readonly result: ObjectWritten }
  | { readonly kind: "compacted"; readonly request: number; readonly result: Compacted }
  | { readonly kind: "objectDeleted"; readonly request: number; readonly isDone: boolean };

/** What a shard store keeps of its surroundings, and who tells it the time: the last `step`. */
export interface StoreClock {
  nowMs: number;
}

const BACK_OFF_MS_MIN = 100;
const BACK_OFF_MS_MAX = 10_000;

/** How long to wait after so many failures in a row. */
export function backOffMs(failures: number): number {
  return Math.min(BACK_OFF_MS_MAX, BACK_OFF_MS_MIN * 2 ** Math.min(failures - 1, 10));
}
