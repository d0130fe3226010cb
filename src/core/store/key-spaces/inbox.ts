/**
 * The inbox: accepted commands and parked messages that have not run yet, by entity and number, in the order they came.
 *
 * Bound: `INBOX_MAX` a shard; above it commands are refused and messages wait at their sender. Expiry: none.
 */
import { ByteReader } from "../../bytes/byte-reader.js";
import { ByteWriter } from "../../bytes/byte-writer.js";
import type { EntityAddress } from "../../entity/address.js";
import type { Command } from "../../entity/command.js";
import { decodeCommand, encodeCommand } from "../../entity/command-codec.js";
import { type EntityPrefix, entityKey, INBOX_SPACE, readEntityPrefix } from "./key-space.js";

export const INBOX_MAX = 20_000;

const scratch = new ByteWriter(1024);

export function inboxKey(prefix: EntityPrefix, number: number): Uint8Array {
  return entityKey(INBOX_SPACE, prefix, (writer) => writer.u48Ordered(number));
}

export function inboxNumberOf(key: Uint8Array): number {
  return new ByteReader(key, key.length - 6).u48Ordered();
}

/** `timer`: the name of the timer that it came from, by which its entity may still take it back. */
export function encodeInboxCommand(command: Command, timer: string | null): Uint8Array {
  scratch.clear();
  encodeCommand(scratch, command);
  scratch.text(timer ?? "");
  return scratch.view();
}

export interface StoredCommand {
  readonly entity: EntityAddress;
  readonly number: number;
  readonly command: Command;
  readonly timer: string | null;
}

export function decodeInbox(key: Uint8Array, value: Uint8Array): StoredCommand {
  const keyReader = new ByteReader(key, 1);
  const { address } = readEntityPrefix(keyReader);
  const number = keyReader.u48Ordered();
  const reader = new ByteReader(value);
  return { entity: address, number, command: decodeCommand(reader), timer: reader.text() || null };
}
