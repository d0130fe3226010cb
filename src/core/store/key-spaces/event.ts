/**
 * Event history: what an event-sourced entity has emitted, by version.
 *
 * Bound: one value an event. Expiry: by the type's history retention, counted from the event's commit.
 */
import { ByteReader } from "../../bytes/byte-reader.js";
import { ByteWriter } from "../../bytes/byte-writer.js";
import type { HistoryEvent, NewEvent } from "../../entity/invocation.js";
import { type EntityPrefix, EVENT_SPACE, entityKey } from "./key-space.js";

const scratch = new ByteWriter(1024);

export function eventKey(prefix: EntityPrefix, version: number): Uint8Array {
  return entityKey(EVENT_SPACE, prefix, (writer) => writer.u48Ordered(version));
}

export function encodeEvent(event: NewEvent, atMs: number): Uint8Array {
  scratch.clear();
  scratch.varint(atMs);
  scratch.text(event.name);
  scratch.varint(event.eventVersion);
  scratch.raw(event.data);
  return scratch.view();
}

export function decodeEvent(key: Uint8Array, value: Uint8Array): HistoryEvent {
  const version = new ByteReader(key, key.length - 6).u48Ordered();
  const reader = new ByteReader(value);
  const atMs = reader.varint();
  const name = reader.text();
  const eventVersion = reader.varint();
  return { version, atMs, name, eventVersion, data: value.slice(reader.offset) };
}
