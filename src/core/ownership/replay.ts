/**
 * Replay: reads the closed ranges of the shards that are being taken over and applies their entries, in order. A log is
 * read once for all shards whose turn it is. An absent position inside a closed range is data loss and refuses the shard;
 * it is never passed over (RULES.md 1, 2).
 */
import { MalformedBytes } from "../bytes/byte-reader.js";
import type { Entry } from "../log/entry.js";
import type { LogId } from "../log/record.js";
import type { DecodedRecord, RecordCodec } from "../log/record-codec.js";
import type { DirectoryClient } from "./directory-client.js";
import type { ClosedRange } from "./documents.js";

const READ_COUNT = 1_024;
const READ_BYTES = 16 << 20;

export interface ReplayTarget {
  readonly shard: number;
  readonly ranges: readonly ClosedRange[];
  replay(entry: Entry): void;
  /** A position that must be there is not, or holds what no record may. */
  refuse(message: string): void;
}

interface Progress {
  readonly target: ReplayTarget;
  next: number;
}

export interface ReplaySize {
  readonly records: number;
  readonly bytes: number;
}

export function replay(
  codec: RecordCodec,
  client: DirectoryClient,
  targets: readonly ReplayTarget[],
  then: (size: ReplaySize) => void,
): void {
  const progress: Progress[] = targets.map((target) => ({ target, next: 0 }));
  let records = 0;
  let bytes = 0;
  step();

  function step(): void {
    const open = progress.filter(({ target, next }) => next < target.ranges.length);
    const first = open[0];
    if (first === undefined) return then({ records, bytes });
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
    client.readRecords(log, from, Math.min(READ_COUNT, to - from), READ_BYTES, (bodies) => {
      if (bodies.length === 0) {
        lose(from, together, `records_missing: log ${log} has no record at position ${from}, which a closed range names`);
        return readOn(log, from + 1, together);
      }
      let at = from;
      for (const body of bodies) take(body, log, at++, together);
      readOn(log, at, together);
    });
  }

  function take(body: Uint8Array, log: LogId, position: number, together: readonly Progress[]): void {
    records++;
    bytes += body.length;
    const record = decoded(codec, body);
    if (typeof record === "string") {
      lose(position, together, `records_missing: log ${log} has no sound record at position ${position}: ${record}`);
    } else if (record.kind === "entries") apply(record.entries, position, together);
    else
      lose(position, together, `records_missing: log ${log} has a ${record.kind} at position ${position}, inside a closed range`);
  }

  function apply(entries: readonly Entry[], position: number, together: readonly Progress[]): void {
    for (const one of together) {
      const range = currentRange(one);
      if (range === undefined || position < range.from || position >= range.to) continue;
      for (const entry of entries) {
        if (entry.shard === one.target.shard && entry.epoch === range.epoch) one.target.replay(entry);
      }
    }
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

/** The record, or what is wrong with its bytes. */
function decoded(codec: RecordCodec, body: Uint8Array): DecodedRecord | string {
  try {
    return codec.decode(body);
  } catch (error) {
    if (error instanceof MalformedBytes) return error.message;
    throw error;
  }
}

function currentRange(one: Progress): ClosedRange | undefined {
  return one.target.ranges[one.next];
}
