/**
 * A shard's bookkeeping: its time and sequence, next numbers per target, consumed marks per source, next inbox number.
 * Held decoded while the shard is open, and written whole at every flush (RULES.md 9a, 9b); one value.
 *
 * Bound: the number of shards, and a window of marks for each. Expiry: none, ever.
 */
import { ByteReader, MalformedBytes } from "../../bytes/byte-reader.js";
import { ByteWriter } from "../../bytes/byte-writer.js";
import { BOOKKEEPING_SPACE } from "./key-space.js";

export interface Bookkeeping {
  /** Sequence of the last entry applied. */
  readonly sequence: number;
  /** Time of the last entry applied. */
  readonly timeMs: number;
  readonly nextInboxNumber: number;
  readonly nextNumberByTarget: ReadonlyMap<number, number>;
  readonly marksBySource: ReadonlyMap<number, { readonly low: number; readonly above: readonly number[] }>;
  /** How many idempotency results expire at or before a moment, for each hour that has any. */
  readonly resultsByExpiry: readonly (readonly [expiresAtMs: number, count: number])[];
  /** Whose it is, where that is a shard that came from a split: it begins with what is its parent's. */
  readonly shard?: number;
}

export const BOOKKEEPING_KEY = new Uint8Array([BOOKKEEPING_SPACE]);

const scratch = new ByteWriter(1024);

export function encodeBookkeeping(value: Bookkeeping): Uint8Array {
  scratch.clear();
  scratch.varint(value.sequence);
  scratch.varint(value.timeMs);
  scratch.varint(value.nextInboxNumber);
  scratch.varint(value.nextNumberByTarget.size);
  for (const [target, next] of value.nextNumberByTarget) {
    scratch.varint(target);
    scratch.varint(next);
  }
  scratch.varint(value.marksBySource.size);
  for (const [source, marks] of value.marksBySource) {
    scratch.varint(source);
    scratch.varint(marks.low);
    scratch.varint(marks.above.length);
    for (const number of marks.above) scratch.varint(number);
  }
  scratch.varint(value.resultsByExpiry.length);
  for (const [expiresAtMs, results] of value.resultsByExpiry) {
    scratch.varint(expiresAtMs);
    scratch.varint(results);
  }
  if (value.shard !== undefined) scratch.varint(value.shard);
  return scratch.view();
}

export function decodeBookkeeping(bytes: Uint8Array): Bookkeeping {
  const reader = new ByteReader(bytes);
  const sequence = reader.varint();
  const timeMs = reader.varint();
  const nextInboxNumber = reader.varint();
  const nextNumberByTarget = new Map<number, number>();
  for (let left = count(reader); left > 0; left--) nextNumberByTarget.set(reader.varint(), reader.varint());
  const marksBySource = new Map<number, { low: number; above: number[] }>();
  for (let left = count(reader); left > 0; left--) {
    const source = reader.varint();
    const low = reader.varint();
    const above = Array.from({ length: count(reader) }, () => reader.varint());
    marksBySource.set(source, { low, above });
  }
  const resultsByExpiry: [number, number][] = [];
  for (let left = count(reader); left > 0; left--) resultsByExpiry.push([reader.varint(), reader.varint()]);
  const value = { sequence, timeMs, nextInboxNumber, nextNumberByTarget, marksBySource, resultsByExpiry };
  return reader.remaining === 0 ? value : { ...value, shard: reader.varint() };
}

function count(reader: ByteReader): number {
  const value = reader.varint();
  if (value > reader.remaining) throw new MalformedBytes(`${value} items do not fit`);
  return value;
}
