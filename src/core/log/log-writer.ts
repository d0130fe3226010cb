/**
 * The log writer: turns entries into records and gets each to its position, once.
 *
 *   open ──close──> queued ──issue──> inFlight ──happened──> durable prefix grows
 *                      (with spilled values: issued when all of them are uploaded)
 *                                      │  ^  │
 *                          refused,    │  │  └─unknown──> looking ──own──> durable
 *                          for a time  v  │                  │ absent ──> inFlight (the same bytes again)
 *                                    waiting                 └ another's ──> lost
 *
 * What must hold:
 * - A position's body never changes once it is issued, whatever is tried how often.
 * - A record is issued only when every value that it refers to is confirmed to lie in the snapshot store (RULES.md 11).
 * - Position q is issued only when q - k is durable, k being `appendsInFlightMax`.
 * - `durable` is the end of the prefix in which every position has succeeded; it is all that gates may look at.
 * - Anything found at a position that is not ours ends the incarnation (RULES.md 3, 12).
 */
import { MalformedBytes } from "../bytes/byte-reader.js";
import { ByteWriter } from "../bytes/byte-writer.js";
import { equalBytes } from "../bytes/compare.js";
import type { Effect } from "../effect.js";
import type { Checksum } from "../store/crc32.js";
import type { ObjectRead, ObjectWritten } from "../store/store-io.js";
import { assert, unreachable } from "../unreachable.js";
import type { Entry } from "./entry.js";
import { type AppendOutcome, FIRST_POSITION, type LogId, type ReadOutcome } from "./record.js";
import type { DecodedRecord, RecordCodec } from "./record-codec.js";
import { commandsOf } from "./refused-commands.js";
import { valueName } from "./spilled-value.js";
import { type ValueUpload, ValueUploads } from "./value-uploads.js";

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

const NO_VALUES: readonly ValueUpload[] = [];

type RecordStatus = "queued" | "inFlight" | "waiting" | "looking";

interface PendingRecord {
  readonly position: number;
  readonly nonce: Uint8Array;
  /** Changes only before it is issued: when it takes in what was to be referred to. */
  body: Uint8Array;
  /** What it refers to. */
  values: readonly ValueUpload[];
  readonly closedAtMs: number;
  status: RecordStatus;
  failures: number;
  retryAtMs: number;
  /** An earlier append of it ended unknown: it may have landed, or land at any time. */
  mayStand: boolean;
  isDone: boolean;
}

/** After a wait for values that was in vain, records go without one for so many times as long. Then one waits again. */
const IMPATIENT_FOR = 10;

/** Why the log cannot be written to any more. */
export type LogEnd =
  | { readonly kind: "lost" | "standstill"; readonly message: string }
  /**
   * The journal will never take the record at `position`. `commands`: those whose entries it held, and which for sure have
   * not taken effect; none where an earlier try of the record may have landed all the same.
   */
  | { readonly kind: "refused"; readonly message: string; readonly position: number; readonly commands: readonly string[] };

export class LogWriter {
  readonly log: LogId;
  readonly #codec: RecordCodec;
  readonly #limits: LogLimits;
  readonly #nextNonce: () => Uint8Array;
  readonly #checksum: Checksum;
  readonly #uploads: ValueUploads;
  readonly #open = new ByteWriter(64 << 10);
  #openNonce: Uint8Array | null = null;
  #openEntries = 0;
  /** Closed records that are not in the durable prefix yet, by position; the first stands at `durable + 1`. */
  readonly #pending: PendingRecord[] = [];
  #pendingBytes = 0;
  /** Values of the open record, and the bytes of all that are not durable. */
  #openValues: ValueUpload[] = [];
  /** How much the open record would grow if it had to take all of its values in. */
  #openGrowth = 0;
  /** The snapshot store was too slow a moment ago: until then nothing waits for it that need not. */
  #impatientUntilMs = 0;
  #valueBytes = 0;
  /** How many names of values each position has used, in order, for those that are not deleted yet. */
  readonly #spilled: { readonly position: number; count: number }[] = [];
  #nextPosition = FIRST_POSITION;
  #durable = FIRST_POSITION - 1;
  #issued = FIRST_POSITION - 1;
  #lastProgressMs = 0;
  #troubled = 0;
  #end: LogEnd | null = null;
  #addedBytes = 0;

  constructor(log: LogId, codec: RecordCodec, limits: LogLimits, nextNonce: () => Uint8Array, checksum: Checksum) {
    this.log = log;
    this.#codec = codec;
    this.#limits = limits;
    this.#nextNonce = nextNonce;
    this.#checksum = checksum;
    this.#uploads = new ValueUploads(limits);
  }

  /** Every position up to here has succeeded. */
  get durable(): number {
    return this.#durable;
  }

  /** Every position up to here has gone out to the journal, at least once. */
  get issued(): number {
    return this.#issued;
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
    return this.#pendingBytes + this.#open.length + this.#valueBytes;
  }

  /** Bytes of all records closed so far, with the values that they refer to. */
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
    if (this.#open.length - before > this.#limits.spillBytesMin) return this.#spill(entry, before, nowMs);
    if (this.#open.length + this.#openGrowth > this.#limits.recordBytesMax) {
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
      const record = this.#at(this.#issued + 1);
      if (!this.#isIssuable(record, nowMs)) break;
      this.#issued++;
      this.#issue(record, effects);
    }
    this.#uploads.start(nowMs, effects);
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
          this.#end ??= {
            kind: "refused",
            message: outcome.message,
            position,
            commands: record.mayStand ? [] : this.#commandsIn(record),
          };
          return;
        }
        return this.#wait(record, outcome.retryAfterMs, nowMs);
      case "unknown":
        record.mayStand = true;
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

  valueWritten(object: string, result: ObjectWritten, nowMs: number, effects: Effect[]): void {
    if (this.#end !== null) return;
    if (result.kind === "happened") this.#impatientUntilMs = 0;
    this.#uploads.written(object, result, nowMs, effects);
  }

  valueRead(object: string, result: ObjectRead, nowMs: number): void {
    if (this.#end !== null || this.#uploads.read(object, result, nowMs)) return;
    this.#end = { kind: "lost", message: `${object} was written by somebody else` };
  }

  /** Names of values that records below `base` may refer to: they may be deleted, and are not given again. */
  takeValuesBelow(base: number): string[] {
    const names: string[] = [];
    while ((this.#spilled[0]?.position ?? Infinity) < base) {
      const { position, count } = this.#spilled.shift() as { position: number; count: number };
      for (let n = 0; n < count; n++) names.push(valueName(this.log, position, n));
    }
    return names;
  }

  /** When `flush` has to be called although nothing happens; null: never. */
  wakeAtMs(): number | null {
    const first = this.#pending[0];
    if (first === undefined) return null;
    let wake = Math.max(this.#lastProgressMs, first.closedAtMs) + this.#limits.standstillMaxMs + 1;
    if (this.#troubled > 0)
      for (const record of this.#pending) if (record.status === "waiting") wake = Math.min(wake, record.retryAtMs);
    return this.#valueBytes === 0 ? wake : Math.min(wake, this.#uploads.wakeAtMs, this.#impatientAtMs());
  }

  /** Puts a reference in the place of an entry that was written from `before` on. */
  #spill(entry: Entry, before: number, nowMs: number): number | null {
    const bytes = this.#codec.encodeValue(this.#open.view(before));
    this.#open.truncate(before);
    if (bytes.length > this.#limits.valueBytesMax) {
      if (this.#openEntries === 0) this.#open.clear();
      return null;
    }
    const checksum = this.#checksum(bytes);
    if (!this.#refer(entry, bytes, checksum)) {
      this.#close(nowMs);
      this.#begin();
      const fits = this.#refer(entry, bytes, checksum);
      assert(fits, "a reference does not fit into a record");
    }
    this.#openEntries++;
    const position = this.#nextPosition;
    // What no record can take in stalls what comes behind it, and nothing else: it has its record to itself.
    const mayStall = this.#open.length + this.#openGrowth > this.#limits.recordBytesMax;
    if (mayStall || this.#open.length >= this.#limits.recordBytesTarget) this.#close(nowMs);
    return position;
  }

  /** False where the record could not take the value in, should the snapshot store be down: then it goes with the next. */
  #refer(entry: Entry, bytes: Uint8Array, checksum: number): boolean {
    const n = this.#openValues.length;
    const object = valueName(this.log, this.#nextPosition, n);
    const referenceAt = this.#open.length;
    this.#codec.encodeReference(entry, { object, length: bytes.length, checksum }, this.#open);
    const referenceLength = this.#open.length - referenceAt;
    const growth = this.#codec.framedIn(bytes).length - referenceLength;
    const { recordBytesMax } = this.#limits;
    const fits = this.#open.length + this.#openGrowth + growth <= recordBytesMax;
    if (this.#openEntries > 0 ? !fits : this.#open.length > recordBytesMax) {
      this.#open.truncate(referenceAt);
      return false;
    }
    this.#openGrowth += growth;
    const upload: ValueUpload = {
      object,
      bytes,
      referenceAt,
      referenceLength,
      status: "queued",
      failures: 0,
      retryAtMs: 0,
      mayStand: false,
    };
    if (n === 0) this.#spilled.push({ position: this.#nextPosition, count: 1 });
    else (this.#spilled.at(-1) as { count: number }).count++;
    this.#openValues.push(upload);
    this.#uploads.add(upload);
    this.#valueBytes += bytes.length;
    return true;
  }

  #isIssuable(record: PendingRecord, nowMs: number): boolean {
    if (record.values.every(({ status }) => status === "confirmed")) return true;
    if (nowMs < this.#impatientUntilMs) return this.#takeIn(record);
    const { spillPatienceMs } = this.#limits;
    if (nowMs < record.closedAtMs + spillPatienceMs || !this.#takeIn(record)) return false;
    this.#impatientUntilMs = nowMs + spillPatienceMs * IMPATIENT_FOR;
    return true;
  }

  /** When the next record to be issued stops waiting for its values. */
  #impatientAtMs(): number {
    // While nothing more may be in flight, an answer brings the next turn.
    const isHeldUp = this.#issued >= this.#durable + this.#limits.appendsInFlightMax;
    const next = !isHeldUp && this.#issued < this.#nextPosition - 1 ? this.#at(this.#issued + 1) : null;
    if (next === null || !this.#canTakeIn(next)) return Infinity;
    return next.closedAtMs + this.#limits.spillPatienceMs;
  }

  #canTakeIn(record: PendingRecord): boolean {
    let bytes = record.body.length;
    for (const { status, bytes: value, referenceLength } of record.values)
      if (status !== "confirmed") bytes += this.#codec.framedIn(value).length - referenceLength;
    return bytes <= this.#limits.recordBytesMax;
  }

  /** Puts the entries that are not uploaded into the record itself, so that an outage of the snapshot store stalls only what is too large for that. */
  #takeIn(record: PendingRecord): boolean {
    if (!this.#canTakeIn(record)) return false;
    const late = record.values.filter(({ status }) => status !== "confirmed");
    const parts: Uint8Array[] = [];
    let from = 0;
    for (const { bytes, referenceAt, referenceLength } of late) {
      parts.push(record.body.subarray(from, referenceAt), this.#codec.framedIn(bytes));
      from = referenceAt + referenceLength;
    }
    parts.push(record.body.subarray(from));
    const body = joined(parts);
    const grown = body.length - record.body.length;
    const taken = late.reduce((sum, { bytes }) => sum + bytes.length, 0);
    this.#uploads.giveUp(late);
    this.#pendingBytes += grown;
    this.#addedBytes += grown - taken;
    this.#valueBytes -= taken;
    record.body = body;
    record.values = record.values.filter(({ status }) => status === "confirmed");
    return true;
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
    const values = this.#openValues.length === 0 ? NO_VALUES : this.#openValues;
    if (values !== NO_VALUES) {
      this.#openValues = [];
      this.#openGrowth = 0;
    }
    this.#pending.push({
      position: this.#nextPosition,
      nonce,
      body,
      values,
      closedAtMs: nowMs,
      status: "queued",
      failures: 0,
      retryAtMs: 0,
      mayStand: false,
      isDone: false,
    });
    this.#pendingBytes += body.length;
    this.#addedBytes += body.length + bytesOf(values);
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
      const { body, values } = this.#pending[done] as PendingRecord;
      this.#pendingBytes -= body.length;
      this.#valueBytes -= bytesOf(values);
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

  /** Each once. */
  #commandsIn({ body, values }: PendingRecord): readonly string[] {
    const record = this.#codec.decode(body);
    if (record.kind !== "entries") return [];
    const inside = record.entries.flatMap((entry) => ("value" in entry ? [] : commandsOf(entry.body)));
    const outside = values.flatMap(({ bytes }) => commandsOf(this.#codec.decodeValue(bytes).body));
    return [...new Set([...inside, ...outside])];
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

function bytesOf(values: readonly ValueUpload[]): number {
  let bytes = 0;
  for (const value of values) bytes += value.bytes.length;
  return bytes;
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
