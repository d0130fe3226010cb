/**
 * The function's side of the protobuf form: reads a request into the same values as the JSON form has, writes the answer.
 * Apart from server-json.ts, because it brings protobufjs along; discovery is always JSON.
 */
import protobuf from "protobufjs/minimal.js";
import { ShapeProblem } from "./answer-problem.js";
import type {
  JsonAnswer,
  JsonCommand,
  JsonEffect,
  JsonEntity,
  JsonEntityResult,
  JsonHistoryEvent,
  JsonInvocation,
  JsonNewEvent,
  JsonOutcome,
} from "./json-form.js";
import { type Reader, readBytes, readerOf, readFields, readMessageEnd, readWhole } from "./protobuf-fields.js";
import { writeMessage, writePayload, writeText, writeWhole } from "./protobuf-request.js";
import { BadFunctionRequest } from "./server-json.js";

type Writer = protobuf.Writer;

/** Throws `BadFunctionRequest`. */
export function parseProtobufInvocation(bytes: Uint8Array): JsonInvocation {
  try {
    const reader = readerOf(bytes);
    const read = { holdfast: "1" as const, kind: "invoke" as const, invocation: "", deadlineMs: 0, entities: [] as JsonEntity[] };
    readFields(reader, reader.len, (tag) => {
      if (tag === 10) read.invocation = text(reader);
      else if (tag === 16) read.deadlineMs = readWhole(reader);
      else if (tag === 26) read.entities.push(readEntity(reader));
      else return false;
      return true;
    });
    return read;
  } catch (error) {
    throw new BadFunctionRequest(`the request is no invocation: ${(error as Error).message}`);
  }
}

/** The answer in one message (`application/x-protobuf`). */
export function answerMessage(invocation: string, entities: readonly JsonEntityResult[]): Uint8Array {
  const writer = protobuf.Writer.create();
  writeText(writer, 1, invocation);
  for (const result of entities) writeMessage(writer, 2, () => writeEntityResult(writer, result));
  return writer.finish();
}

/** One frame of a streamed answer (`application/x-protobuf; encoding=delimited`), its length included. */
export function entityFrame(result: JsonEntityResult): Uint8Array {
  return framed((writer) => writeMessage(writer, 1, () => writeEntityResult(writer, result)));
}

/** The last frame of a streamed answer. Without it the answer counts as cut off. */
export function endFrame(entities: number): Uint8Array {
  return framed((writer) => writer.uint32(16).uint32(entities));
}

function framed(write: (writer: Writer) => void): Uint8Array {
  const writer = protobuf.Writer.create().fork();
  write(writer);
  return writer.ldelim().finish();
}

function readEntity(reader: Reader): JsonEntity {
  const events: JsonHistoryEvent[] = [];
  const commands: JsonCommand[] = [];
  const read = { n: 0, type: "", id: "", version: 0, stateVersion: 0, state: null as unknown, events, commands };
  readFields(reader, readMessageEnd(reader), (tag) => {
    if (tag === 8) read.n = readWhole(reader);
    else if (tag === 18) read.type = text(reader);
    else if (tag === 26) read.id = text(reader);
    else if (tag === 32) read.version = readWhole(reader);
    else if (tag === 40) read.stateVersion = readWhole(reader);
    else if (tag === 50) read.state = value(reader);
    else if (tag === 58) events.push(readEvent(reader));
    else if (tag === 66) commands.push(readCommand(reader));
    else return false;
    return true;
  });
  return read;
}

function readEvent(reader: Reader): JsonHistoryEvent {
  const read: Mutable<JsonHistoryEvent> = { entityVersion: 0, at: time(0), name: "", version: 0 };
  readFields(reader, readMessageEnd(reader), (tag) => {
    if (tag === 8) read.entityVersion = readWhole(reader);
    else if (tag === 16) read.at = time(readWhole(reader));
    else if (tag === 26) read.name = text(reader);
    else if (tag === 32) read.version = readWhole(reader);
    else if (tag === 42) read.data = value(reader);
    else return false;
    return true;
  });
  return read;
}

function readCommand(reader: Reader): JsonCommand {
  const pairs: [string, string][] = [];
  const read: Mutable<JsonCommand> = { n: 0, id: "", name: "", now: time(0), attempt: 0, caller: null, metadata: {} };
  readFields(reader, readMessageEnd(reader), (tag) => {
    if (tag === 8) read.n = readWhole(reader);
    else if (tag === 18) read.id = text(reader);
    else if (tag === 26) read.name = text(reader);
    else if (tag === 32) readWhole(reader) !== 0 && (read.query = true);
    else if (tag === 42) read.input = value(reader);
    else if (tag === 48) read.now = time(readWhole(reader));
    else if (tag === 56) read.attempt = readWhole(reader);
    else if (tag === 66) read.caller = readPair(reader, (type, id) => ({ type, id }));
    else if (tag === 74) pairs.push(readPair(reader, (name, content) => [name, content]));
    else if (tag === 82) read.answer = readAnswer(reader);
    else return false;
    return true;
  });
  return { ...read, metadata: Object.fromEntries(pairs) };
}

/** A message of two texts. */
function readPair<Pair>(reader: Reader, make: (first: string, second: string) => Pair): Pair {
  let first = "";
  let second = "";
  readFields(reader, readMessageEnd(reader), (tag) => {
    if (tag === 10) first = text(reader);
    else if (tag === 18) second = text(reader);
    else return false;
    return true;
  });
  return make(first, second);
}

function readAnswer(reader: Reader): JsonAnswer {
  let answer: JsonAnswer | null = null;
  readFields(reader, readMessageEnd(reader), (tag) => {
    if (tag === 10) answer = { kind: "replied", ...readContent(reader, 10, "reply") };
    else if (tag === 18) answer = { kind: "refused", code: "", message: "", ...readContent(reader, 26, "details") };
    else if (tag === 26) answer = { kind: "failed", code: "", message: "", ...readContent(reader, 0, "details") };
    else return false;
    return true;
  });
  if (answer === null) throw new ShapeProblem("an answer has no kind");
  return answer;
}

/** `code` and `message` where they are texts, and the one payload under its name. */
function readContent(reader: Reader, payloadTag: number, payloadName: string): object {
  const read: Record<string, unknown> = {};
  readFields(reader, readMessageEnd(reader), (tag) => {
    if (tag === payloadTag) read[payloadName] = value(reader);
    else if (tag === 10) read["code"] = text(reader);
    else if (tag === 18) read["message"] = text(reader);
    else return false;
    return true;
  });
  return read;
}

function writeEntityResult(writer: Writer, result: JsonEntityResult): void {
  writeWhole(writer, 1, result.n);
  if (result.state === null) writer.uint32(24).bool(true);
  else if (result.state !== undefined) writeValue(writer, 2, result.state);
  for (const outcome of result.outcomes) writeMessage(writer, 4, () => writeOutcome(writer, outcome));
}

function writeOutcome(writer: Writer, outcome: JsonOutcome): void {
  writeWhole(writer, 1, outcome.n);
  if ("refusal" in outcome) {
    const { code, message, details } = outcome.refusal;
    writeMessage(writer, 3, () => {
      writeText(writer, 1, code);
      writeText(writer, 2, message);
      writeValue(writer, 3, details);
    });
  } else if ("fault" in outcome) writeMessage(writer, 4, () => writeText(writer, 1, outcome.fault.message));
  else if ("skipped" in outcome) writeMessage(writer, 5, () => undefined);
  else {
    writeMessage(writer, 2, () => {
      writeValue(writer, 1, outcome.reply);
      for (const event of outcome.events ?? []) writeMessage(writer, 2, () => writeEvent(writer, event));
      for (const effect of outcome.effects ?? []) writeMessage(writer, 3, () => writeEffect(writer, effect));
    });
  }
}

function writeEvent(writer: Writer, event: JsonNewEvent): void {
  writeText(writer, 1, event.name);
  writeWhole(writer, 2, event.version ?? 0);
  writeValue(writer, 3, event.data);
}

function writeEffect(writer: Writer, effect: JsonEffect): void {
  if ("cancel" in effect) {
    writeMessage(writer, 2, () => writeText(writer, 1, effect.cancel.timer));
    return;
  }
  const { to, command, input, replyTo, afterMs, timer } = effect.send;
  writeMessage(writer, 1, () => {
    writeMessage(writer, 1, () => {
      writeText(writer, 1, to.type);
      writeText(writer, 2, to.id);
    });
    writeText(writer, 2, command);
    writeValue(writer, 3, input);
    if (replyTo != null) {
      writeMessage(writer, 4, () => {
        writeText(writer, 1, replyTo.handler);
        writeValue(writer, 2, replyTo.context);
      });
    }
    writeWhole(writer, 5, afterMs ?? 0);
    if (timer != null) writer.uint32(50).string(timer);
  });
}

type Mutable<Record> = { -readonly [Field in keyof Record]: Record[Field] };

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const encoder = new TextEncoder();

function text(reader: Reader): string {
  return decoder.decode(readBytes(reader));
}

function value(reader: Reader): unknown {
  return JSON.parse(text(reader));
}

function writeValue(writer: Writer, field: number, content: unknown): void {
  if (content !== undefined) writePayload(writer, field, encoder.encode(JSON.stringify(content)));
}

function time(ms: number): string {
  return new Date(ms).toISOString();
}
