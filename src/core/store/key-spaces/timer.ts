/**
 * Timers, twice: by (owner, name), which alone says whether a timer stands and what it sends; and by due time, an index
 * that is read from its head. An index entry whose timer is gone or due at another time is stale and means nothing, so that
 * setting and cancelling never have to read.
 *
 * Bound: one of each a timer. Expiry: none.
 */
import { ByteReader } from "../../bytes/byte-reader.js";
import { ByteWriter } from "../../bytes/byte-writer.js";
import type { EntityAddress } from "../../entity/address.js";
import { decodeAddress, decodeCommand, encodeAddress, encodeCommand } from "../../entity/command-codec.js";
import type { Timer } from "../../log/entry.js";
import { type EntityPrefix, entityKey, readEntityPrefix, TIMER_DUE_SPACE, TIMER_SPACE, writeEntityPrefix } from "./key-space.js";

const scratch = new ByteWriter(1024);

export const NO_VALUE = new Uint8Array(0);

export function timerKey(prefix: EntityPrefix, name: string): Uint8Array {
  return entityKey(TIMER_SPACE, prefix, (writer) => writer.rawText(name));
}

export function encodeTimer(timer: Timer): Uint8Array {
  scratch.clear();
  writeTimer(scratch, timer);
  return scratch.view();
}

export function decodeTimer(value: Uint8Array): Timer {
  return readTimer(new ByteReader(value));
}

/** Shared with the entry codec. */
export function writeTimer(writer: ByteWriter, timer: Timer): void {
  encodeAddress(writer, timer.owner);
  writer.text(timer.name);
  writer.varint(timer.dueAtMs);
  encodeAddress(writer, timer.to);
  encodeCommand(writer, timer.command);
}

export function readTimer(reader: ByteReader): Timer {
  return {
    owner: decodeAddress(reader),
    name: reader.text(),
    dueAtMs: reader.varint(),
    to: decodeAddress(reader),
    command: decodeCommand(reader),
  };
}

/** An entry of the due index. */
export interface Due {
  readonly dueAtMs: number;
  readonly owner: EntityAddress;
  readonly name: string;
}

export function timerDueKey(due: Due, hash: number): Uint8Array {
  scratch.clear();
  scratch.u8(TIMER_DUE_SPACE);
  scratch.u48Ordered(due.dueAtMs);
  writeEntityPrefix(scratch, due.owner, hash);
  scratch.rawText(due.name);
  return scratch.take();
}

/** Where the entries of timers that are due at that moment or later begin. */
export function timerDueFrom(dueAtMs: number): Uint8Array {
  scratch.clear();
  scratch.u8(TIMER_DUE_SPACE);
  scratch.u48Ordered(dueAtMs);
  return scratch.take();
}

export function decodeTimerDueKey(key: Uint8Array): Due {
  const reader = new ByteReader(key, 1);
  const dueAtMs = reader.u48Ordered();
  const { address } = readEntityPrefix(reader);
  return { dueAtMs, owner: address, name: reader.rawText(reader.remaining) };
}
