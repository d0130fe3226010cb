/**
 * Reads a log forward: several requests under way at once, more the longer it goes on (from one read to the next as well),
 * none beyond the end of what was asked. How many records go into a request follows from how large the last ones were.
 */

import { BATCH_KEYS_MAX } from "../aws/item-size.js";
import type { BytePacker } from "../aws/packed-bytes.js";
import type { LogId, ReadOutcome } from "../core/log/record.js";
import type { Fetched, RecordFetch } from "./record-fetch.js";
import { RECORD_BYTES_MAX } from "./record-item.js";

/** Above about 1 MB for a partition DynamoDB answers with a part only; a new table has four partitions. */
const REQUEST_BYTES_TARGET = 1 << 20;
/** At most 16 MB on their way, and half of the reading sockets. */
const REQUESTS_MAX = 16;
/** Until records have been seen: a small batch. */
const FIRST_GUESS_BYTES = 32 << 10;
/** Logs that are being read: a claim reads those of some dead incarnations. Of more, the first start slowly again. */
const PACES_MAX = 64;

interface Chunk {
  readonly position: number;
  readonly fetched: Promise<Fetched>;
}

/** A log was read up to `next`, with so many requests at once. */
interface Pace {
  readonly next: number;
  readonly requestsMax: number;
}

export class RecordReader {
  readonly #fetch: RecordFetch;
  readonly #packer: BytePacker;
  /** The mean size of records lately, as they are sent and as they are read. */
  #packedBytes = FIRST_GUESS_BYTES;
  #bodyBytes = FIRST_GUESS_BYTES;
  readonly #paceByLog = new Map<LogId, Pace>();

  constructor(fetch: RecordFetch, packer: BytePacker) {
    this.#fetch = fetch;
    this.#packer = packer;
  }

  /** As the port's `read`. Requests that are not needed any more when it returns end by themselves. */
  async read(log: LogId, position: number, countMax: number, bytesMax: number): Promise<ReadOutcome> {
    const bodies: Uint8Array[] = [];
    const chunks: Chunk[] = [];
    let bytes = 0;
    let next = position;
    const pace = this.#paceByLog.get(log);
    let requestsMax = pace?.next === position ? pace.requestsMax : 1;
    this.#paceByLog.delete(log);
    // At least one record is wanted, whatever the limits.
    const end = position + Math.max(1, Math.min(countMax, Number.MAX_SAFE_INTEGER - position));
    const issue = (): void => {
      while (chunks.length < requestsMax && next < end) {
        const underWay = (next - (chunks[0]?.position ?? next)) * this.#bodyBytes;
        if (chunks.length > 0 && underWay >= bytesMax - bytes) return;
        const count = Math.min(this.#perRequest(bytesMax - bytes - underWay), end - next);
        chunks.push({ position: next, fetched: this.#fetch.fetch(log, next, count) });
        next += count;
      }
    };
    for (issue(); ; issue()) {
      const fetched = await chunks.shift()?.fetched;
      if (fetched === undefined) return { kind: "records", bodies };
      if (fetched.kind === "failed") return failed(fetched.failure.code, fetched.failure.message);
      for (const packed of fetched.packed) {
        if (packed === null) return { kind: "records", bodies };
        const unpacked = await this.#packer.unpack(packed, RECORD_BYTES_MAX);
        if (unpacked.kind !== "content") {
          const where = `position ${position + bodies.length} of log ${log}`;
          return failed(unpacked.kind === "damaged" ? "journal_damaged" : unpacked.kind, `${where}: ${unpacked.message}`);
        }
        this.#packedBytes += (packed.length - this.#packedBytes) / 8;
        this.#bodyBytes += (unpacked.bytes.length - this.#bodyBytes) / 8;
        bodies.push(unpacked.bytes);
        bytes += unpacked.bytes.length;
        if (bodies.length < countMax && bytes < bytesMax) continue;
        this.#remember(log, { next: position + bodies.length, requestsMax: Math.min(REQUESTS_MAX, requestsMax * 2) });
        return { kind: "records", bodies };
      }
      requestsMax = Math.min(REQUESTS_MAX, requestsMax * 2);
    }
  }

  #remember(log: LogId, pace: Pace): void {
    this.#paceByLog.set(log, pace);
    for (const oldest of this.#paceByLog.keys()) {
      if (this.#paceByLog.size <= PACES_MAX) return;
      this.#paceByLog.delete(oldest);
    }
  }

  #perRequest(bytesLeft: number): number {
    const wanted = Math.min(REQUEST_BYTES_TARGET / this.#packedBytes, Math.ceil(bytesLeft / this.#bodyBytes));
    return Math.max(1, Math.min(BATCH_KEYS_MAX, Math.floor(wanted)));
  }
}

function failed(code: string, message: string): ReadOutcome {
  return { kind: "failed", code, message };
}
