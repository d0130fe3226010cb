/** What bounds the log writer, and how a log comes to its end while its owner lives. */

export interface LogLimits {
  readonly appendsInFlightMax: number;
  /** A record closes when it has grown to this, even if it has to queue. */
  readonly recordBytesTarget: number;
  /** What the journal takes at most: an entry that does not fit into an empty record is refused before it has a position. */
  readonly recordBytesMax: number;
  /** An entry larger than this becomes a value in the snapshot store, and the record refers to it; Infinity: none does. */
  readonly spillBytesMin: number;
  /** What an entry may be at most when it spills; what does not, `recordBytesMax` bounds. */
  readonly valueBytesMax: number;
  /** A record whose values are not uploaded so long after it closed takes them in, if they fit: it no longer waits for them. */
  readonly spillPatienceMs: number;
  readonly retryMinMs: number;
  readonly retryMaxMs: number;
  /** The durable tail stands still for this long, with records waiting: the incarnation gives up (RULES.md 12). */
  readonly standstillMaxMs: number;
}

/** Why the log cannot be written to any more. */
export type LogEnd =
  | { readonly kind: "lost" | "standstill"; readonly message: string }
  /**
   * The journal will never take the record at `position`. `commands`: those whose entries it held, and which for sure have
   * not taken effect; none where an earlier try of the record may have landed all the same.
   */
  | { readonly kind: "refused"; readonly message: string; readonly position: number; readonly commands: readonly string[] };
