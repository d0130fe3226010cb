/** What a shard's store asks its driver for, and what comes back. */
import type { CompactionJob, SegmentReference } from "./segment-reference.js";

/** Gives an object's bytes piece by piece, at the driver's pace; each call does bounded work. Null: that was all. */
export interface ChunkSource {
  next(): Uint8Array | null;
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
  /** Merges segments into one; the driver runs the pure merge where it does not hold up the loop. */
  | { readonly kind: "compact"; readonly request: number; readonly job: CompactionJob }
  | { readonly kind: "deleteObject"; readonly request: number; readonly object: string };

export type StoreInput =
  | {
      readonly kind: "objectRead";
      readonly request: number;
      readonly result:
        | { readonly kind: "found"; readonly bytes: Uint8Array }
        | { readonly kind: "absent" }
        | { readonly kind: "failed"; readonly message: string };
    }
  | {
      readonly kind: "objectWritten";
      readonly request: number;
      readonly result:
        | { readonly kind: "happened" }
        | { readonly kind: "refused"; readonly message: string }
        | { readonly kind: "unknown"; readonly message: string };
    }
  | {
      readonly kind: "compacted";
      readonly request: number;
      readonly result:
        | { readonly kind: "happened"; readonly segment: SegmentReference | null }
        | { readonly kind: "failed"; readonly message: string };
    }
  | { readonly kind: "objectDeleted"; readonly request: number; readonly isDone: boolean };
