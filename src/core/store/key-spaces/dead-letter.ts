/**
 * Dead letters: commands nobody waits for that faulted by themselves until their attempts were used up.
 *
 * Bound: `DEAD_LETTERS_MAX` a shard, by the alarm of their metric; they are never dropped by themselves. Expiry: none.
 */
import { ByteReader } from "../../bytes/byte-reader.js";
import { ByteWriter } from "../../bytes/byte-writer.js";
import type { EntityAddress } from "../../entity/address.js";
import { decodeCommand, encodeCommand } from "../../entity/command-codec.js";
import type { DeadLetter } from "../../log/entry.js";
import { DEAD_LETTER_SPACE, type EntityPrefix, entityKey, readEntityPrefix } from "./key-space.js";

const scratch = new ByteWriter(1024);

export function deadLetterKey(prefix: EntityPrefix, commandId: string): Uint8Array {
  return entityKey(DEAD_LETTER_SPACE, prefix, (writer) => writer.rawText(commandId));
}

export function encodeDeadLetter(deadLetter: DeadLetter): Uint8Array {
  scratch.clear();
  writeDeadLetter(scratch, deadLetter);
  return scratch.view();
}

export function decodeDeadLetter(
  key: Uint8Array,
  value: Uint8Array,
): { readonly entity: EntityAddress; readonly deadLetter: DeadLetter } {
  const { address } = readEntityPrefix(new ByteReader(key, 1));
  return { entity: address, deadLetter: readDeadLetter(new ByteReader(value)) };
}

/** Shared with the entry codec. */
export function writeDeadLetter(writer: ByteWriter, deadLetter: DeadLetter): void {
  encodeCommand(writer, deadLetter.command);
  writer.text(deadLetter.code);
  writer.text(deadLetter.message);
  writer.varint(deadLetter.attempts);
  writer.varint(deadLetter.atMs);
}

export function readDeadLetter(reader: ByteReader): DeadLetter {
  return {
    command: decodeCommand(reader),
    code: reader.text(),
    message: reader.text(),
    attempts: reader.varint(),
    atMs: reader.varint(),
  };
}
