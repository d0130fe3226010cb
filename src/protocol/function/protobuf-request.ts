/** The router's side of the protobuf form: what is asked of a function. Field numbers: proto/holdfast/function/v1/function.proto. */
import protobuf from "protobufjs/minimal.js";
import type { EntityAddress, HistoryEvent, InvocationCommand, InvocationEntity, InvocationRequest, Outcome } from "./contract.js";

type Writer = protobuf.Writer;

const VARINT = 0;
const BYTES = 2;

/** The request's body, as bytes of its own. */
export function encodeProtobufInvocation(request: InvocationRequest): Uint8Array {
  const writer = protobuf.Writer.create();
  writeText(writer, 1, request.invocation);
  writeWhole(writer, 2, request.deadlineMs);
  for (const entity of request.entities) writeMessage(writer, 3, () => writeEntity(writer, entity));
  return writer.finish();
}

function writeEntity(writer: Writer, entity: InvocationEntity): void {
  writeWhole(writer, 1, entity.n);
  writeText(writer, 2, entity.type);
  writeText(writer, 3, entity.id);
  writeWhole(writer, 4, entity.version);
  writeWhole(writer, 5, entity.stateVersion);
  if (entity.state !== null) writePayload(writer, 6, entity.state);
  for (const event of entity.events) writeMessage(writer, 7, () => writeEvent(writer, event));
  for (const command of entity.commands) writeMessage(writer, 8, () => writeCommand(writer, command));
}

function writeEvent(writer: Writer, event: HistoryEvent): void {
  writeWhole(writer, 1, event.version);
  writeWhole(writer, 2, event.atMs);
  writeText(writer, 3, event.name);
  writeWhole(writer, 4, event.eventVersion);
  writePayload(writer, 5, event.data);
}

function writeCommand(writer: Writer, command: InvocationCommand): void {
  writeWhole(writer, 1, command.n);
  writeText(writer, 2, command.id);
  writeText(writer, 3, command.name);
  if (command.isQuery) writer.uint32((4 << 3) | VARINT).bool(true);
  writePayload(writer, 5, command.input);
  writeWhole(writer, 6, command.nowMs);
  writeWhole(writer, 7, command.attempt);
  const { caller, answer } = command;
  if (caller !== null) writeMessage(writer, 8, () => writeAddress(writer, caller));
  for (const [name, value] of command.metadata) {
    writeMessage(writer, 9, () => {
      writeText(writer, 1, name);
      writeText(writer, 2, value);
    });
  }
  if (answer !== null) writeMessage(writer, 10, () => writeAnswer(writer, answer));
}

function writeAddress(writer: Writer, address: EntityAddress): void {
  writeText(writer, 1, address.type);
  writeText(writer, 2, address.id);
}

const ANSWER_FIELD = { replied: 1, refused: 2, failed: 3 } as const;

function writeAnswer(writer: Writer, answer: Outcome): void {
  writeMessage(writer, ANSWER_FIELD[answer.kind], () => {
    if (answer.kind === "replied") {
      writePayload(writer, 1, answer.reply);
    } else {
      writeText(writer, 1, answer.code);
      writeText(writer, 2, answer.message);
      if (answer.kind === "refused") writePayload(writer, 3, answer.details);
    }
  });
}

/** A message behind its length. Written also when it is empty: that it is there is what it says. */
export function writeMessage(writer: Writer, field: number, write: () => void): void {
  writer.uint32((field << 3) | BYTES).fork();
  write();
  writer.ldelim();
}

export function writeText(writer: Writer, field: number, text: string): void {
  if (text !== "") writer.uint32((field << 3) | BYTES).string(text);
}

export function writeWhole(writer: Writer, field: number, value: number): void {
  if (value !== 0) writer.uint32((field << 3) | VARINT).uint64(Math.floor(value));
}

export function writePayload(writer: Writer, field: number, payload: Uint8Array): void {
  if (payload.length > 0) writer.uint32((field << 3) | BYTES).bytes(payload);
}
