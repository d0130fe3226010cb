/**
 * Finds where a dead log ends, and makes it end there: walks from its base, record by record, and puts a seal at the first
 * absent position. What stands at a position decides, whoever wrote it: a record means walk on, a seal is the end
 * (RULES.md 1, 2, 15i).
 */
import { MalformedBytes } from "../bytes/byte-reader.js";
import type { LogId } from "../log/record.js";
import type { DecodedRecord, RecordCodec } from "../log/record-codec.js";
import type { DirectoryClient } from "./directory-client.js";
import type { WalkedRecords } from "./walked-records.js";

export const WALK_COUNT = 1_024;
export const WALK_BYTES = 8 << 20;
/** What is read at once ends for want of records where it is shorter than any store cuts it: the seal itself finds out. */
const SHORT_BYTES = 768 << 10;
const SEAL_RETRY_MS = 200;

export interface LogEnding {
  readonly codec: RecordCodec;
  readonly client: DirectoryClient;
  readonly by: LogId;
  nextNonce(): Uint8Array;
  /** What was read already, and what a replay will need. */
  readonly walked: WalkedRecords;
}

/**
 * `then` gets the position of the seal. `refuse`: a record is of a newer format, or the log can be neither read nor sealed
 * by this process.
 */
export function sealLog(
  ending: LogEnding,
  log: LogId,
  base: number,
  then: (seal: number) => void,
  refuse: (code: string, message: string) => void,
): void {
  const kept = ending.walked.from(log, base, WALK_COUNT);
  if (kept.length > 0) return taken(kept);
  ending.client.readRecords(log, base, WALK_COUNT, WALK_BYTES, (bodies) => {
    ending.walked.add(log, base, bodies);
    taken(bodies);
  });

  function taken(bodies: readonly Uint8Array[]): void {
    let position = base;
    let bytes = 0;
    for (const body of bodies) {
      const record = decoded(ending.codec, body);
      if (record === null) return refuse("journal_damaged", `log ${log} holds no record of this cluster at position ${position}`);
      if (record.kind === "newer")
        return refuse("format_newer", `log ${log} has a record of format ${record.version} at position ${position}`);
      if (record.kind === "seal") return then(position);
      position++;
      bytes += body.length;
    }
    const mayBeMore = bodies.length >= WALK_COUNT || bytes >= SHORT_BYTES;
    if (mayBeMore) return sealLog(ending, log, position, then, refuse);
    putSeal(ending, log, position, then, refuse);
  }
}

function decoded(codec: RecordCodec, body: Uint8Array): DecodedRecord | null {
  try {
    return codec.decode(body);
  } catch (error) {
    if (error instanceof MalformedBytes) return null;
    throw error;
  }
}

function putSeal(
  ending: LogEnding,
  log: LogId,
  position: number,
  then: (seal: number) => void,
  refuse: (code: string, message: string) => void,
): void {
  const body = ending.codec.encodeSeal(ending.by, ending.nextNonce());
  ending.client.append(log, position, body, (outcome) => {
    if (outcome.kind === "happened") return then(position);
    if (outcome.kind === "refused" && outcome.isPermanent) return refuse(outcome.code ?? "disk_failed", outcome.message);
    if (outcome.kind === "refused") {
      return ending.client.after(outcome.retryAfterMs ?? SEAL_RETRY_MS, () => putSeal(ending, log, position, then, refuse));
    }
    // Something stands there, or may: look at it, and walk on from it.
    if (outcome.kind === "taken") return sealLog(ending, log, position, then, refuse);
    ending.client.after(SEAL_RETRY_MS, () => sealLog(ending, log, position, then, refuse));
  });
}
