/**
 * Reads a log forward: several requests under way at once, more the longer it goes on, none beyond the end of what was
 * asked. How many records go into a request follows from how large the last ones were.
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

interface Chunk {
  readonly position: number;
  readonly fetched: Promise<Fetched>;
}

export class RecordReader {
  readonly #fetch: RecordFetch;
  readonly #packer: BytePacker;
  /** The mean size of packed records lately. */
  #guessBytes = FIRST_GUESS_BYTES;

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
    let requestsMax = 1;
    // At least one record is wanted, whatever the limits.
    const end = position + Math.max(1, Math.min(countMax, Number.MAX_SAFE_INTEGER - position));
    const issue = (): void => {
      while (
        chunks.length < requestsMax &&
        next < end &&
        (chunks.length === 0 || this.#expected(chunks, next) < bytesMax - bytes)
      ) {
        const count = Math.min(this.#perRequest(bytesMax - bytes), end - next);
        chunks.push({ position: next, fetched: this.#fetch.fetch(log, next, count) });
        next += count;
      }
    };
    for (issue(); ; issue()) {
      const fetched = await chunks.shift()?.fetched;
      if (fetched === undefined) return { kind: "records", bodies };
      if (fetched.kind === "failed") return failed(fetched.failure.code, fetched.failure.message);
      this.#learn(fetched.packed);
      for (const packed of fetched.packed) {
        if (packed === null) return { kind: "records", bodies };
        const unpacked = await this.#packer.unpack(packed, RECORD_BYTES_MAX);
        if (unpacked.kind !== "content") {
          const where = `position ${position + bodies.length} of log ${log}`;
          return failed(unpacked.kind === "damaged" ? "journal_damaged" : unpacked.kind, `${where}: ${unpacked.message}`);
        }
        bodies.push(unpacked.bytes);
        bytes += unpacked.bytes.length;
        if (bodies.length >= countMax || bytes >= bytesMax) return { kind: "records", bodies };
      }
      requestsMax = Math.min(REQUESTS_MAX, requestsMax * 2);
    }
  }

  #perRequest(bytesLeft: number): number {
    const wanted = Math.floor(Math.min(REQUEST_BYTES_TARGET, bytesLeft) / this.#guessBytes);
    return Math.max(1, Math.min(BATCH_KEYS_MAX, wanted));
  }

  /** Bytes that the requests under way will bring. */
  #expected(chunks: readonly Chunk[], next: number): number {
    return (next - (chunks[0]?.position ?? next)) * this.#guessBytes;
  }

  #learn(packed: readonly (Uint8Array | null)[]): void {
    for (const one of packed) if (one !== null) this.#guessBytes += (one.length - this.#guessBytes) / 8;
  }
}

function failed(code: string, message: string): ReadOutcome {
  return { kind: "failed", code, message };
}
