/**
 * The byte form of commands, messages, outcomes and metadata, wherever they are kept: in entries of the log and in values
 * of the store, and in frames between routers. Persisted and sent; a change needs a new record format version and a new version
 * of frames (docs/formats.md, "Commands").
 */
import { type ByteReader, MalformedBytes } from "../bytes/byte-reader.js";
import type { ByteWriter } from "../bytes/byte-writer.js";
import type { EntityAddress } from "./address.js";
import type { Command, Message, Metadata, Outcome, ReplyTo } from "./command.js";
import { NO_METADATA } from "./command.js";

const IS_QUERY = 1;
const HAS_DEADLINE = 2;
const HAS_CALLER = 4;
const HAS_ANSWER = 8;
const HAS_REPLY_TO = 16;
const ALL_FLAGS = 31;

export function encodeCommand(writer: ByteWriter, command: Command): void {
  const hasDeadline = command.deadlineMs !== Infinity;
  writer.u8(
    (command.isQuery ? IS_QUERY : 0) |
      (hasDeadline ? HAS_DEADLINE : 0) |
      (command.caller !== null ? HAS_CALLER : 0) |
      (command.answer !== null ? HAS_ANSWER : 0) |
      (command.replyTo !== null ? HAS_REPLY_TO : 0),
  );
  writer.text(command.id);
  writer.text(command.name);
  writer.block(command.input);
  writer.varint(command.acceptedAtMs);
  if (hasDeadline) writer.varint(Math.max(0, Math.ceil(command.deadlineMs)));
  if (command.caller !== null) encodeAddress(writer, command.caller);
  encodeMetadata(writer, command.metadata);
  if (command.answer !== null) encodeOutcome(writer, command.answer);
  if (command.replyTo !== null) encodeReplyTo(writer, command.replyTo);
  writer.text(command.bodyHash);
}

export function decodeCommand(reader: ByteReader): Command {
  const flags = reader.u8();
  if (flags > ALL_FLAGS) throw new MalformedBytes(`a command with unknown flags ${flags}`);
  return {
    id: reader.text(),
    name: reader.text(),
    isQuery: (flags & IS_QUERY) !== 0,
    input: reader.block().slice(),
    acceptedAtMs: reader.varint(),
    deadlineMs: flags & HAS_DEADLINE ? reader.varint() : Infinity,
    caller: flags & HAS_CALLER ? decodeAddress(reader) : null,
    metadata: decodeMetadata(reader),
    answer: flags & HAS_ANSWER ? decodeOutcome(reader) : null,
    replyTo: flags & HAS_REPLY_TO ? decodeReplyTo(reader) : null,
    bodyHash: reader.text(),
  };
}

export function encodeMessage(writer: ByteWriter, message: Message): void {
  writer.varint(message.sourceShard);
  writer.varint(message.targetShard);
  writer.varint(message.number);
  encodeAddress(writer, message.to);
  encodeCommand(writer, message.command);
  writer.text(message.timer ?? "");
}

export function decodeMessage(reader: ByteReader): Message {
  return {
    sourceShard: reader.varint(),
    targetShard: reader.varint(),
    number: reader.varint(),
    to: decodeAddress(reader),
    command: decodeCommand(reader),
    timer: reader.text() || null,
  };
}

export function encodeAddress(writer: ByteWriter, address: EntityAddress): void {
  writer.text(address.type);
  writer.text(address.id);
}

export function decodeAddress(reader: ByteReader): EntityAddress {
  return { type: reader.text(), id: reader.text() };
}

export function encodeMetadata(writer: ByteWriter, metadata: Metadata): void {
  writer.varint(metadata.length);
  for (const [name, value] of metadata) {
    writer.text(name);
    writer.text(value);
  }
}

export function decodeMetadata(reader: ByteReader): Metadata {
  const count = reader.varint();
  if (count === 0) return NO_METADATA;
  if (count > reader.remaining) throw new MalformedBytes(`metadata of ${count} pairs does not fit`);
  const metadata: [string, string][] = [];
  for (let index = 0; index < count; index++) metadata.push([reader.text(), reader.text()]);
  return metadata;
}

const REPLIED = 0;
const REFUSED = 1;
const FAILED = 2;

export function encodeOutcome(writer: ByteWriter, outcome: Outcome): void {
  switch (outcome.kind) {
    case "replied":
      writer.u8(REPLIED);
      writer.block(outcome.reply);
      return;
    case "refused":
      writer.u8(REFUSED);
      writer.text(outcome.code);
      writer.text(outcome.message);
      writer.block(outcome.details);
      return;
    case "failed":
      writer.u8(FAILED);
      writer.text(outcome.code);
      writer.text(outcome.message);
  }
}

export function decodeOutcome(reader: ByteReader): Outcome {
  const kind = reader.u8();
  if (kind === REPLIED) return { kind: "replied", reply: reader.block().slice() };
  if (kind === REFUSED) return { kind: "refused", code: reader.text(), message: reader.text(), details: reader.block().slice() };
  if (kind === FAILED) return { kind: "failed", code: reader.text(), message: reader.text() };
  throw new MalformedBytes(`an outcome of unknown kind ${kind}`);
}

function encodeReplyTo(writer: ByteWriter, replyTo: ReplyTo): void {
  encodeAddress(writer, replyTo.to);
  writer.text(replyTo.handler);
  writer.block(replyTo.context);
}

function decodeReplyTo(reader: ByteReader): ReplyTo {
  return { to: decodeAddress(reader), handler: reader.text(), context: reader.block().slice() };
}
