/**
 * What DynamoDB charges for an item, from its size. Facts: DynamoDB Developer Guide, "Item sizes and formats" and
 * "Read and write operations": names and values count, numbers take half a byte a digit and one more; a write unit is
 * 1 KB, a consistent read unit 4 KB, at least one.
 */
import type { AttributeValue } from "@aws-sdk/client-dynamodb";

/** No item is larger. */
export const ITEM_BYTES_MAX = 400 << 10;
/** What a request for many items may ask for. */
export const BATCH_KEYS_MAX = 100;

export type Item = Readonly<Record<string, AttributeValue>>;

/** Of an item with attributes of the kinds that Holdfast writes: text, number, binary. An upper bound for numbers. */
export function itemBytes(item: Item): number {
  let bytes = 0;
  for (const [name, value] of Object.entries(item)) {
    bytes += Buffer.byteLength(name);
    if (value.S !== undefined) bytes += Buffer.byteLength(value.S);
    else if (value.B !== undefined) bytes += value.B.length;
    else if (value.N !== undefined) bytes += Math.ceil(value.N.length / 2) + 1;
  }
  return bytes;
}

export function writeUnits(bytes: number): number {
  return Math.max(1, Math.ceil(bytes / 1024));
}

/** Of a consistent read; what is absent costs one unit. */
export function readUnits(bytes: number): number {
  return Math.max(1, Math.ceil(bytes / 4096));
}
