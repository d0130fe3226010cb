/** The events and effects of one outcome in the JSON form. */
import { ShapeProblem } from "./answer-problem.js";
import type { EntityAddress, FunctionEffect, NewEvent, Payload } from "./contract.js";
import {
  beginList,
  beginObject,
  keyTextAt,
  nextItem,
  nextMember,
  once,
  readKey,
  readName,
  readPayload,
  readWhole,
  skipNull,
} from "./json-fields.js";
import { KEY } from "./json-keys.js";
import type { JsonScanner } from "./json-scanner.js";

const NO_PAYLOAD: Payload = new Uint8Array(0);

export function readEvents(scanner: JsonScanner): readonly NewEvent[] {
  const events: NewEvent[] = [];
  for (let more = beginList(scanner, "events"); more; more = nextItem(scanner)) events.push(readEvent(scanner));
  return events;
}

function readEvent(scanner: JsonScanner): NewEvent {
  let name: string | null = null;
  let eventVersion = 1;
  let data = NO_PAYLOAD;
  let seen = 0;
  for (let more = beginObject(scanner, "event"); more; more = nextMember(scanner)) {
    const key = readKey(scanner);
    seen = once(seen, key);
    if (key === KEY.name) name = readName(scanner, "event.name");
    else if (key === KEY.version) eventVersion = skipNull(scanner) ? 1 : readWhole(scanner, "event.version");
    else if (key === KEY.data) data = readPayload(scanner);
    else scanner.skipValue();
  }
  if (name === null) throw new ShapeProblem("'name' of an event is missing");
  return { name, eventVersion, data };
}

export function readEffects(scanner: JsonScanner): readonly FunctionEffect[] {
  const effects: FunctionEffect[] = [];
  for (let more = beginList(scanner, "effects"); more; more = nextItem(scanner)) effects.push(readEffect(scanner));
  return effects;
}

/** An effect is an object with one member, whose name is the kind. A kind that is not known is not ignored: it was meant. */
function readEffect(scanner: JsonScanner): FunctionEffect {
  let effect: FunctionEffect | null = null;
  for (let more = beginObject(scanner, "effect"); more; more = nextMember(scanner)) {
    const from = scanner.at;
    const key = readKey(scanner);
    if (skipNull(scanner)) continue;
    if (effect !== null) throw new ShapeProblem("an effect has more than one kind");
    if (key === KEY.send) effect = readSend(scanner);
    else if (key === KEY.cancel) effect = readCancel(scanner);
    else if (key === KEY.egress) throw new ShapeProblem("the effect 'egress' is reserved for a later version of the contract");
    else throw new ShapeProblem(`an unknown kind of effect: '${keyTextAt(scanner, from)}'`);
  }
  if (effect === null) throw new ShapeProblem("an effect has no kind");
  return effect;
}

function readSend(scanner: JsonScanner): FunctionEffect {
  let to: EntityAddress | null = null;
  let command: string | null = null;
  let input = NO_PAYLOAD;
  let replyTo: { readonly handler: string; readonly context: Payload } | null = null;
  let afterMs = 0;
  let timer: string | null = null;
  let seen = 0;
  for (let more = beginObject(scanner, "send"); more; more = nextMember(scanner)) {
    const key = readKey(scanner);
    seen = once(seen, key);
    if (key === KEY.to) to = readAddress(scanner);
    else if (key === KEY.command) command = readName(scanner, "send.command");
    else if (key === KEY.input) input = readPayload(scanner);
    else if (key === KEY.replyTo) replyTo = skipNull(scanner) ? null : readReplyTo(scanner);
    else if (key === KEY.afterMs) afterMs = skipNull(scanner) ? 0 : readWhole(scanner, "send.afterMs");
    else if (key === KEY.timer) timer = skipNull(scanner) ? null : readName(scanner, "send.timer");
    else scanner.skipValue();
  }
  if (to === null) throw new ShapeProblem("'send.to' is missing");
  if (command === null) throw new ShapeProblem("'send.command' is missing");
  return { kind: "send", to, command, input, replyTo, afterMs, timer };
}

function readAddress(scanner: JsonScanner): EntityAddress {
  let type: string | null = null;
  let id: string | null = null;
  let seen = 0;
  for (let more = beginObject(scanner, "send.to"); more; more = nextMember(scanner)) {
    const key = readKey(scanner);
    seen = once(seen, key);
    if (key === KEY.type) type = readName(scanner, "send.to.type");
    else if (key === KEY.id) id = readName(scanner, "send.to.id");
    else scanner.skipValue();
  }
  if (type === null || id === null) throw new ShapeProblem("'send.to' needs 'type' and 'id'");
  return { type, id };
}

function readReplyTo(scanner: JsonScanner): { readonly handler: string; readonly context: Payload } {
  let handler: string | null = null;
  let context = NO_PAYLOAD;
  let seen = 0;
  for (let more = beginObject(scanner, "send.replyTo"); more; more = nextMember(scanner)) {
    const key = readKey(scanner);
    seen = once(seen, key);
    if (key === KEY.handler) handler = readName(scanner, "send.replyTo.handler");
    else if (key === KEY.context) context = readPayload(scanner);
    else scanner.skipValue();
  }
  if (handler === null) throw new ShapeProblem("'send.replyTo.handler' is missing");
  return { handler, context };
}

function readCancel(scanner: JsonScanner): FunctionEffect {
  let timer: string | null = null;
  let seen = 0;
  for (let more = beginObject(scanner, "cancel"); more; more = nextMember(scanner)) {
    const key = readKey(scanner);
    seen = once(seen, key);
    if (key === KEY.timer) timer = readName(scanner, "cancel.timer");
    else scanner.skipValue();
  }
  if (timer === null) throw new ShapeProblem("'cancel.timer' is missing");
  return { kind: "cancel", timer };
}
