/**
 * The router's side of the JSON form: what a function answered. Only the contract's own fields are read; payloads come out
 * as slices of the text, byte for byte, and are checked to be JSON. A slice is never written to again, so it stays valid as
 * long as it is held, but it holds the whole text: copy what is kept.
 *
 * What is no JSON, or breaks the contract outside of an outcome, spoils the answer (throws). A problem inside an outcome
 * faults all outcomes of its entity, because the one state that comes with them may be built on the broken one.
 */
import { MalformedAnswer, ShapeProblem } from "./answer-problem.js";
import type { CommandResult, EntityResult, FunctionEffect, NewEvent, Payload } from "./contract.js";
import { readEffects, readEvents } from "./json-effects.js";
import {
  beginList,
  beginObject,
  nextItem,
  nextMember,
  once,
  readFlag,
  readKey,
  readMessage,
  readName,
  readPayload,
  readWhole,
  skipNull,
} from "./json-fields.js";
import { KEY } from "./json-keys.js";
import type { JsonScanner } from "./json-scanner.js";

export const NO_PAYLOAD: Payload = new Uint8Array(0);
const NO_EVENTS: readonly NewEvent[] = [];
const NO_EFFECTS: readonly FunctionEffect[] = [];

/** A whole answer in one document. */
export function readAnswerDocument(scanner: JsonScanner, invocation: string): readonly EntityResult[] {
  let entities: readonly EntityResult[] | null = null;
  let version = "";
  let answered: string | null = null;
  let seen = 0;
  scanner.skipSpace();
  for (let more = beginObject(scanner, "answer"); more; more = nextMember(scanner)) {
    const key = readKey(scanner);
    seen = once(seen, key);
    if (key === KEY.holdfast) version = readName(scanner, "holdfast");
    else if (key === KEY.invocation) answered = readName(scanner, "invocation");
    else if (key === KEY.entities) entities = readEntities(scanner);
    else scanner.skipValue();
  }
  scanner.expectEnd();
  if (version !== "1") throw new MalformedAnswer("answer_version", `'holdfast' must be "1"`);
  checkInvocation(answered, invocation);
  if (entities === null) throw new ShapeProblem("'entities' is missing");
  return entities;
}

/** A line of a streamed answer: the result of an entity, or the number of them at the end. */
export function readAnswerLine(scanner: JsonScanner, invocation: string): EntityResult | number {
  scanner.skipSpace();
  const line = readResultOrEnd(scanner, invocation);
  scanner.expectEnd();
  return line;
}

function checkInvocation(answered: string | null, invocation: string): void {
  if (answered === null) throw new ShapeProblem("'invocation' is missing");
  if (answered !== invocation) {
    throw new MalformedAnswer("answer_wrong_invocation", `the answer is for invocation '${answered}', not for '${invocation}'`);
  }
}

function readEntities(scanner: JsonScanner): readonly EntityResult[] {
  const entities: EntityResult[] = [];
  for (let more = beginList(scanner, "entities"); more; more = nextItem(scanner)) {
    const result = readResultOrEnd(scanner, null);
    if (typeof result === "number") throw new ShapeProblem("'n' of an entity is missing");
    entities.push(result);
  }
  return entities;
}

/** `invocation`: null inside a document, where only entities may stand. */
function readResultOrEnd(scanner: JsonScanner, invocation: string | null): EntityResult | number {
  let n = -1;
  let end = -1;
  let state: Payload | null | undefined;
  let outcomes: CommandResult[] | null = null;
  let isWhole = true;
  let seen = 0;
  for (let more = beginObject(scanner, "entity"); more; more = nextMember(scanner)) {
    const key = readKey(scanner);
    if (key === KEY.end) {
      if (invocation === null) scanner.skipValue();
      else end = readWhole(scanner, "end");
      continue;
    }
    seen = once(seen, key);
    if (key === KEY.n) n = readWhole(scanner, "n");
    else if (key === KEY.state) state = skipNull(scanner) ? null : readPayload(scanner);
    else if (key === KEY.outcomes) isWhole = readOutcomes(scanner, (outcomes = []));
    else if (key === KEY.invocation && invocation !== null) checkInvocation(readName(scanner, "invocation"), invocation);
    else scanner.skipValue();
  }
  if (end >= 0 && n < 0) return end;
  if (n < 0) throw new ShapeProblem("'n' of an entity is missing");
  if (outcomes === null) throw new ShapeProblem(`'outcomes' of entity ${n} is missing`);
  return state === undefined || !isWhole ? { n, outcomes } : { n, state, outcomes };
}

/** False: one of them broke the contract, so all of them are faulted, and the state that comes with them is worth nothing. */
function readOutcomes(scanner: JsonScanner, outcomes: CommandResult[]): boolean {
  let problem: string | null = null;
  for (let more = beginList(scanner, "outcomes"); more; more = nextItem(scanner)) {
    const from = scanner.at;
    try {
      outcomes.push(readOutcome(scanner));
    } catch (error) {
      if (!(error instanceof ShapeProblem)) throw error;
      scanner.at = from;
      const n = readOutcomeNumber(scanner);
      problem ??= `outcome ${n}: ${error.message}`;
      outcomes.push({ n, kind: "skipped" });
    }
  }
  if (problem === null) return true;
  for (const [index, { n }] of outcomes.entries()) outcomes[index] = { n, kind: "faulted", message: problem };
  return false;
}

function readOutcome(scanner: JsonScanner): CommandResult {
  let n = -1;
  let reply: Payload = NO_PAYLOAD;
  let isSkipped = false;
  let refusal: Refusal | null = null;
  let fault: string | null = null;
  let events = NO_EVENTS;
  let effects = NO_EFFECTS;
  let seen = 0;
  for (let more = beginObject(scanner, "outcome"); more; more = nextMember(scanner)) {
    const key = readKey(scanner);
    seen = once(seen, key);
    if (key === KEY.n) n = readWhole(scanner, "n");
    else if (key === KEY.reply) reply = readPayload(scanner);
    else if (key === KEY.effects) effects = skipNull(scanner) ? NO_EFFECTS : readEffects(scanner);
    else if (key === KEY.events) events = skipNull(scanner) ? NO_EVENTS : readEvents(scanner);
    else if (key === KEY.refusal) refusal = skipNull(scanner) ? null : readRefusal(scanner);
    else if (key === KEY.fault) fault = skipNull(scanner) ? null : readFault(scanner);
    else if (key === KEY.skipped) isSkipped = readFlag(scanner);
    else if (key === KEY.needsState) refuseNeedsState(scanner);
    else scanner.skipValue();
  }
  if (n < 0) throw new ShapeProblem("'n' is missing");
  if (refusal === null && fault === null && !isSkipped) return { n, kind: "done", reply, events, effects };
  const kinds = Number(refusal !== null) + Number(fault !== null) + Number(isSkipped) + Number(isMeant(reply));
  if (kinds > 1) throw new ShapeProblem("it has more than one of 'reply', 'refusal', 'fault' and 'skipped'");
  if (events.length + effects.length > 0) throw new ShapeProblem("only a command that was done has 'events' and 'effects'");
  if (refusal !== null) return { n, kind: "refused", code: refusal.code, message: refusal.message, details: refusal.details };
  return fault !== null ? { n, kind: "faulted", message: fault } : { n, kind: "skipped" };
}

/** Some languages write every field, so a null beside another kind of outcome means nothing. */
function isMeant(reply: Payload): boolean {
  return reply.length > 0 && !(reply.length === 4 && reply[0] === 0x6e);
}

function refuseNeedsState(scanner: JsonScanner): void {
  if (readFlag(scanner)) throw new ShapeProblem("'needsState' is reserved for a later version of the contract");
}

/** The outcome's `n` alone, after the rest of it was found to break the contract. */
function readOutcomeNumber(scanner: JsonScanner): number {
  let n = -1;
  for (let more = beginObject(scanner, "outcome"); more; more = nextMember(scanner)) {
    if (readKey(scanner) === KEY.n && n < 0) n = readWhole(scanner, "n");
    else scanner.skipValue();
  }
  if (n < 0) throw new ShapeProblem("'n' of an outcome is missing");
  return n;
}

interface Refusal {
  readonly code: string;
  readonly message: string;
  readonly details: Payload;
}

function readRefusal(scanner: JsonScanner): Refusal {
  let code: string | null = null;
  let message = "";
  let details = NO_PAYLOAD;
  let seen = 0;
  for (let more = beginObject(scanner, "refusal"); more; more = nextMember(scanner)) {
    const key = readKey(scanner);
    seen = once(seen, key);
    if (key === KEY.code) code = readName(scanner, "refusal.code");
    else if (key === KEY.message) message = skipNull(scanner) ? "" : readMessage(scanner, "refusal.message");
    else if (key === KEY.details) details = readPayload(scanner);
    else scanner.skipValue();
  }
  if (code === null || code === "") throw new ShapeProblem("'refusal.code' is missing");
  return { code, message, details };
}

function readFault(scanner: JsonScanner): string {
  let message = "the function gave no message";
  for (let more = beginObject(scanner, "fault"); more; more = nextMember(scanner)) {
    if (readKey(scanner) === KEY.message) message = readMessage(scanner, "fault.message");
    else scanner.skipValue();
  }
  return message;
}
