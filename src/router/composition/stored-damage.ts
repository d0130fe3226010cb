/** Looks whether what a manifest names is there and is what was written: segments block by block, records and their values one by one. */
import { crc32 } from "node:zlib";
import { MalformedBytes } from "../../core/bytes/byte-reader.js";
import type { DecodedRecord } from "../../core/log/record-codec.js";
import type { ValueReference } from "../../core/log/spilled-value.js";
import type { ClosedRange } from "../../core/ownership/documents.js";
import { mergeCells } from "../../core/store/key-spaces/cell.js";
import { SegmentMerge } from "../../core/store/segment-merge.js";
import type { SegmentReference } from "../../core/store/segment-reference.js";
import type { JournalPort } from "../../ports/journal.js";
import type { SnapshotPort } from "../../ports/snapshots.js";
import { recordCodec } from "../../protocol/record/record-codec.js";
import { segmentTools } from "../driver/segment-tools.js";
import { StoreFailed } from "./stored-shards.js";

export type DamageCode = "segment_missing" | "segment_damaged" | "format_newer" | "records_missing" | "value_missing";

export interface Damage {
  readonly code: DamageCode;
  /** Names the object, or log and position. */
  readonly message: string;
}

const READ_BYTES = 1 << 20;
const RECORDS_MAX = 1_024;
const RECORDS_BYTES = 16 << 20;

/** The first segment that cannot be read whole; null: all can. */
export async function damageOfSegments(
  snapshots: SnapshotPort,
  clusterId: Uint8Array,
  segments: readonly SegmentReference[],
): Promise<Damage | null> {
  for (const segment of segments) {
    const damage = await damageOf(snapshots, clusterId, segment);
    if (damage !== null) return damage;
  }
  return null;
}

/** A merge of one segment reads, and checks, every block of it; what it makes is thrown away. */
async function damageOf(snapshots: SnapshotPort, clusterId: Uint8Array, segment: SegmentReference): Promise<Damage | null> {
  const job = { object: segment.object, clusterId, inputs: [segment], isBottom: false, nowMs: 0, level: 0 };
  const merge = new SegmentMerge({ ...job, isDeflated: false, readBytes: READ_BYTES }, mergeCells, segmentTools);
  for (;;) {
    const step = merge.step();
    if (step.kind === "read") merge.supply(step.input, await snapshots.read(step.object, step.offset, step.length));
    if (step.kind === "done") return null;
    if (step.kind !== "failed") continue;
    if (step.problem === null) throw new StoreFailed(step.message);
    const { code, object, message } = step.problem;
    return { code, message: `${object}: ${message}` };
  }
}

/** The first position of a range whose record, or a value that this shard needs of it, is not there as it was written. */
export async function damageOfRange(
  journal: JournalPort,
  snapshots: SnapshotPort,
  clusterId: Uint8Array,
  shard: number,
  { log, epoch, from, to }: ClosedRange,
): Promise<Damage | null> {
  const codec = recordCodec(clusterId);
  for (let position = from; position < to; ) {
    const read = await journal.read(log, position, Math.min(RECORDS_MAX, to - position), RECORDS_BYTES);
    if (read.kind === "failed") throw new StoreFailed(read.message);
    if (read.bodies.length === 0) return missing(`log ${log} has no record at position ${position}`);
    for (const body of read.bodies) {
      const record = decoded(() => codec.decode(body));
      if (record?.kind === "newer") return { code: "format_newer", message: `position ${position} of log ${log}` };
      if (record?.kind !== "entries") return missing(`log ${log} has no sound record at position ${position}`);
      for (const entry of record.entries) {
        if (!("value" in entry) || entry.shard !== shard || entry.epoch !== epoch) continue;
        if (await isThere(snapshots, entry.value)) continue;
        const message = `position ${position} of log ${log} needs ${entry.value.object}, which is not there as it was written`;
        return { code: "value_missing", message };
      }
      position++;
    }
  }
  return null;
}

async function isThere(snapshots: SnapshotPort, { object, length, checksum }: ValueReference): Promise<boolean> {
  const read = await snapshots.read(object, 0, length);
  if (read.kind === "failed") throw new StoreFailed(read.message);
  return read.kind === "found" && read.bytes.length === length && crc32(read.bytes) === checksum;
}

function missing(message: string): Damage {
  return { code: "records_missing", message };
}

/** Null for bytes that are no record. */
function decoded(decode: () => DecodedRecord): DecodedRecord | null {
  try {
    return decode();
  } catch (error) {
    if (error instanceof MalformedBytes) return null;
    throw error;
  }
}
