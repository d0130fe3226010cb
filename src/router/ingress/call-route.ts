/** Commands and queries: what can be checked at the door, and then the core. */
import { type Metadata, NO_METADATA } from "../../core/entity/command.js";
import type { CommandSpec, EntityType } from "../../core/entity/entity-type.js";
import type { Caller } from "../auth/authenticator.js";
import { DURATION_FORM, formatDuration, parseDuration } from "../duration.js";
import type { CommandTrace } from "../tracing/tracing.js";
import { AnswerReply } from "./answer-reply.js";
import { bodyHash, keyedCommandId } from "./command-id.js";
import { contentTypeRefusal } from "./content-type.js";
import { deadlineOf } from "./deadline.js";
import type { Exchange } from "./exchange.js";
import { DELAY_MAX_MS, KEY_CHARACTERS_MAX } from "./ingress-limits.js";
import { jsonRefusal } from "./json-check.js";
import type { Refusal } from "./problem-document.js";
import { CONSISTENCY_REFUSAL, parseParameters, strictness } from "./query-parameters.js";
import type { Target } from "./request-target.js";
import { methodRefusal, type RouteContext, shown } from "./route-context.js";

type CallTarget = Extract<Target, { readonly kind: "call" }>;

/** Null: the request is under way. */
export function serveCall(
  context: RouteContext,
  exchange: Exchange,
  type: EntityType,
  target: CallTarget,
  caller: Caller | null,
): Refusal | null {
  const { method } = exchange.request;
  const command = visible(type.commands.get(target.name), context.isAdmin);
  const query = command === null ? visible(type.queries.get(target.name), context.isAdmin) : null;
  if (command === null && query === null) return unknownCommand(type, target.name, context.isAdmin);
  if (query !== null) {
    if (method === "GET" || method === "HEAD") return serveQueryByGet(context, exchange, target, caller);
    if (method !== "POST") return methodRefusal(exchange, "GET, POST");
  } else if (method !== "POST") return methodRefusal(exchange, "POST");
  const refusal = contentTypeRefusal(exchange.request.headers);
  if (refusal !== null) return refusal;
  const options = callOptions(context, exchange, target, query !== null);
  if (options.kind === "refused") return options.refusal;
  exchange.readBody((body) => submitCall(context, exchange, target, caller, options, body));
  return null;
}

function serveQueryByGet(context: RouteContext, exchange: Exchange, target: CallTarget, caller: Caller | null): Refusal | null {
  const parameters = parseParameters(target.query, ["input", "consistency"]);
  if (parameters.kind === "refused") return { code: "bad_parameter", detail: parameters.detail };
  const isStrict = strictness(parameters.values.consistency);
  if (isStrict === null) return { code: "bad_parameter", detail: CONSISTENCY_REFUSAL };
  const deadline = deadlineOf(context, exchange);
  if (typeof deadline !== "number") return deadline;
  const body = Buffer.from(parameters.values.input ?? "");
  return submitCall(context, exchange, target, caller, { ...PLAIN_CALL, deadlineMs: deadline, isStrict }, body);
}

interface CallOptions {
  readonly kind: "options";
  readonly mode: "call" | "send";
  readonly delayMs: number;
  readonly deadlineMs: number;
  readonly key: string | null;
  readonly isStrict: boolean;
}

const PLAIN_CALL: CallOptions = { kind: "options", mode: "call", delayMs: 0, deadlineMs: 0, key: null, isStrict: false };

function callOptions(
  context: RouteContext,
  exchange: Exchange,
  target: CallTarget,
  isQuery: boolean,
): CallOptions | { readonly kind: "refused"; readonly refusal: Refusal } {
  const deadline = deadlineOf(context, exchange);
  if (typeof deadline !== "number") return { kind: "refused", refusal: deadline };
  const header = exchange.request.headers["idempotency-key"];
  const key = header === undefined || isQuery ? null : String(header);
  if (key !== null && (key === "" || key.length > KEY_CHARACTERS_MAX)) {
    return refusedOption("bad_header", `Idempotency-Key takes 1 to ${KEY_CHARACTERS_MAX} characters`);
  }
  if (target.query === "") return { ...PLAIN_CALL, deadlineMs: deadline, key };

  const parameters = parseParameters(target.query, isQuery ? ["consistency"] : ["mode", "delay"]);
  if (parameters.kind === "refused") return refusedOption("bad_parameter", parameters.detail);
  const { mode = "call", delay, consistency } = parameters.values as { mode?: string; delay?: string; consistency?: string };
  const isStrict = strictness(consistency);
  if (isStrict === null) return refusedOption("bad_parameter", CONSISTENCY_REFUSAL);
  if (mode !== "call" && mode !== "send") return refusedOption("bad_parameter", "'mode' is 'call' or 'send'");
  if (delay === undefined) return { kind: "options", mode, delayMs: 0, deadlineMs: deadline, key, isStrict };
  if (mode === "call") return refusedOption("bad_parameter", "'delay' needs mode=send: nobody waits that long for a reply");
  const delayMs = parseDuration(delay);
  if (delayMs === null) return refusedOption("bad_parameter", `'delay' is ${DURATION_FORM}`);
  if (delayMs > DELAY_MAX_MS) return refusedOption("delay_too_long", `a delay is at most ${formatDuration(DELAY_MAX_MS)}`);
  return { kind: "options", mode, delayMs, deadlineMs: deadline, key, isStrict };
}

function refusedOption(code: Refusal["code"], detail: string): { readonly kind: "refused"; readonly refusal: Refusal } {
  return { kind: "refused", refusal: { code, detail } };
}

function submitCall(
  context: RouteContext,
  exchange: Exchange,
  target: CallTarget,
  caller: Caller | null,
  options: CallOptions,
  body: Buffer,
): Refusal | null {
  const refusal = body.length === 0 ? null : jsonRefusal(body);
  if (refusal !== null) return refusal;
  const { type, id, name } = target;
  const { key, mode, delayMs, deadlineMs, isStrict } = options;
  const to = { type, id };
  const trace = context.tracing.commandArrived(exchange.request.headers, type, name);
  context.core.submit({
    kind: "commandArrived",
    request: exchange.ask(new AnswerReply(exchange, to, context.observer, trace)),
    to,
    name,
    input: body,
    id: key === null ? context.ids.next() : keyedCommandId(type, id, key),
    hasKey: key !== null,
    bodyHash: key === null ? "" : bodyHash(name, body, delayMs),
    acceptedAtMs: Math.floor(context.core.nowMs()),
    deadlineMs,
    metadata: metadataOf(context, exchange, caller, trace),
    mode,
    delayMs,
    isAdmin: context.isAdmin,
    isRepeat: false,
    isStrict,
  });
  return null;
}

function metadataOf(context: RouteContext, exchange: Exchange, caller: Caller | null, trace: CommandTrace | null): Metadata {
  if (caller === null && trace === null && context.keepHeaders.length === 0) return NO_METADATA;
  const { headers } = exchange.request;
  const metadata: (readonly [string, string])[] = caller === null ? [] : [["principal", caller.principal]];
  if (trace !== null) metadata.push(...trace.metadata);
  for (const name of context.keepHeaders) {
    const value = headers[name];
    if (value !== undefined) metadata.push([name, String(value)]);
  }
  return metadata;
}

/** Internal commands do not exist for clients. */
function visible(spec: CommandSpec | undefined, isAdmin: boolean): CommandSpec | null {
  return spec !== undefined && (isAdmin || spec.exposure === "public") ? spec : null;
}

function unknownCommand(type: EntityType, name: string, isAdmin: boolean): Refusal {
  const commands = [...type.commands.values()].filter((spec) => visible(spec, isAdmin) !== null).map((spec) => spec.name);
  const queries = [...type.queries.values()].filter((spec) => visible(spec, isAdmin) !== null).map((spec) => spec.name);
  const detail = `${type.name} has no command or query '${shown(name)}'`;
  return { code: "unknown_command", detail, members: { exists: { commands, queries } } };
}
