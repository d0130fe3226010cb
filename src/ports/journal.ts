/**
 * The journal: an ordered store of records, addressed by (log, position), each written at most once.
 *
 * Contract (test/contract/journal.contract.ts; every adapter passes it):
 * - `append` is the only linearisation point. Of all appends ever issued for one (log, position) at most one `happened`,
 *   and once one has, every later one is `taken` and shows that record's body, byte for byte.
 * - `happened` means durable: it survives the process, the machine's power, and the adapter's restart.
 * - `refused` means this append has not happened and never will. Anything less certain is `unknown`.
 * - `read` is consistent: it sees every append that happened before it was called. It stops in front of the first absent
 *   position, after `countMax` records, or after the record that reaches `bytesMax`, but returns at least one if it is there.
 * - Appends of one log may be in flight together and may finish in any order.
 * - `trim` may remove records below `base`, at any later time or never; records at or above it stay. A position that was
 *   removed is absent to `read`; an append there is `refused` for ever, or `taken`. The base WHOLE_LOG says that nobody will
 *   append to the log or read it again: everything may go.
 * - The body belongs to the journal until the answer: it must not change before. Bodies that come out are the caller's.
 * - An empty body and a body beyond `recordBytesMax` are refused for ever.
 * - After `close` every call answers `refused`, `failed` or throws; calls in flight have been answered before it resolves.
 */
import type { AppendOutcome, LogId, ReadOutcome } from "../core/log/record.js";

/** What the core has to know of a journal to write records that it takes and keeps. */
export interface JournalLimits {
  /** The largest body that `append` takes, in bytes. */
  readonly recordBytesMax: number;
  /** Entries larger than this lie better in the snapshot store, with a reference in the record; Infinity: in the record, always. */
  readonly spillBytesMin: number;
  /** How long a record at or above its log's base is kept for sure; Infinity: until it is trimmed (RULES.md 1, 3). */
  readonly ttlMs: number;
}

export interface JournalPort extends JournalLimits {
  append(log: LogId, position: number, body: Uint8Array): Promise<AppendOutcome>;
  read(log: LogId, position: number, countMax: number, bytesMax: number): Promise<ReadOutcome>;
  trim(log: LogId, base: number): Promise<void>;
  close(): Promise<void>;
}

/** The `base` above every position: the log as a whole is not needed any more. */
export const WHOLE_LOG: number = Number.MAX_SAFE_INTEGER;
