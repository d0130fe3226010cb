/**
 * Idempotency results: what came of a command, by (entity, command id), so that a duplicate is answered and not run.
 *
 * Bound: one value a command. Expiry: the type's idempotency retention; never earlier.
 */
import { ByteReader } from "../../bytes/byte-reader.js";
import { ByteWriter } from "../../bytes/byte-writer.js";
import { decodeOutcome, encodeOutcome } from "../../entity/command-codec.js";
import type { StoredResult } from "../../log/entry.js";
import { type EntityPrefix, entityKeyView, RESULT_SPACE } from "./key-space.js";

const scratch = new ByteWriter(1024);

/** A view that the next key of an entity overwrites. */
export function resultKey(prefix: EntityPrefix, commandId: string): Uint8Array {
  return entityKeyView(RESULT_SPACE, prefix, commandId);
}

export function encodeResult(result: StoredResult): Uint8Array {
  scratch.clear();
  writeResult(scratch, result);
  return scratch.view();
}

export function decodeResult(value: Uint8Array): StoredResult {
  return readResult(new ByteReader(value));
}

/** Shared with the entry codec: the log holds results in the same form. */
export function writeResult(writer: ByteWriter, result: StoredResult): void {
  writer.text(result.bodyHash);
  writer.varint(result.version);
  writer.varint(result.expiresAtMs);
  writer.u8(result.outcome === null ? 0 : 1);
  if (result.outcome !== null) encodeOutcome(writer, result.outcome);
}

export function readResult(reader: ByteReader): StoredResult {
  const bodyHash = reader.text();
  const version = reader.varint();
  const expiresAtMs = reader.varint();
  const outcome = reader.flag() ? decodeOutcome(reader) : null;
  return { bodyHash, version, expiresAtMs, outcome };
}
