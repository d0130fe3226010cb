/**
 * The router's side of the JSON form: what is asked of a function. The layout is `JsonInvocation` (json-form.ts); input,
 * state, event data, replies, details and contexts are spliced in byte for byte, so they must be valid JSON text:
 * whatever takes such bytes from outside checks them with `jsonProblem` or a decoder of this folder.
 */
import type { EntityAddress, HistoryEvent, InvocationCommand, InvocationEntity, InvocationRequest, Outcome } from "./contract.js";
import { JsonWriter, jsonText } from "./json-writer.js";

const writer = new JsonWriter();

/** The request's body. Views in `request` are not used after the call; nobody writes to the body again. */
export function encodeJsonInvocation(request: InvocationRequest): Uint8Array {
  writer.clear();
  writer.raw(HEAD);
  writer.string(request.invocation);
  writer.raw(DEADLINE);
  writer.integer(request.deadlineMs);
  writer.raw(ENTITIES);
  let isFirst = true;
  for (const entity of request.entities) {
    if (!isFirst) writer.byte(COMMA);
    isFirst = false;
    writeEntity(entity);
  }
  writer.raw(LIST_OBJECT_END);
  return writer.take();
}

export function encodeJsonDiscovery(): Uint8Array {
  return jsonText(`{"holdfast":"1","kind":"discover"}`);
}

function writeEntity(entity: InvocationEntity): void {
  writer.raw(N);
  writer.integer(entity.n);
  writer.raw(TYPE);
  writer.string(entity.type);
  writer.raw(ID);
  writer.string(entity.id);
  writer.raw(VERSION);
  writer.integer(entity.version);
  writer.raw(STATE_VERSION);
  writer.integer(entity.stateVersion);
  writer.raw(STATE);
  writer.raw(entity.state === null || entity.state.length === 0 ? NULL : entity.state);
  writer.raw(EVENTS);
  for (let index = 0; index < entity.events.length; index++) {
    if (index > 0) writer.byte(COMMA);
    writeEvent(entity.events[index] as HistoryEvent);
  }
  writer.raw(COMMANDS);
  for (let index = 0; index < entity.commands.length; index++) {
    if (index > 0) writer.byte(COMMA);
    writeCommand(entity.commands[index] as InvocationCommand);
  }
  writer.raw(LIST_OBJECT_END);
}

function writeEvent(event: HistoryEvent): void {
  writer.raw(ENTITY_VERSION);
  writer.integer(event.version);
  writer.raw(AT);
  writer.time(event.atMs);
  writer.raw(NAME);
  writer.string(event.name);
  writer.raw(VERSION);
  writer.integer(event.eventVersion);
  writePayload(DATA, event.data);
  writer.byte(OBJECT_END);
}

function writeCommand(command: InvocationCommand): void {
  writer.raw(N);
  writer.integer(command.n);
  writer.raw(ID);
  writer.string(command.id);
  writer.raw(NAME);
  writer.string(command.name);
  if (command.isQuery) writer.raw(QUERY);
  writePayload(INPUT, command.input);
  writer.raw(NOW);
  writer.time(command.nowMs);
  writer.raw(ATTEMPT);
  writer.integer(command.attempt);
  writer.raw(CALLER);
  writeCaller(command.caller);
  writer.raw(METADATA);
  for (let index = 0; index < command.metadata.length; index++) {
    const pair = command.metadata[index] as readonly [string, string];
    if (index > 0) writer.byte(COMMA);
    writer.string(pair[0]);
    writer.byte(COLON);
    writer.string(pair[1]);
  }
  writer.byte(OBJECT_END);
  if (command.answer !== null) writeAnswer(command.answer);
  writer.byte(OBJECT_END);
}

function writeCaller(caller: EntityAddress | null): void {
  if (caller === null) {
    writer.raw(NULL);
    return;
  }
  writer.raw(CALLER_TYPE);
  writer.string(caller.type);
  writer.raw(ID);
  writer.string(caller.id);
  writer.byte(OBJECT_END);
}

function writeAnswer(answer: Outcome): void {
  writer.raw(ANSWER);
  writer.string(answer.kind);
  if (answer.kind === "replied") {
    writePayload(REPLY, answer.reply);
  } else {
    writer.raw(CODE);
    writer.string(answer.code);
    writer.raw(MESSAGE);
    writer.string(answer.message);
    if (answer.kind === "refused") writePayload(DETAILS, answer.details);
  }
  writer.byte(OBJECT_END);
}

/** A payload of zero length is none: the field is left out. */
function writePayload(field: Uint8Array, payload: Uint8Array): void {
  if (payload.length === 0) return;
  writer.raw(field);
  writer.raw(payload);
}

const COMMA = 0x2c;
const COLON = 0x3a;
const OBJECT_END = 0x7d;
const HEAD = jsonText(`{"holdfast":"1","kind":"invoke","invocation":`);
const DEADLINE = jsonText(`,"deadlineMs":`);
const ENTITIES = jsonText(`,"entities":[`);
const LIST_OBJECT_END = jsonText(`]}`);
const N = jsonText(`{"n":`);
const TYPE = jsonText(`,"type":`);
const ID = jsonText(`,"id":`);
const VERSION = jsonText(`,"version":`);
const STATE_VERSION = jsonText(`,"stateVersion":`);
const STATE = jsonText(`,"state":`);
const NULL = jsonText(`null`);
const EVENTS = jsonText(`,"events":[`);
const COMMANDS = jsonText(`],"commands":[`);
const ENTITY_VERSION = jsonText(`{"entityVersion":`);
const AT = jsonText(`,"at":`);
const NAME = jsonText(`,"name":`);
const DATA = jsonText(`,"data":`);
const QUERY = jsonText(`,"query":true`);
const INPUT = jsonText(`,"input":`);
const NOW = jsonText(`,"now":`);
const ATTEMPT = jsonText(`,"attempt":`);
const CALLER = jsonText(`,"caller":`);
const CALLER_TYPE = jsonText(`{"type":`);
const METADATA = jsonText(`,"metadata":{`);
const ANSWER = jsonText(`,"answer":{"kind":`);
const REPLY = jsonText(`,"reply":`);
const CODE = jsonText(`,"code":`);
const MESSAGE = jsonText(`,"message":`);
const DETAILS = jsonText(`,"details":`);
