/**
 * The item of one record (a persisted format, see docs/formats.md). Its partition key is all there is of a key, so that
 * the records of one log lie on all partitions of the table.
 *
 *     k          S  cluster#log#position
 *     b          B  the record, packed (src/aws/packed-bytes.ts)
 *     expiresAt  N  seconds since 1970, at AWS; DynamoDB removes the item at some time behind it
 */
import { ITEM_BYTES_MAX, type Item } from "../aws/item-size.js";
import { PACKED_HEADER_BYTES } from "../aws/packed-bytes.js";
import { FIRST_POSITION, type LogId } from "../core/log/record.js";

export const KEY_ATTRIBUTE = "k";
export const BODY_ATTRIBUTE = "b";
export const EXPIRY_ATTRIBUTE = "expiresAt";

/** Cluster names have at most 63 bytes, incarnations 12; 16 digits of position and two separators. */
const KEY_BYTES_MAX = 256;
const EXPIRY_BYTES_MAX = 12;

/** The largest record whose item is sure to fit, also when deflating it saves nothing. */
export const RECORD_BYTES_MAX =
  ITEM_BYTES_MAX -
  (KEY_ATTRIBUTE.length +
    KEY_BYTES_MAX +
    BODY_ATTRIBUTE.length +
    PACKED_HEADER_BYTES +
    EXPIRY_ATTRIBUTE.length +
    EXPIRY_BYTES_MAX);

/** Positions are digits and clusters have no `#`, so that no two records have one key, whatever is in the log's name. */
export function recordKey(cluster: string, log: LogId, position: number): string {
  return `${cluster}#${log}#${position}`;
}

/** Null where there can be a record; else why not. */
export function addressProblem(cluster: string, log: LogId, position: number): string | null {
  if (!Number.isSafeInteger(position) || position < FIRST_POSITION) return `${position} is no position`;
  if (Buffer.byteLength(recordKey(cluster, log, position)) > KEY_BYTES_MAX) return `the log's name ${log} is too long`;
  return null;
}

export function recordItem(key: string, packed: Uint8Array, expiresAtMs: number): Item {
  return {
    [KEY_ATTRIBUTE]: { S: key },
    [BODY_ATTRIBUTE]: { B: packed },
    [EXPIRY_ATTRIBUTE]: { N: String(Math.ceil(expiresAtMs / 1000)) },
  };
}

export function keyOf(key: string): Item {
  return { [KEY_ATTRIBUTE]: { S: key } };
}

/** The packed record of an item; empty where somebody else's item has none. */
export function packedOf(item: Item): Uint8Array {
  return item[BODY_ATTRIBUTE]?.B ?? new Uint8Array(0);
}
