/**
 * Spilled values: entries too large to lie in their record. Each becomes an object of its own in the snapshot store, and
 * the record holds a reference in its place (docs/decisions/large-values.md).
 */
import type { LogId } from "./record.js";

/** Where the bytes of an entry lie, and how to know them. */
export interface ValueReference {
  readonly object: string;
  readonly length: number;
  /** CRC-32 of the whole object. */
  readonly checksum: number;
}

/** What a record holds in the place of an entry that lies elsewhere: enough to know whether it has to be read. */
export interface SpilledEntry {
  readonly shard: number;
  readonly epoch: number;
  readonly sequence: number;
  readonly atMs: number;
  readonly value: ValueReference;
}

export const VALUE_PREFIX = "values/";

/** `values/<log>/<position>-<n>`: belongs to one record of one log, and is never used twice. `n` counts from 0. */
export function valueName(log: LogId, position: number, n: number): string {
  return `${VALUE_PREFIX}${log}/${position}-${n}`;
}

const NAME = /^values\/(.+)\/(\d+)-\d+$/;

/** Whose it is; null for what is no such name. */
export function ownerOfValue(object: string): { readonly log: LogId; readonly position: number } | null {
  const match = NAME.exec(object);
  return match === null ? null : { log: match[1] as LogId, position: Number(match[2]) };
}
