/** History events in frames, and how a feed of them ends. */

import type { FeedEnd } from "../../core/answer.js";
import { type ByteReader, MalformedBytes } from "../../core/bytes/byte-reader.js";
import type { ByteWriter } from "../../core/bytes/byte-writer.js";
import type { HistoryEvent } from "../../core/entity/invocation.js";
import { decodeList, encodeList } from "./list-codec.js";
import { encodeTime } from "./moment-codec.js";

/** Version, time, length of the name, schema version, length of the data. */
const EVENT_BYTES_MIN = 5;

export function encodeEvents(writer: ByteWriter, events: readonly HistoryEvent[]): void {
  encodeList(writer, events, encodeEvent);
}

export function decodeEvents(reader: ByteReader): readonly HistoryEvent[] {
  return decodeList(reader, EVENT_BYTES_MIN, decodeEvent);
}

function encodeEvent(writer: ByteWriter, event: HistoryEvent): void {
  writer.varint(event.version);
  encodeTime(writer, event.atMs);
  writer.text(event.name);
  writer.varint(event.eventVersion);
  writer.block(event.data);
}

function decodeEvent(reader: ByteReader): HistoryEvent {
  return {
    version: reader.varint(),
    atMs: reader.varint(),
    name: reader.text(),
    eventVersion: reader.varint(),
    data: reader.block().slice(),
  };
}

/** By their numbers, which are never given again; 0: it goes on. */
const FEED_ENDS = [null, "stopping", "moved", "slow", "purged"] as const satisfies readonly (FeedEnd | null)[];

export function encodeFeedEnd(writer: ByteWriter, ended: FeedEnd | null): void {
  writer.u8(FEED_ENDS.indexOf(ended));
}

export function decodeFeedEnd(reader: ByteReader): FeedEnd | null {
  const number = reader.u8();
  const ended = FEED_ENDS[number];
  if (ended === undefined) throw new MalformedBytes(`a feed that ended for an unknown reason ${number}`);
  return ended;
}
