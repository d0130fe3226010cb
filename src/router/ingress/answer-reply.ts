/** What the core answered, as an HTTP response. */
import type { Answer, Problem } from "../../core/answer.js";
import type { EntityAddress } from "../../core/entity/address.js";
import type { Outcome, Payload } from "../../core/entity/command.js";
import type { HistoryEvent } from "../../core/entity/invocation.js";
import type { CommandTrace } from "../tracing/tracing.js";
import { eventJson } from "./event-json.js";
import type { Exchange, ExchangeListener } from "./exchange.js";
import { functionRefusal, routerProblem } from "./problem-document.js";
import { outcomePath } from "./request-target.js";

/** What a caller of `AnswerReply` may want to know: outcome, for the metrics. */
export type OutcomeLabel = "replied" | "refused" | "failed" | "accepted" | "problem" | "left";

export interface AnswerObserver {
  answered(type: string, outcome: OutcomeLabel, tookMs: number): void;
}

/** Waits for the answer of one exchange, and writes it. */
export class AnswerReply implements ExchangeListener {
  readonly #exchange: Exchange;
  readonly #type: string;
  readonly #id: string;
  readonly #observer: AnswerObserver | null;
  readonly #trace: CommandTrace | null;
  readonly #startedMs: number;

  constructor(exchange: Exchange, of: EntityAddress, observer: AnswerObserver | null = null, trace: CommandTrace | null = null) {
    this.#exchange = exchange;
    this.#type = of.type;
    this.#id = of.id;
    this.#observer = observer;
    this.#trace = trace;
    this.#startedMs = observer === null ? 0 : performance.now();
  }

  answered(answer: Answer): void {
    const exchange = this.#exchange;
    exchange.settled();
    switch (answer.kind) {
      case "outcome":
        this.#observed(answer.outcome.kind);
        writeOutcome(exchange, answer.outcome, answer.commandId, answer.version);
        break;
      case "accepted":
        this.#observed("accepted");
        this.#accepted(answer.commandId);
        break;
      case "pending":
        this.#pending(answer.commandId, answer.status);
        break;
      case "state":
        writeState(exchange, answer.version, answer.state);
        break;
      case "events":
        writeEvents(exchange, answer.version, answer.events, answer.next);
        break;
      case "problem":
        this.#observed("problem");
        writeProblem(exchange, answer.problem);
        break;
      case "done":
        exchange.respond(204, [], "");
        break;
      case "timers":
      case "deadLetters":
        exchange.refuse({ code: "internal_error", detail: `an answer of kind '${answer.kind}' has no form here` });
        break;
    }
  }

  fed(): void {
    throw new Error("only followed requests are fed");
  }

  left(): void {
    this.#observed("left");
  }

  #accepted(commandId: string): void {
    const body = JSON.stringify({ commandId });
    const location = outcomePath(this.#type, this.#id, commandId);
    this.#exchange.respond(202, [...json(body.length), "location", location, "holdfast-command-id", commandId], body);
  }

  #pending(commandId: string, status: string): void {
    const body = JSON.stringify({ commandId, status });
    this.#exchange.respond(202, [...json(body.length), "holdfast-command-id", commandId, "retry-after", "1"], body);
  }

  #observed(outcome: OutcomeLabel): void {
    this.#observer?.answered(this.#type, outcome, performance.now() - this.#startedMs);
    this.#trace?.ended(outcome);
  }
}

function json(length: number): string[] {
  return ["content-type", "application/json", "content-length", String(length)];
}

function writeOutcome(exchange: Exchange, outcome: Outcome, commandId: string, version: number): void {
  const headers = ["holdfast-command-id", commandId, "holdfast-version", String(version)];
  switch (outcome.kind) {
    case "replied": {
      const { reply } = outcome;
      if (reply.length === 0) {
        exchange.respond(204, headers, "");
        break;
      }
      headers.push("content-type", "application/json", "content-length", String(reply.length));
      exchange.respond(200, headers, reply);
      break;
    }
    case "refused":
      exchange.respondProblem(functionRefusal(outcome.code, outcome.message, outcome.details), "function", headers, null);
      break;
    case "failed":
      writeFailure(exchange, outcome.code, outcome.message, headers, null);
      break;
  }
}

/** Codes that tell of the function, not of the router. */
const OF_FUNCTION: ReadonlySet<string> = new Set(["function_faulted", "state_too_large"]);

export function writeProblem(exchange: Exchange, problem: Problem): void {
  writeFailure(exchange, problem.code, problem.message, [], problem.retryAfterMs);
}

function writeFailure(
  exchange: Exchange,
  code: string,
  message: string,
  headers: readonly string[],
  retryAfterMs: number | null,
): void {
  const document = routerProblem(code, message);
  const isBusy = document.status === 429 || document.status === 503;
  const source = OF_FUNCTION.has(code) ? "function" : "router";
  exchange.respondProblem(document, source, headers, retryAfterMs ?? (isBusy ? RETRY_AFTER_MS : null));
}

const RETRY_AFTER_MS = 1_000;

function writeState(exchange: Exchange, version: number, state: Payload | null): void {
  const tag = `"${version}"`;
  const headers = ["etag", tag, "holdfast-version", String(version)];
  if (isMatch(exchange.request.headers["if-none-match"], tag)) {
    exchange.respond(304, headers, "");
    return;
  }
  const head = Buffer.from(`{"version":${version},"state":`);
  const body = Buffer.concat([head, state === null || state.length === 0 ? NULL : state, CLOSE]);
  exchange.respond(200, [...json(body.length), ...headers], body);
}

const NULL = Buffer.from("null");
const CLOSE = Buffer.from("}");

function isMatch(header: string | undefined, tag: string): boolean {
  if (header === undefined) return false;
  return header.split(",").some((one) => one.trim() === "*" || one.trim().replace(/^W\//, "") === tag);
}

function writeEvents(exchange: Exchange, version: number, events: readonly HistoryEvent[], next: number | null): void {
  const parts: Uint8Array[] = [Buffer.from(`{"version":${version},"events":[`)];
  for (const event of events) {
    if (parts.length > 1) parts.push(COMMA);
    parts.push(...eventJson(event));
  }
  parts.push(Buffer.from(`],"next":${next}}`));
  const body = Buffer.concat(parts);
  exchange.respond(200, [...json(body.length), "holdfast-version", String(version)], body);
}

const COMMA = Buffer.from(",");
