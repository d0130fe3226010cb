/** Answers as bytes: a kind, then the fields in order. Sent: docs/formats.md, "Frames between routers". */

import type { Answer, Problem, ProblemCode } from "../../core/answer.js";
import { type ByteReader, MalformedBytes } from "../../core/bytes/byte-reader.js";
import type { ByteWriter } from "../../core/bytes/byte-writer.js";
import { decodeAddress, decodeOutcome, encodeAddress, encodeOutcome } from "../../core/entity/command-codec.js";
import { readDeadLetter, writeDeadLetter } from "../../core/store/key-spaces/dead-letter.js";
import { readTimer, writeTimer } from "../../core/store/key-spaces/timer.js";
import { unreachable } from "../../core/unreachable.js";
import { decodeEvents, encodeEvents } from "./feed-codec.js";
import { decodeList, encodeList } from "./list-codec.js";
import { encodeWait } from "./moment-codec.js";

/** Numbers are never given again. */
const KIND = {
  outcome: 1,
  accepted: 2,
  pending: 3,
  state: 4,
  events: 5,
  timers: 6,
  deadLetters: 7,
  done: 8,
  problem: 9,
} as const satisfies Record<Answer["kind"], number>;

/** The bytes of a command of nothing but empty fields, which a timer and a dead letter hold, and of an empty address. */
const COMMAND_BYTES_MIN = 7;
const ADDRESS_BYTES_MIN = 2;
const TIMER_BYTES_MIN = COMMAND_BYTES_MIN + 2 * ADDRESS_BYTES_MIN + 2;
const DEAD_LETTER_BYTES_MIN = COMMAND_BYTES_MIN + ADDRESS_BYTES_MIN + 4;

export function encodeAnswer(writer: ByteWriter, answer: Answer): void {
  writer.u8(KIND[answer.kind]);
  switch (answer.kind) {
    case "outcome":
      writer.text(answer.commandId);
      writer.varint(answer.version);
      encodeOutcome(writer, answer.outcome);
      return writer.u8(answer.isDuplicate ? 1 : 0);
    case "accepted":
      return writer.text(answer.commandId);
    case "pending":
      writer.text(answer.commandId);
      return writer.u8(STATUSES.indexOf(answer.status));
    case "state":
      writer.varint(answer.version);
      writer.u8(answer.state === null ? 0 : 1);
      if (answer.state !== null) writer.block(answer.state);
      return;
    case "events":
      writer.varint(answer.version);
      encodeEvents(writer, answer.events);
      writer.u8(answer.next === null ? 0 : 1);
      if (answer.next !== null) writer.varint(answer.next);
      return;
    case "timers":
      return encodeList(writer, answer.timers, writeTimer);
    case "deadLetters":
      return encodeList(writer, answer.deadLetters, encodeLetter);
    case "done":
      return;
    case "problem":
      return encodeProblem(writer, answer.problem);
    default:
      return unreachable(answer);
  }
}

export function decodeAnswer(reader: ByteReader): Answer {
  const kind = reader.u8();
  switch (kind) {
    case KIND.outcome:
      return {
        kind: "outcome",
        commandId: reader.text(),
        version: reader.varint(),
        outcome: decodeOutcome(reader),
        isDuplicate: reader.flag(),
      };
    case KIND.accepted:
      return { kind: "accepted", commandId: reader.text() };
    case KIND.pending:
      return { kind: "pending", commandId: reader.text(), status: decodeStatus(reader) };
    case KIND.state:
      return { kind: "state", version: reader.varint(), state: reader.flag() ? reader.block().slice() : null };
    case KIND.events:
      return {
        kind: "events",
        version: reader.varint(),
        events: decodeEvents(reader),
        next: reader.flag() ? reader.varint() : null,
      };
    case KIND.timers:
      return { kind: "timers", timers: decodeList(reader, TIMER_BYTES_MIN, readTimer) };
    case KIND.deadLetters:
      return { kind: "deadLetters", deadLetters: decodeList(reader, DEAD_LETTER_BYTES_MIN, decodeLetter) };
    case KIND.done:
      return { kind: "done" };
    case KIND.problem:
      return { kind: "problem", problem: decodeProblem(reader) };
    default:
      throw new MalformedBytes(`an answer of unknown kind ${kind}`);
  }
}

type Status = Extract<Answer, { readonly kind: "pending" }>["status"];

/** By their numbers, which are never given again. */
const STATUSES = ["accepted", "scheduled", "running"] as const satisfies readonly Status[];

function decodeStatus(reader: ByteReader): Status {
  const number = reader.u8();
  const status = STATUSES[number];
  if (status === undefined) throw new MalformedBytes(`a command of unknown status ${number}`);
  return status;
}

type Letter = Extract<Answer, { readonly kind: "deadLetters" }>["deadLetters"][number];

function encodeLetter(writer: ByteWriter, letter: Letter): void {
  encodeAddress(writer, letter.entity);
  writeDeadLetter(writer, letter.deadLetter);
}

function decodeLetter(reader: ByteReader): Letter {
  return { entity: decodeAddress(reader), deadLetter: readDeadLetter(reader) };
}

function encodeProblem(writer: ByteWriter, problem: Problem): void {
  writer.text(problem.code);
  writer.text(problem.message);
  writer.u8(problem.retryAfterMs === null ? 0 : 1);
  if (problem.retryAfterMs !== null) encodeWait(writer, problem.retryAfterMs);
}

function decodeProblem(reader: ByteReader): Problem {
  return {
    // As it was sent: a newer version may have codes that this one has no name for, and its client is told them all the same.
    code: reader.text() as ProblemCode,
    message: reader.text(),
    retryAfterMs: reader.flag() ? reader.varint() : null,
  };
}
