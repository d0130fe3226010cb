/**
 * Replay: reads the closed ranges of the shards that are being taken over and applies their entries, in order. A log is
 * read once for all shards whose turn it is, or not at all, where the walk to its end has just read it. An absent position inside a closed range is data loss and refuses the shard;
 * it is never passed over (RULES.md 1, 2).
 */
import { MalformedBytes } from "../bytes/byte-reader.js";
import type { Entry } from "../log/entry.js";
import type { LogId } from "../log/record.js";
import type { DecodedRecord, RecordCodec } from "../log/record-codec.js";
import type { SpilledEntry } from "../log/spilled-value.js";
import type { Checksum } from "../store/crc32.js";
import type { DirectoryClient } from "./directory-client.js";
import type { ClosedRange } from "./documents.js";
import { type ValueFound, ValueReads } from "./value-reads.js";
import type { WalkedRecords } from "./walked-records.js";

const READ_COUNT = 1_024;
const READ_BYTES = 16 << 20;

export interface ReplayTarget {
  readonly shard: number;
  readonly ranges: readonly ClosedRange[];
  replay(entry: Entry): void;
  /** A position that must be there is not, or holds what no record may. */
  refuse(message: string): void;
}

interface Read {
  readonly position: number;
  readonly body: Uint8Array;
  readonly ahead: DecodedRecord | string | null;
}

interface Progress {
  readonly target: ReplayTarget;
  next: number;
}

export interface ReplaySize {
  readonly records: number;
  readonly bytes: number;
  /** When the oldest record was written that some range still needs, by the entries in it; Infinity: there is none. */
  readonly oldestAtMs: number;
}

export function replay(
  codec: RecordCodec,
  client: DirectoryClient,
  walked: WalkedRecords,
  checksum: Checksum,
  targets: readonly ReplayTarget[],
  then: (size: ReplaySize) => void,
): void {
  const progress: Progress[] = targets.map((target) => ({ target, next: 0 }));
  let records = 0;
  let bytes = 0;
  let oldestAtMs = Infinity;
  step();

  function step(): void {
    const open = progress.filter(({ target, next }) => next < target.ranges.length);
    const first = open[0];
    if (first === undefined) return then({ records, bytes, oldestAtMs });
    const log = currentRange(first)?.log as LogId;
    // Shards that need this log later, but not now, would get their entries out of order: they read it in another round.
    const together = open.filter((one) => currentRange(one)?.log === log);
    readOn(log, 0, together);
  }

  /** Reads what is still needed of a log at or behind a position; what only refused shards would need is not read. */
  function readOn(log: LogId, position: number, together: readonly Progress[]): void {
    const left = together.flatMap((one) => currentRange(one) ?? []).filter(({ to }) => to > position);
    if (left.length === 0) {
      for (const one of together) one.next++;
      return step();
    }
    const from = Math.max(position, Math.min(...left.map((range) => range.from)));
    const to = Math.max(...left.map((range) => range.to));
    const count = Math.min(READ_COUNT, to - from);
    const kept = walked.from(log, from, count);
    if (kept.length > 0) return taken(kept);
    client.readRecords(log, from, count, READ_BYTES, taken);

    function taken(bodies: readonly Uint8Array[]): void {
      if (bodies.length === 0) {
        lose(from, together, `records_missing: log ${log} has no record at position ${from}, which a closed range names`);
        return readOn(log, from + 1, together);
      }
      const batch = bodies.map((body, index) => ({
        position: from + index,
        body,
        // Decoded ahead only where it may say what has to be read: the rest is garbage as soon as it is applied.
        ahead: codec.mayRefer(body) ? decoded(codec, body) : null,
      }));
      records += bodies.length;
      for (const body of bodies) bytes += body.length;
      takeAll(log, batch, together, () => readOn(log, from + bodies.length, together));
    }
  }

  /** Takes a batch of records in order; stops where a value is still to come, and goes on when it has. */
  function takeAll(log: LogId, batch: readonly Read[], together: readonly Progress[], then: () => void): void {
    const needed = new Set(batch.flatMap((read) => spilledIn(read).filter((entry) => isNeeded(entry, read.position, together))));
    const reads = new ValueReads(
      client,
      [...needed].map(({ value }) => value),
    );
    let at = 0;
    let entryAt = 0;
    goOn();

    function goOn(): void {
      for (; at < batch.length; at++, entryAt = 0) {
        const { position, body, ahead } = batch[at] as Read;
        const record = ahead ?? decoded(codec, body);
        if (typeof record === "string") {
          lose(position, together, `records_missing: log ${log} has no sound record at position ${position}: ${record}`);
          continue;
        }
        if (record.kind !== "entries") {
          const what = `log ${log} has a ${record.kind} at position ${position}, inside a closed range`;
          lose(position, together, `records_missing: ${what}`);
          continue;
        }
        oldestAtMs = Math.min(oldestAtMs, record.entries[0]?.atMs ?? Infinity);
        for (; entryAt < record.entries.length; entryAt++) {
          const entry = record.entries[entryAt] as Entry | SpilledEntry;
          if (!("value" in entry)) {
            apply(entry, position, together);
            continue;
          }
          if (!needed.has(entry)) continue;
          const found = reads.take(goOn);
          if (found === null) return;
          takeValue(entry, found, log, position, together);
        }
      }
      then();
    }
  }

  /** A shard whose entry's value is not there, or not what was written, has lost data: it alone. */
  function takeValue(
    spilled: SpilledEntry,
    found: ValueFound,
    log: LogId,
    position: number,
    together: readonly Progress[],
  ): void {
    bytes += found.bytes?.length ?? 0;
    const entry = entryIn(codec, checksum, spilled, found);
    if (typeof entry !== "string") return apply(entry, position, together);
    const owners = together.filter((one) => isOf(one, spilled, position));
    lose(position, owners, `value_missing: position ${position} of log ${log} needs ${spilled.value.object}: ${entry}`);
  }

  function apply(entry: Entry, position: number, together: readonly Progress[]): void {
    for (const one of together) if (isOf(one, entry, position)) one.target.replay(entry);
  }

  function lose(position: number, together: readonly Progress[], message: string): void {
    for (const one of together) {
      const range = currentRange(one);
      if (range === undefined || position < range.from || position >= range.to) continue;
      one.target.refuse(message);
      one.next = one.target.ranges.length;
    }
  }
}

function spilledIn({ ahead }: Read): SpilledEntry[] {
  if (ahead === null || typeof ahead === "string" || ahead.kind !== "entries") return [];
  return ahead.entries.filter((entry): entry is SpilledEntry => "value" in entry);
}

/** Whether the entry is one that this shard replays now. */
function isOf(one: Progress, { shard, epoch }: Entry | SpilledEntry, position: number): boolean {
  const range = currentRange(one);
  if (range === undefined || position < range.from || position >= range.to) return false;
  return shard === one.target.shard && epoch === range.epoch;
}

function isNeeded(entry: SpilledEntry, position: number, together: readonly Progress[]): boolean {
  return together.some((one) => isOf(one, entry, position));
}

/** The entry that a value holds, or what is wrong with it. */
function entryIn(
  codec: RecordCodec,
  checksum: Checksum,
  { value, ...head }: SpilledEntry,
  { bytes }: ValueFound,
): Entry | string {
  if (bytes === null) return "no such object is there";
  if (bytes.length !== value.length) return `it has ${bytes.length} bytes, ${value.length} were written`;
  if (checksum(bytes) !== value.checksum) return "its checksum does not hold";
  const entry = sound(() => codec.decodeValue(bytes));
  if (typeof entry === "string") return entry;
  const isSame = entry.shard === head.shard && entry.epoch === head.epoch && entry.sequence === head.sequence;
  return isSame ? entry : "it holds another entry";
}

/** The record, or what is wrong with its bytes. */
function decoded(codec: RecordCodec, body: Uint8Array): DecodedRecord | string {
  return sound(() => codec.decode(body));
}

function sound<Result>(decode: () => Result): Result | string {
  try {
    return decode();
  } catch (error) {
    if (error instanceof MalformedBytes) return error.message;
    throw error;
  }
}

function currentRange(one: Progress): ClosedRange | undefined {
  return one.target.ranges[one.next];
}
