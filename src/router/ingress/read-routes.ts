/** Reads that no function takes part in: state, events and outcomes. */
import type { EntityAddress } from "../../core/entity/address.js";
import type { EntityType } from "../../core/entity/entity-type.js";
import { DURATION_FORM, formatDuration, parseDuration } from "../duration.js";
import { AnswerReply } from "./answer-reply.js";
import { deadlineOf } from "./deadline.js";
import { EventFeed } from "./event-feed.js";
import type { Exchange } from "./exchange.js";
import { EVENTS_PAGE_DEFAULT, EVENTS_PAGE_MAX, WAIT_MAX_MS } from "./ingress-limits.js";
import type { Refusal } from "./problem-document.js";
import { CONSISTENCY_REFUSAL, parseParameters, strictness } from "./query-parameters.js";
import type { Target } from "./request-target.js";
import { methodRefusal, type RouteContext } from "./route-context.js";

type StateTarget = Extract<Target, { readonly kind: "entity" }>;

export function serveState(context: RouteContext, exchange: Exchange, type: EntityType, target: StateTarget): Refusal | null {
  if (!isRead(exchange)) return methodRefusal(exchange, "GET");
  if (type.kind === "action") return { code: "not_exposed", detail: `${type.name} is an action: it has no state` };
  if (!type.policy.exposeState && !context.isAdmin) {
    return { code: "not_exposed", detail: `${type.name} does not show its state` };
  }
  const parameters = parseParameters(target.query, ["consistency"]);
  if (parameters.kind === "refused") return { code: "bad_parameter", detail: parameters.detail };
  const isStrict = strictness(parameters.values.consistency);
  if (isStrict === null) return { code: "bad_parameter", detail: CONSISTENCY_REFUSAL };
  const deadlineMs = deadlineOf(context, exchange);
  if (typeof deadlineMs !== "number") return deadlineMs;
  const of = address(target);
  const request = exchange.ask(new AnswerReply(exchange, of));
  context.core.submit({ kind: "stateAsked", request, of, isAdmin: context.isAdmin, isStrict, deadlineMs });
  return null;
}

type EventsTarget = Extract<Target, { readonly kind: "events" }>;

export function serveEvents(context: RouteContext, exchange: Exchange, type: EntityType, target: EventsTarget): Refusal | null {
  if (!isRead(exchange)) return methodRefusal(exchange, "GET");
  if (!type.policy.exposeEvents && !context.isAdmin) {
    return { code: "not_exposed", detail: `${type.name} does not show its events` };
  }
  const parameters = parseParameters(target.query, ["after", "limit"]);
  if (parameters.kind === "refused") return { code: "bad_parameter", detail: parameters.detail };
  const { headers } = exchange.request;
  const isLive = headers.accept?.includes("text/event-stream") ?? false;
  const last = isLive ? headers["last-event-id"] : undefined;
  const after = wholeNumber(last === undefined ? (parameters.values.after ?? "0") : String(last));
  if (after === null) {
    const code = last === undefined ? "bad_parameter" : "bad_header";
    return { code, detail: "'after', or Last-Event-ID, is the entity version of the last event seen" };
  }
  const limit = wholeNumber(parameters.values.limit ?? String(EVENTS_PAGE_DEFAULT));
  if (limit === null || limit < 1 || limit > EVENTS_PAGE_MAX) {
    return { code: "bad_parameter", detail: `'limit' is a whole number from 1 to ${EVENTS_PAGE_MAX}` };
  }
  const of = address(target);
  if (isLive) {
    new EventFeed(context, exchange, of, after).start();
    return null;
  }
  const request = exchange.ask(new AnswerReply(exchange, of));
  context.core.submit({ kind: "eventsAsked", request, of, after, limit, follow: false, isAdmin: context.isAdmin });
  return null;
}

type OutcomeTarget = Extract<Target, { readonly kind: "outcome" }>;

export function serveOutcome(context: RouteContext, exchange: Exchange, target: OutcomeTarget): Refusal | null {
  if (!isRead(exchange)) return methodRefusal(exchange, "GET");
  const parameters = parseParameters(target.query, ["wait"]);
  if (parameters.kind === "refused") return { code: "bad_parameter", detail: parameters.detail };
  const waitMs = parseDuration(parameters.values.wait ?? "0s");
  if (waitMs === null || waitMs > WAIT_MAX_MS) {
    const detail = `'wait' is ${DURATION_FORM}; at most ${formatDuration(WAIT_MAX_MS)}`;
    return { code: "bad_parameter", detail };
  }
  const of = address(target);
  const request = exchange.ask(new AnswerReply(exchange, of));
  const untilMs = context.core.nowMs() + waitMs;
  context.core.submit({ kind: "outcomeAsked", request, of, commandId: target.commandId, untilMs });
  return null;
}

function isRead(exchange: Exchange): boolean {
  return exchange.request.method === "GET" || exchange.request.method === "HEAD";
}

function address(target: { readonly type: string; readonly id: string }): EntityAddress {
  return { type: target.type, id: target.id };
}

function wholeNumber(text: string): number | null {
  const number = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
  return Number.isSafeInteger(number) ? number : null;
}
