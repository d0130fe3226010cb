/**
 * The log writer: turns entries into records and gets each to its position, once.
 *
 *   open ──close──> queued ──issue──> inFlight ──happened──> durable prefix grows
 *                                      │  ^  │
 *                          refused,    │  │  └─unknown──> looking ──own──> durable
 *                          for a time  v  │                  │ absent ──> inFlight (the same bytes again)
 *                                    waiting                 └ another's ──> lost
 *
 * What must hold:
 * - A position's body never changes once it is closed, whatever is tried how often.
 * - Position q is issued only when q - k is durable, k being `appendsInFlightMax`.
 * - `durable` is the end of the prefix in which every position has succeeded; it is all that gates may look at.
 * - Anything found at a position that is not ours ends the incarnation (RULES.md 3, 12).
 */
import { MalformedBytes } from "../bytes/byte-reader.js";
import { ByteWriter } from "../bytes/byte-writer.js";
import { equalBytes } from "../bytes/compare.js";
import type { Effect } from "../effect.js";
import { assert, unreachable } from "../unreachable.js";
import type { Entry } from "./entry.js";
import { type AppendOutcome, FIRST_POSITION, type LogId, type ReadOutcome } from "./record.js";
import type { DecodedRecord, RecordCodec } from "./record-codec.js";

export interface LogLimits {
  readonly appendsInFlightMax: number;
  /** A record closes when it has grown to this, even if it has to queue. */
  readonly recordBytesTarget: number;
  /** What the journal takes at most: an entry that does not fit into an empty record is refused before it has a position. */
  readonly recordBytesMax: number;
  readonly retryMinMs: number;
  readonly retryMaxMs: number;
  /** The durable tail stands still for this long, with records waiting: the incarnation gives up (RULES.md 12). */
  readonly standstillMaxMs: number;
}

type RecordStatus = "queued" | "inFlight" | "waiting" | "looking";

interface PendingRecord {
  readonly position: number;
  readonly nonce: Uint8Array;
  readonly body: Uint8Array;
  readonly closedAtMs: number;
  status: RecordStatus;
  failures: number;
  retryAtMs: number;
  isDone: boolean;
}

/** Why the log cannot be written to any more. */
export interface LogEnd {
  readonly kind: "lost" | "refused" | "standstill";
  readonly message: string;
}

export class LogWriter {
  readonly log: LogId;
  readonly #codec: RecordCodec;
  readonly #limits: LogLimits;
  readonly #nextNonce: () => Uint8Array;
  readonly #open = new ByteWriter(64 << 10);
  #openNonce: Uint8Array | null = null;
  #openEntries = 0;
  /** Closed records that are not in the durable prefix yet, by position; the first stands at `durable + 1`. */
  readonly #pending: PendingRecord[] = [];
  #pendingBytes = 0;
  #nextPosition = FIRST_POSITION;
  #durable = FIRST_POSITION - 1;
  #issued = FIRST_POSITION - 1;
  #lastProgressMs = 0;
  #troubled = 0;
  #end: LogEnd | null = null;
  #addedBytes = 0;

  constructor(log: LogId, codec: RecordCodec, limits: LogLimits, nextNonce: () => Uint8Array) {
    this.log = log;
    this.#codec = codec;
    this.#limits = limits;
    this.#nextNonce = nextNonce;
  }

  /** Every position up to here has succeeded. */
  get durable(): number {
    return this.#durable;
  }

  /** The position of the last entry that was added. */
  get last(): number {
    return this.#openEntries > 0 ? this.#nextPosition : this.#nextPosition - 1;
  }

  get end(): LogEnd | null {
    return this.#end;
  }

  /** Bytes that are not durable yet. */
  get uncommittedBytes(): number {
    return this.#pendingBytes + this.#open.length;
  }

  /** Bytes of all records closed so far. */
  get addedBytes(): number {
    return this.#addedBytes;
  }

  /** Records issued and not answered. */
  get depth(): number {
    return this.#issued - this.#durable;
  }

  /** How long the oldest record that is not durable has been closed; 0 when all are. */
  lagMs(nowMs: number): number {
    const first = this.#pending[0];
    return first === undefined ? 0 : Math.max(0, nowMs - first.closedAtMs);
  }

  /**
   * Adds an entry to the open record and gives the position it will have; null when it can fit no record at all, in
   * which case nothing was added. `nowMs` is for a record that has to close before.
   */
  add(entry: Entry, nowMs: number): number | null {
    assert(this.#end === null, "an entry was added to a log that has ended");
    if (this.#openEntries === 0) this.#begin();
    const before = this.#open.length;
    this.#codec.encodeEntry(entry, this.#open);
    if (this.#open.length > this.#limits.recordBytesMax) {
      this.#open.truncate(before);
      if (this.#openEntries === 0) {
        this.#open.clear();
        return null;
      }
      this.#close(nowMs);
      return this.add(entry, nowMs);
    }
    this.#openEntries++;
    const position = this.#nextPosition;
    if (this.#open.length >= this.#limits.recordBytesTarget) this.#close(nowMs);
    return position;
  }

  /** Closes the open record, so that what follows lies behind the position it gives: everything added so far is at or below it. */
  cut(nowMs: number): number {
    if (this.#openEntries > 0) this.#close(nowMs);
    return this.#nextPosition - 1;
  }

  /** Closes and issues what may be issued. Once a turn, behind all `add`s. */
  flush(nowMs: number, effects: Effect[]): void {
    if (this.#end !== null) return;
    if (this.#openEntries > 0 && this.#nextPosition <= this.#durable + this.#limits.appendsInFlightMax) this.#close(nowMs);
    while (this.#issued < this.#nextPosition - 1 && this.#issued < this.#durable + this.#limits.appendsInFlightMax) {
      this.#issued++;
      this.#issue(this.#at(this.#issued), effects);
    }
    if (this.#troubled > 0) this.#retry(nowMs, effects);
    const first = this.#pending[0];
    if (first !== undefined && nowMs - Math.max(this.#lastProgressMs, first.closedAtMs) > this.#limits.standstillMaxMs) {
      this.#end = {
        kind: "standstill",
        message: `position ${first.position} has not become durable for ${this.#limits.standstillMaxMs} ms`,
      };
    }
  }

  appendEnded(position: number, outcome: AppendOutcome, nowMs: number, effects: Effect[]): void {
    const record = this.#inDoubt(position);
    if (record === null) return;
    switch (outcome.kind) {
      case "happened":
        return this.#succeed(record, nowMs);
      case "taken":
        return this.#compare(record, outcome.body, nowMs);
      case "refused":
        if (outcome.isPermanent) {
          this.#end ??= { kind: "refused", message: outcome.message };
          return;
        }
        return this.#wait(record, outcome.retryAfterMs, nowMs);
      case "unknown":
        this.#setStatus(record, "looking");
        effects.push(this.#look(record));
        return;
      default:
        return unreachable(outcome);
    }
  }

  /** What a look at an uncertain position found. Only absence leaves it open, and then the same bytes go out again. */
  recordsRead(position: number, outcome: ReadOutcome, nowMs: number): void {
    const record = this.#inDoubt(position);
    if (record === null || record.status !== "looking") return;
    if (outcome.kind === "failed") return this.#wait(record, null, nowMs);
    const found = outcome.bodies[0];
    if (found === undefined) return this.#wait(record, 0, nowMs);
    this.#compare(record, found, nowMs);
  }

  /** When `flush` has to be called although nothing happens; null: never. */
  wakeAtMs(): number | null {
    const first = this.#pending[0];
    if (first === undefined) return null;
    let wake = Math.max(this.#lastProgressMs, first.closedAtMs) + this.#limits.standstillMaxMs + 1;
    if (this.#troubled > 0)
      for (const record of this.#pending) if (record.status === "waiting") wake = Math.min(wake, record.retryAtMs);
    return wake;
  }

  #begin(): void {
    this.#openNonce = this.#nextNonce();
    this.#open.clear();
    this.#codec.beginRecord(this.#open, this.#openNonce);
  }

  #close(nowMs: number): void {
    const nonce = this.#openNonce;
    assert(nonce !== null, "a record closes that was never begun");
    const body = this.#open.take();
    this.#pending.push({
      position: this.#nextPosition,
      nonce,
      body,
      closedAtMs: nowMs,
      status: "queued",
      failures: 0,
      retryAtMs: 0,
      isDone: false,
    });
    this.#pendingBytes += body.length;
    this.#addedBytes += body.length;
    this.#nextPosition++;
    this.#openEntries = 0;
    this.#openNonce = null;
  }

  #at(position: number): PendingRecord {
    const record = this.#pending[position - this.#durable - 1];
    assert(record !== undefined && record.position === position, `no record is pending at ${position}`);
    return record;
  }

  /** The record if its fate is still open; late and repeated answers find none. */
  #inDoubt(position: number): PendingRecord | null {
    if (this.#end !== null || position <= this.#durable || position > this.#issued) return null;
    const record = this.#at(position);
    return record.isDone ? null : record;
  }

  #issue(record: PendingRecord, effects: Effect[]): void {
    this.#setStatus(record, "inFlight");
    effects.push({ kind: "append", log: this.log, position: record.position, body: record.body });
  }

  #look(record: PendingRecord): Effect {
    return { kind: "readRecords", log: this.log, position: record.position, countMax: 1, bytesMax: record.body.length };
  }

  #succeed(record: PendingRecord, nowMs: number): void {
    this.#setStatus(record, "inFlight");
    record.isDone = true;
    let done = 0;
    while (this.#pending[done]?.isDone === true) {
      this.#pendingBytes -= (this.#pending[done] as PendingRecord).body.length;
      done++;
    }
    if (done === 0) return;
    this.#pending.splice(0, done);
    this.#durable += done;
    this.#lastProgressMs = nowMs;
  }

  #compare(record: PendingRecord, found: Uint8Array, nowMs: number): void {
    const decoded = this.#decode(found);
    if (decoded?.kind === "entries" && equalBytes(decoded.nonce, record.nonce)) return this.#succeed(record, nowMs);
    const taker = decoded === null ? "something that is no record of this cluster" : `somebody else's ${decoded.kind}`;
    this.#end ??= { kind: "lost", message: `position ${record.position} of log ${this.log} was taken by ${taker}` };
  }

  /** Null for what is no record of ours: whatever it is, the position is taken. */
  #decode(found: Uint8Array): DecodedRecord | null {
    try {
      return this.#codec.decode(found);
    } catch (error) {
      if (error instanceof MalformedBytes) return null;
      throw error;
    }
  }

  #wait(record: PendingRecord, retryAfterMs: number | null, nowMs: number): void {
    const backOffMs = Math.min(this.#limits.retryMaxMs, this.#limits.retryMinMs * 2 ** Math.min(record.failures, 20));
    record.failures++;
    record.retryAtMs = nowMs + Math.max(retryAfterMs ?? backOffMs, record.failures > 1 ? backOffMs : 0);
    this.#setStatus(record, "waiting");
  }

  #retry(nowMs: number, effects: Effect[]): void {
    for (const record of this.#pending) {
      if (record.status === "waiting" && !record.isDone && record.retryAtMs <= nowMs) this.#issue(record, effects);
    }
  }

  #setStatus(record: PendingRecord, status: RecordStatus): void {
    if (record.status === "waiting") this.#troubled--;
    if (status === "waiting") this.#troubled++;
    record.status = status;
  }
}
