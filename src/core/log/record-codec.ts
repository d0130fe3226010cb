/** How the core sees the byte form of records; src/protocol/record supplies it. */
import type { ByteWriter } from "../bytes/byte-writer.js";
import type { Entry } from "./entry.js";
import type { LogId } from "./record.js";
import type { SpilledEntry, ValueReference } from "./spilled-value.js";

/** Random bytes that belong to one record's content, so that a writer knows its own (RULES.md 15g). */
export const NONCE_BYTES = 12;

export type DecodedRecord =
  | { readonly kind: "entries"; readonly nonce: Uint8Array; readonly entries: readonly (Entry | SpilledEntry)[] }
  /** The end of a log. `by` is the incarnation that sealed it. */
  | { readonly kind: "seal"; readonly nonce: Uint8Array; readonly by: LogId }
  /** Written by a newer version: whoever reads it is fenced (RULES.md 15d). */
  | { readonly kind: "newer"; readonly version: number };

export interface RecordCodec {
  /** Writes a record's head; entries follow, each by `encodeEntry`. */
  beginRecord(writer: ByteWriter, nonce: Uint8Array): void;
  encodeEntry(entry: Entry, writer: ByteWriter): void;
  /** Writes, in the place of the entry, where it lies. The record began at the writer's beginning. */
  encodeReference(entry: Entry, value: ValueReference, writer: ByteWriter): void;
  /** The object that an entry lies in; `framed` is what `encodeEntry` has written of it. */
  encodeValue(framed: Uint8Array): Uint8Array;
  /** What `encodeEntry` wrote of the entry that the object holds: a view. */
  framedIn(value: Uint8Array): Uint8Array;
  /** Throws MalformedBytes for what is no value, one of a newer version, or one of another cluster. */
  decodeValue(value: Uint8Array): Entry;
  /** False where the record, if it is one, refers to no value for sure. Cheap. */
  mayRefer(body: Uint8Array): boolean;
  encodeSeal(by: LogId, nonce: Uint8Array): Uint8Array;
  /** Throws MalformedBytes for what is no record, or one of another cluster. */
  decode(body: Uint8Array): DecodedRecord;
}
