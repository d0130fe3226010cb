/**
 * Entries as bytes. Persisted: docs/formats.md, "Entries"; golden files in test/golden.
 *
 * Layout: kind byte, shard, epoch, sequence and time as varints, then the body's fields in the order below.
 */
import { type ByteReader, MalformedBytes } from "../../core/bytes/byte-reader.js";
import type { ByteWriter } from "../../core/bytes/byte-writer.js";
import type { Message } from "../../core/entity/command.js";
import {
  decodeAddress,
  decodeCommand,
  decodeMessage,
  decodeMetadata,
  encodeAddress,
  encodeCommand,
  encodeMessage,
  encodeMetadata,
} from "../../core/entity/command-codec.js";
import type { NewEvent } from "../../core/entity/invocation.js";
import type {
  AcceptedBody,
  AcknowledgedBody,
  Consumed,
  DeadLetterBody,
  DueBody,
  EffectsBody,
  Entry,
  EntryBody,
  Origin,
  ParkedBody,
  PurgedBody,
  Timer,
} from "../../core/log/entry.js";
import type { SpilledEntry, ValueReference } from "../../core/log/spilled-value.js";
import { readDeadLetter, writeDeadLetter } from "../../core/store/key-spaces/dead-letter.js";
import { readResult, writeResult } from "../../core/store/key-spaces/result.js";
import { readTimer, writeTimer } from "../../core/store/key-spaces/timer.js";
import { unreachable } from "../../core/unreachable.js";

const KINDS = ["effects", "accepted", "parked", "due", "acknowledged", "deadLetter", "purged"] as const;

export function encodeEntry(entry: Entry, writer: ByteWriter): void {
  writer.u8(KINDS.indexOf(entry.body.kind));
  writer.varint(entry.shard);
  writer.varint(entry.epoch);
  writer.varint(entry.sequence);
  writer.varint(entry.atMs);
  encodeBody(entry.body, writer);
}

/** The kind of what stands in the place of an entry that lies in the snapshot store. */
const SPILLED: number = KINDS.length;

export function encodeReference({ shard, epoch, sequence, atMs }: Entry, value: ValueReference, writer: ByteWriter): void {
  writer.u8(SPILLED);
  writer.varint(shard);
  writer.varint(epoch);
  writer.varint(sequence);
  writer.varint(atMs);
  writer.text(value.object);
  writer.varint(value.length);
  writer.u32(value.checksum);
}

/** An entry, or, where the record's version has such, the reference to one. */
export function decodeEntryOrReference(reader: ByteReader, isSpilling: boolean): Entry | SpilledEntry {
  const number = reader.u8();
  if (number !== SPILLED || !isSpilling) return decodeEntryOf(number, reader);
  return {
    shard: reader.varint(),
    epoch: reader.varint(),
    sequence: reader.varint(),
    atMs: reader.varint(),
    value: { object: reader.text(), length: reader.varint(), checksum: reader.u32() },
  };
}

export function decodeEntry(reader: ByteReader): Entry {
  return decodeEntryOf(reader.u8(), reader);
}

function decodeEntryOf(number: number, reader: ByteReader): Entry {
  const kind = KINDS[number];
  if (kind === undefined) throw new MalformedBytes(`an entry of unknown kind ${number}`);
  return {
    shard: reader.varint(),
    epoch: reader.varint(),
    sequence: reader.varint(),
    atMs: reader.varint(),
    body: decodeBody(kind, reader),
  };
}

function encodeBody(body: EntryBody, writer: ByteWriter): void {
  switch (body.kind) {
    case "effects":
      return encodeEffects(body, writer);
    case "accepted":
      return encodeAccepted(body, writer);
    case "parked":
      encodeMessage(writer, body.message);
      return writer.varint(body.inboxNumber);
    case "due":
      return encodeDue(body, writer);
    case "acknowledged":
      writer.varint(body.targetShard);
      return encodeList(writer, body.numbers, (number) => writer.varint(number));
    case "deadLetter":
      encodeAddress(writer, body.entity);
      writer.text(body.commandId);
      writer.u8(body.retried === null ? 0 : 1);
      if (body.retried === null) return;
      writer.varint(body.retried.inboxNumber);
      return encodeCommand(writer, body.retried.command);
    case "purged":
      encodeAddress(writer, body.entity);
      encodeList(writer, body.keys, (key) => writer.block(key));
      return writer.varint(body.inboxCount);
    default:
      return unreachable(body);
  }
}

function decodeBody(kind: EntryBody["kind"], reader: ByteReader): EntryBody {
  switch (kind) {
    case "effects":
      return decodeEffects(reader);
    case "accepted":
      return decodeAccepted(reader);
    case "parked":
      return { kind, message: decodeMessage(reader), inboxNumber: reader.varint() } satisfies ParkedBody;
    case "due":
      return decodeDue(reader);
    case "acknowledged":
      return {
        kind,
        targetShard: reader.varint(),
        numbers: decodeList(reader, () => reader.varint()),
      } satisfies AcknowledgedBody;
    case "deadLetter":
      return {
        kind,
        entity: decodeAddress(reader),
        commandId: reader.text(),
        retried: reader.flag() ? { inboxNumber: reader.varint(), command: decodeCommand(reader) } : null,
      } satisfies DeadLetterBody;
    case "purged":
      return {
        kind,
        entity: decodeAddress(reader),
        keys: decodeList(reader, () => reader.block().slice()),
        inboxCount: reader.varint(),
      } satisfies PurgedBody;
    default:
      return unreachable(kind);
  }
}

const STATE_UNCHANGED = 0;
const STATE_DELETED = 1;
const STATE_INLINE = 2;
// 3 was kept for a state that lies in the snapshot store: whole entries do instead.

function encodeEffects(body: EffectsBody, writer: ByteWriter): void {
  encodeAddress(writer, body.entity);
  writer.varint(body.previousVersion);
  writer.varint(body.version);
  writer.varint(body.stateVersion);
  writer.text(body.deployment);
  if (body.state === undefined) writer.u8(STATE_UNCHANGED);
  else if (body.state === null) writer.u8(STATE_DELETED);
  else {
    writer.u8(STATE_INLINE);
    writer.block(body.state);
  }
  writer.varint(body.expiresAtMs);
  encodeList(writer, body.events, (event) => encodeNewEvent(event, writer));
  encodeList(writer, body.consumed, (consumed) => encodeConsumed(consumed, writer));
  encodeList(writer, body.born, (message) => encodeMessage(writer, message));
  encodeList(writer, body.timersSet, (timer) => writeTimer(writer, timer));
  encodeList(writer, body.timersCancelled, (name) => writer.text(name));
  encodeList(writer, body.timersPast, (past) => {
    writer.text(past.name);
    writer.varint(past.dueAtMs);
  });
  encodeList(writer, body.withdrawn, (number) => writer.varint(number));
  encodeList(writer, body.withdrawnInbox, (number) => writer.varint(number));
}

function decodeEffects(reader: ByteReader): EffectsBody {
  return {
    kind: "effects",
    entity: decodeAddress(reader),
    previousVersion: reader.varint(),
    version: reader.varint(),
    stateVersion: reader.varint(),
    deployment: reader.text(),
    state: decodeState(reader),
    expiresAtMs: reader.varint(),
    events: decodeList(reader, () => decodeNewEvent(reader)),
    consumed: decodeList(reader, () => decodeConsumed(reader)),
    born: decodeList(reader, (): Message => decodeMessage(reader)),
    timersSet: decodeList(reader, (): Timer => readTimer(reader)),
    timersCancelled: decodeList(reader, () => reader.text()),
    timersPast: decodeList(reader, () => ({ name: reader.text(), dueAtMs: reader.varint() })),
    withdrawn: decodeList(reader, () => reader.varint()),
    withdrawnInbox: decodeList(reader, () => reader.varint()),
  };
}

function decodeState(reader: ByteReader): Uint8Array | null | undefined {
  const kind = reader.u8();
  if (kind === STATE_UNCHANGED) return undefined;
  if (kind === STATE_DELETED) return null;
  if (kind === STATE_INLINE) return reader.block().slice();
  throw new MalformedBytes(`a state of unknown kind ${kind}`);
}

function encodeNewEvent(event: NewEvent, writer: ByteWriter): void {
  writer.text(event.name);
  writer.varint(event.eventVersion);
  writer.block(event.data);
}

function decodeNewEvent(reader: ByteReader): NewEvent {
  return { name: reader.text(), eventVersion: reader.varint(), data: reader.block().slice() };
}

const HAS_RESULT = 1;
const HAS_DEAD_LETTER = 2;

function encodeConsumed(consumed: Consumed, writer: ByteWriter): void {
  writer.text(consumed.commandId);
  writer.text(consumed.name);
  encodeOrigin(consumed.origin, writer);
  encodeMetadata(writer, consumed.metadata);
  writer.u8((consumed.result !== null ? HAS_RESULT : 0) | (consumed.deadLetter !== null ? HAS_DEAD_LETTER : 0));
  if (consumed.result !== null) writeResult(writer, consumed.result);
  if (consumed.deadLetter !== null) writeDeadLetter(writer, consumed.deadLetter);
}

function decodeConsumed(reader: ByteReader): Consumed {
  const commandId = reader.text();
  const name = reader.text();
  const origin = decodeOrigin(reader);
  const metadata = decodeMetadata(reader);
  const flags = reader.u8();
  if (flags > (HAS_RESULT | HAS_DEAD_LETTER)) throw new MalformedBytes(`a consumed command with unknown flags ${flags}`);
  return {
    commandId,
    name,
    origin,
    metadata,
    result: flags & HAS_RESULT ? readResult(reader) : null,
    deadLetter: flags & HAS_DEAD_LETTER ? readDeadLetter(reader) : null,
  };
}

const FROM_CLIENT = 0;
const FROM_MESSAGE = 1;
const FROM_INBOX = 2;

function encodeOrigin(origin: Origin, writer: ByteWriter): void {
  switch (origin.kind) {
    case "client":
      return writer.u8(FROM_CLIENT);
    case "message":
      writer.u8(FROM_MESSAGE);
      writer.varint(origin.sourceShard);
      return writer.varint(origin.number);
    case "inbox":
      writer.u8(FROM_INBOX);
      return writer.varint(origin.number);
    default:
      return unreachable(origin);
  }
}

function decodeOrigin(reader: ByteReader): Origin {
  const kind = reader.u8();
  if (kind === FROM_CLIENT) return { kind: "client" };
  if (kind === FROM_MESSAGE) return { kind: "message", sourceShard: reader.varint(), number: reader.varint() };
  if (kind === FROM_INBOX) return { kind: "inbox", number: reader.varint() };
  throw new MalformedBytes(`an origin of unknown kind ${kind}`);
}

function encodeAccepted(body: AcceptedBody, writer: ByteWriter): void {
  encodeAddress(writer, body.entity);
  encodeCommand(writer, body.command);
  writeResult(writer, body.result);
  writer.u8(body.place.kind === "inbox" ? 0 : 1);
  if (body.place.kind === "inbox") writer.varint(body.place.number);
  else writeTimer(writer, body.place.timer);
}

function decodeAccepted(reader: ByteReader): AcceptedBody {
  const entity = decodeAddress(reader);
  const command = decodeCommand(reader);
  const result = readResult(reader);
  const place: AcceptedBody["place"] = reader.flag()
    ? { kind: "timer", timer: readTimer(reader) }
    : { kind: "inbox", number: reader.varint() };
  return { kind: "accepted", entity, command, result, place };
}

function encodeDue(body: DueBody, writer: ByteWriter): void {
  encodeAddress(writer, body.owner);
  writer.text(body.name);
  writer.varint(body.dueAtMs);
  writer.u8(body.born === null ? 0 : 1);
  if (body.born !== null) encodeMessage(writer, body.born);
}

function decodeDue(reader: ByteReader): DueBody {
  const owner = decodeAddress(reader);
  const name = reader.text();
  const dueAtMs = reader.varint();
  return { kind: "due", owner, name, dueAtMs, born: reader.flag() ? decodeMessage(reader) : null };
}

function encodeList<Item>(writer: ByteWriter, items: readonly Item[], encode: (item: Item) => void): void {
  writer.varint(items.length);
  for (const item of items) encode(item);
}

function decodeList<Item>(reader: ByteReader, decode: () => Item): readonly Item[] {
  const length = reader.varint();
  if (length > reader.remaining) throw new MalformedBytes(`${length} items do not fit`);
  const items: Item[] = [];
  for (let index = 0; index < length; index++) items.push(decode());
  return items;
}
