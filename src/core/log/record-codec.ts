/** How the core sees the byte form of records; src/protocol/record supplies it. */
import type { ByteWriter } from "../bytes/byte-writer.js";
import type { Entry } from "./entry.js";
import type { LogId } from "./record.js";

/** Random bytes that belong to one record's content, so that a writer knows its own (RULES.md 15g). */
export const NONCE_BYTES = 12;

export type DecodedRecord =
  | { readonly kind: "entries"; readonly nonce: Uint8Array; readonly entries: readonly Entry[] }
  /** The end of a log. `by` is the incarnation that sealed it. */
  | { readonly kind: "seal"; readonly nonce: Uint8Array; readonly by: LogId }
  /** Written by a newer version: whoever reads it is fenced (RULES.md 15d). */
  | { readonly kind: "newer"; readonly version: number };

export interface RecordCodec {
  /** Writes a record's head; entries follow, each by `encodeEntry`. */
  beginRecord(writer: ByteWriter, nonce: Uint8Array): void;
  encodeEntry(entry: Entry, writer: ByteWriter): void;
  encodeSeal(by: LogId, nonce: Uint8Array): Uint8Array;
  /** Throws MalformedBytes for what is no record, or one of another cluster. */
  decode(body: Uint8Array): DecodedRecord;
}
