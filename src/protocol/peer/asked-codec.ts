/** What is asked of a shard, as bytes: a kind, then the fields in order. Sent: docs/formats.md, "Frames between routers". */
import { type ByteReader, MalformedBytes } from "../../core/bytes/byte-reader.js";
import type { ByteWriter } from "../../core/bytes/byte-writer.js";
import { decodeAddress, decodeMetadata, encodeAddress, encodeMetadata } from "../../core/entity/command-codec.js";
import type { Asked, CommandArrived } from "../../core/request.js";
import { unreachable } from "../../core/unreachable.js";
import { decodeDeadline, encodeDeadline, encodeTime, encodeWait } from "./moment-codec.js";
import { copyOf } from "./slab.js";

/** Numbers are never given again. */
const KIND = {
  commandArrived: 1,
  stateAsked: 2,
  eventsAsked: 3,
  outcomeAsked: 4,
  timersAsked: 5,
  deadLettersAsked: 6,
  deadLetterEnded: 7,
  purgeAsked: 8,
} as const satisfies Record<Asked["kind"], number>;

export function encodeAsked(writer: ByteWriter, asked: Asked): void {
  writer.u8(KIND[asked.kind]);
  writer.varint(asked.request);
  switch (asked.kind) {
    case "commandArrived":
      return encodeArrived(writer, asked);
    case "stateAsked":
      encodeAddress(writer, asked.of);
      encodeFlag(writer, asked.isAdmin);
      encodeFlag(writer, asked.isStrict);
      return encodeDeadline(writer, asked.deadlineMs);
    case "eventsAsked":
      encodeAddress(writer, asked.of);
      writer.varint(asked.after);
      writer.varint(asked.limit);
      encodeFlag(writer, asked.follow);
      return encodeFlag(writer, asked.isAdmin);
    case "outcomeAsked":
      encodeAddress(writer, asked.of);
      writer.text(asked.commandId);
      return encodeDeadline(writer, asked.untilMs);
    case "timersAsked":
      encodeAddress(writer, asked.of);
      return writer.varint(asked.limit);
    case "deadLettersAsked":
      encodeFlag(writer, asked.of !== null);
      if (asked.of !== null) encodeAddress(writer, asked.of);
      return writer.varint(asked.limit);
    case "deadLetterEnded":
      encodeAddress(writer, asked.of);
      writer.text(asked.commandId);
      return encodeFlag(writer, asked.action === "drop");
    case "purgeAsked":
      return encodeAddress(writer, asked.of);
    default:
      return unreachable(asked);
  }
}

export function decodeAsked(reader: ByteReader): Asked {
  const kind = reader.u8();
  const request = reader.varint();
  switch (kind) {
    case KIND.commandArrived:
      return decodeArrived(request, reader);
    case KIND.stateAsked:
      return {
        kind: "stateAsked",
        request,
        of: decodeAddress(reader),
        isAdmin: reader.flag(),
        isStrict: reader.flag(),
        deadlineMs: decodeDeadline(reader),
      };
    case KIND.eventsAsked:
      return {
        kind: "eventsAsked",
        request,
        of: decodeAddress(reader),
        after: reader.varint(),
        limit: reader.varint(),
        follow: reader.flag(),
        isAdmin: reader.flag(),
      };
    case KIND.outcomeAsked:
      return {
        kind: "outcomeAsked",
        request,
        of: decodeAddress(reader),
        commandId: reader.text(),
        untilMs: decodeDeadline(reader),
      };
    case KIND.timersAsked:
      return { kind: "timersAsked", request, of: decodeAddress(reader), limit: reader.varint() };
    case KIND.deadLettersAsked:
      return {
        kind: "deadLettersAsked",
        request,
        of: reader.flag() ? decodeAddress(reader) : null,
        limit: reader.varint(),
      };
    case KIND.deadLetterEnded:
      return {
        kind: "deadLetterEnded",
        request,
        of: decodeAddress(reader),
        commandId: reader.text(),
        action: reader.flag() ? "drop" : "retry",
      };
    case KIND.purgeAsked:
      return { kind: "purgeAsked", request, of: decodeAddress(reader) };
    default:
      throw new MalformedBytes(`a request of unknown kind ${kind}`);
  }
}

const HAS_KEY = 1;
const IS_SEND = 2;
const IS_ADMIN = 4;
const IS_REPEAT = 8;
const IS_STRICT = 16;
const ALL_FLAGS = 31;

/** The hot path of forwarded commands. */
function encodeArrived(writer: ByteWriter, asked: CommandArrived): void {
  writer.u8(
    (asked.hasKey ? HAS_KEY : 0) |
      (asked.mode === "send" ? IS_SEND : 0) |
      (asked.isAdmin ? IS_ADMIN : 0) |
      (asked.isRepeat ? IS_REPEAT : 0) |
      (asked.isStrict ? IS_STRICT : 0),
  );
  encodeAddress(writer, asked.to);
  writer.text(asked.name);
  writer.block(asked.input);
  writer.text(asked.id);
  writer.text(asked.bodyHash);
  encodeTime(writer, asked.acceptedAtMs);
  encodeDeadline(writer, asked.deadlineMs);
  encodeMetadata(writer, asked.metadata);
  encodeWait(writer, asked.delayMs);
}

function decodeArrived(request: number, reader: ByteReader): CommandArrived {
  const flags = reader.u8();
  if (flags > ALL_FLAGS) throw new MalformedBytes(`a command that arrived with unknown flags ${flags}`);
  return {
    kind: "commandArrived",
    request,
    to: decodeAddress(reader),
    name: reader.text(),
    input: copyOf(reader.block()),
    id: reader.text(),
    hasKey: (flags & HAS_KEY) !== 0,
    bodyHash: reader.text(),
    acceptedAtMs: reader.varint(),
    deadlineMs: decodeDeadline(reader),
    metadata: decodeMetadata(reader),
    mode: flags & IS_SEND ? "send" : "call",
    delayMs: reader.varint(),
    isAdmin: (flags & IS_ADMIN) !== 0,
    isRepeat: (flags & IS_REPEAT) !== 0,
    isStrict: (flags & IS_STRICT) !== 0,
  };
}

function encodeFlag(writer: ByteWriter, isSet: boolean): void {
  writer.u8(isSet ? 1 : 0);
}
