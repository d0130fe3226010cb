/**
 * The outbox: messages born and not yet acknowledged by their target's shard, by (target shard, number).
 *
 * Bound: what admission lets be born (`OUTBOX_MAX` a shard). Expiry: none.
 */
import { ByteReader } from "../../bytes/byte-reader.js";
import { ByteWriter } from "../../bytes/byte-writer.js";
import type { Message } from "../../entity/command.js";
import { decodeMessage, encodeMessage } from "../../entity/command-codec.js";
import { OUTBOX_SPACE } from "./key-space.js";

export const OUTBOX_MAX = 50_000;

const scratch = new ByteWriter(1024);

export function outboxKey(targetShard: number, number: number): Uint8Array {
  scratch.clear();
  scratch.u8(OUTBOX_SPACE);
  scratch.u32Ordered(targetShard);
  scratch.u48Ordered(number);
  return scratch.take();
}

export function encodeOutboxMessage(message: Message): Uint8Array {
  scratch.clear();
  encodeMessage(scratch, message);
  return scratch.view();
}

export function decodeOutboxMessage(value: Uint8Array): Message {
  return decodeMessage(new ByteReader(value));
}
