/**
 * The router's side of the protobuf form: what a function answered. The same rules as for JSON (json-answer.ts): payloads are
 * views of the bytes, and a problem inside an outcome faults all outcomes of its entity.
 */
import { MalformedAnswer, ShapeProblem } from "./answer-problem.js";
import type { CommandResult, EntityAddress, EntityResult, FunctionEffect, NewEvent, Payload } from "./contract.js";
import {
  type Reader,
  readBytes,
  readerOf,
  readFields,
  readMessage,
  readMessageEnd,
  readName,
  readPayload,
  readWhole,
} from "./protobuf-fields.js";

/** A field of length-delimited kind, and one of varint kind. */
const bytesTag = (field: number): number => field * 8 + 2;
const wholeTag = (field: number): number => field * 8;

const NO_PAYLOAD: Payload = new Uint8Array(0);

/** A whole answer in one message. */
export function readProtobufAnswer(bytes: Uint8Array, invocation: string): readonly EntityResult[] {
  const reader = readerOf(bytes);
  const entities: EntityResult[] = [];
  let answered = "";
  readFields(reader, reader.len, (tag) => {
    if (tag === bytesTag(1)) answered = readName(reader, "invocation");
    else if (tag === bytesTag(2)) entities.push(readEntityResult(reader));
    else return false;
    return true;
  });
  if (answered !== invocation) {
    throw new MalformedAnswer("answer_wrong_invocation", `the answer is for invocation '${answered}', not for '${invocation}'`);
  }
  return entities;
}

/** A frame of a streamed answer: the result of an entity, or the number of them at the end. */
export function readProtobufFrame(bytes: Uint8Array): EntityResult | number {
  const reader = readerOf(bytes);
  let frame: EntityResult | number | null = null;
  readFields(reader, reader.len, (tag) => {
    if (tag === bytesTag(1)) frame = readEntityResult(reader);
    else if (tag === wholeTag(2)) frame = readWhole(reader);
    else return false;
    return true;
  });
  if (frame === null) throw new ShapeProblem("a frame has neither 'entity' nor 'end'");
  return frame;
}

function readEntityResult(reader: Reader): EntityResult {
  let n = 0;
  let state: Payload | null | undefined;
  const outcomes: CommandResult[] = [];
  let problem: string | null = null;
  readFields(reader, readMessageEnd(reader), (tag) => {
    if (tag === wholeTag(1)) n = readWhole(reader);
    else if (tag === bytesTag(2)) state = readState(reader);
    else if (tag === wholeTag(3)) state = readWhole(reader) === 0 ? state : null;
    else if (tag === bytesTag(4)) problem = readOutcomeInto(outcomes, reader) ?? problem;
    else return false;
    return true;
  });
  if (problem !== null) {
    const message = problem;
    return { n, outcomes: outcomes.map((outcome) => ({ n: outcome.n, kind: "faulted", message })) };
  }
  return state === undefined ? { n, outcomes } : { n, state, outcomes };
}

/** The text `null` deletes, as in the JSON form. */
function readState(reader: Reader): Payload | null {
  const state = readPayload(reader, "state");
  if (state.length === 0) throw new ShapeProblem("'state' is empty: leave it out, or set 'state_deleted'");
  return state.length < 16 && String.fromCharCode(...state).trim() === "null" ? null : state;
}

/** Adds the next outcome; what is wrong with it, if anything is. */
function readOutcomeInto(outcomes: CommandResult[], reader: Reader): string | null {
  const bytes = readBytes(reader);
  try {
    outcomes.push(readOutcome(readerOf(bytes)));
    return null;
  } catch (error) {
    if (!(error instanceof ShapeProblem)) throw error;
    const n = readOutcomeNumber(readerOf(bytes));
    outcomes.push({ n, kind: "skipped" });
    return `outcome ${n}: ${error.message}`;
  }
}

function readOutcomeNumber(reader: Reader): number {
  let n = 0;
  readFields(reader, reader.len, (tag) => {
    if (tag !== wholeTag(1)) return false;
    n = readWhole(reader);
    return true;
  });
  return n;
}

type Kind<Union> = Union extends { readonly n: number } ? Omit<Union, "n"> : never;

function readOutcome(reader: Reader): CommandResult {
  let n = 0;
  let kinds = 0;
  let outcome: Kind<CommandResult> | null = null;
  readFields(reader, reader.len, (tag) => {
    if (tag === wholeTag(1)) {
      n = readWhole(reader);
      return true;
    }
    if (tag === bytesTag(2)) outcome = readDone(reader);
    else if (tag === bytesTag(3)) outcome = readRefusal(reader);
    else if (tag === bytesTag(4)) outcome = { kind: "faulted", message: readFault(reader) };
    else if (tag === bytesTag(5)) outcome = readSkipped(reader);
    else if (tag === bytesTag(6)) throw new ShapeProblem("'needs_state' is reserved for a later version of the contract");
    else return false;
    kinds++;
    return true;
  });
  if (outcome === null) throw new ShapeProblem("it has no kind");
  if (kinds > 1) throw new ShapeProblem("it has more than one kind");
  return { n, ...(outcome as Kind<CommandResult>) } as CommandResult;
}

function readDone(reader: Reader): Kind<CommandResult> {
  let reply = NO_PAYLOAD;
  const events: NewEvent[] = [];
  const effects: FunctionEffect[] = [];
  readFields(reader, readMessageEnd(reader), (tag) => {
    if (tag === bytesTag(1)) reply = readPayload(reader, "reply");
    else if (tag === bytesTag(2)) events.push(readEvent(reader));
    else if (tag === bytesTag(3)) effects.push(readEffect(reader));
    else return false;
    return true;
  });
  return { kind: "done", reply, events, effects };
}

function readRefusal(reader: Reader): Kind<CommandResult> {
  let code = "";
  let message = "";
  let details = NO_PAYLOAD;
  readFields(reader, readMessageEnd(reader), (tag) => {
    if (tag === bytesTag(1)) code = readName(reader, "refusal.code");
    else if (tag === bytesTag(2)) message = readMessage(reader, "refusal.message");
    else if (tag === bytesTag(3)) details = readPayload(reader, "refusal.details");
    else return false;
    return true;
  });
  if (code === "") throw new ShapeProblem("'refusal.code' is missing");
  return { kind: "refused", code, message, details };
}

function readFault(reader: Reader): string {
  let message = "";
  readFields(reader, readMessageEnd(reader), (tag) => {
    if (tag !== bytesTag(1)) return false;
    message = readMessage(reader, "fault.message");
    return true;
  });
  return message === "" ? "the function gave no message" : message;
}

function readSkipped(reader: Reader): Kind<CommandResult> {
  readFields(reader, readMessageEnd(reader), () => false);
  return { kind: "skipped" };
}

function readEvent(reader: Reader): NewEvent {
  let name = "";
  let eventVersion = 0;
  let data = NO_PAYLOAD;
  readFields(reader, readMessageEnd(reader), (tag) => {
    if (tag === bytesTag(1)) name = readName(reader, "event.name");
    else if (tag === wholeTag(2)) eventVersion = readWhole(reader);
    else if (tag === bytesTag(3)) data = readPayload(reader, "event.data");
    else return false;
    return true;
  });
  if (name === "") throw new ShapeProblem("'name' of an event is missing");
  return { name, eventVersion: eventVersion === 0 ? 1 : eventVersion, data };
}

/** A kind that is not known is not ignored: it was meant. */
function readEffect(reader: Reader): FunctionEffect {
  let effect: FunctionEffect | null = null;
  let kinds = 0;
  readFields(reader, readMessageEnd(reader), (tag) => {
    kinds++;
    if (tag === bytesTag(1)) effect = readSend(reader);
    else if (tag === bytesTag(2)) effect = readCancel(reader);
    else if (tag === bytesTag(3)) throw new ShapeProblem("the effect 'egress' is reserved for a later version of the contract");
    else throw new ShapeProblem(`an unknown kind of effect: field ${Math.floor(tag / 8)}`);
    return true;
  });
  if (effect === null) throw new ShapeProblem("an effect has no kind");
  if (kinds > 1) throw new ShapeProblem("an effect has more than one kind");
  return effect;
}

function readSend(reader: Reader): FunctionEffect {
  let to: EntityAddress | null = null;
  let command = "";
  let input = NO_PAYLOAD;
  let replyTo: { readonly handler: string; readonly context: Payload } | null = null;
  let afterMs = 0;
  let timer: string | null = null;
  readFields(reader, readMessageEnd(reader), (tag) => {
    if (tag === bytesTag(1)) to = readAddress(reader);
    else if (tag === bytesTag(2)) command = readName(reader, "send.command");
    else if (tag === bytesTag(3)) input = readPayload(reader, "send.input");
    else if (tag === bytesTag(4)) replyTo = readReplyTo(reader);
    else if (tag === wholeTag(5)) afterMs = readWhole(reader);
    else if (tag === bytesTag(6)) timer = readName(reader, "send.timer");
    else return false;
    return true;
  });
  if (to === null) throw new ShapeProblem("'send.to' is missing");
  if (command === "") throw new ShapeProblem("'send.command' is missing");
  return { kind: "send", to, command, input, replyTo, afterMs, timer };
}

function readAddress(reader: Reader): EntityAddress {
  let type = "";
  let id = "";
  readFields(reader, readMessageEnd(reader), (tag) => {
    if (tag === bytesTag(1)) type = readName(reader, "send.to.type");
    else if (tag === bytesTag(2)) id = readName(reader, "send.to.id");
    else return false;
    return true;
  });
  if (type === "" || id === "") throw new ShapeProblem("'send.to' needs 'type' and 'id'");
  return { type, id };
}

function readReplyTo(reader: Reader): { readonly handler: string; readonly context: Payload } {
  let handler = "";
  let context = NO_PAYLOAD;
  readFields(reader, readMessageEnd(reader), (tag) => {
    if (tag === bytesTag(1)) handler = readName(reader, "send.reply_to.handler");
    else if (tag === bytesTag(2)) context = readPayload(reader, "send.reply_to.context");
    else return false;
    return true;
  });
  if (handler === "") throw new ShapeProblem("'send.reply_to.handler' is missing");
  return { handler, context };
}

function readCancel(reader: Reader): FunctionEffect {
  let timer = "";
  readFields(reader, readMessageEnd(reader), (tag) => {
    if (tag !== bytesTag(1)) return false;
    timer = readName(reader, "cancel.timer");
    return true;
  });
  if (timer === "") throw new ShapeProblem("'cancel.timer' is missing");
  return { kind: "cancel", timer };
}
