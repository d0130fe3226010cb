/** The public HTTP side of a router (docs/http.md): from a request to the core's input, and back. */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Authentication, Authenticator, Caller } from "../auth/authenticator.js";
import { makeTracing, type Tracing } from "../tracing/tracing.js";
import type { AnswerObserver } from "./answer-reply.js";
import { authenticationRefusal } from "./authentication-refusal.js";
import { CommandIds } from "./command-id.js";
import type { CoreLink } from "./core-link.js";
import { serveEntity } from "./entity-routes.js";
import { errorPage } from "./error-page.js";
import { Exchange, type ExchangeHost } from "./exchange.js";
import { type IngressLimits, UNREAD_REPLY_MS } from "./ingress-limits.js";
import type { Refusal } from "./problem-document.js";
import type { RequestBudget } from "./request-budget.js";
import { parseTarget, type Target } from "./request-target.js";
import type { RouteContext } from "./route-context.js";
import { BoundedServer, type ListenAddress } from "./server-lifecycle.js";
import type { TypeCatalog } from "./type-catalog.js";
import { UnreadReplies } from "./unread-replies.js";
import { type Cors, isForeignOrigin } from "./web-origin.js";

export interface IngressOptions {
  readonly core: CoreLink;
  readonly types: TypeCatalog;
  readonly limits: IngressLimits;
  /** Null: anybody. */
  readonly authenticator: Authenticator | null;
  /** Null: web pages of other origins get nothing. */
  readonly cors: Cors | null;
  /** Lower-case. */
  readonly keepHeaders: readonly string[];
  readonly budget: RequestBudget;
  readonly observer: IngressObserver | null;
  readonly tracing?: Tracing;
  readonly log?: IngressLog;
}

export interface IngressLog {
  error(fields: object, message: string): void;
}

export interface IngressObserver extends AnswerObserver {
  requestEnded(status: number): void;
}

export class HttpIngress implements ExchangeHost {
  readonly core: CoreLink;
  readonly budget: RequestBudget;
  readonly bodyBytesMax: number;
  readonly #options: IngressOptions;
  readonly #routes: RouteContext;
  readonly #server: BoundedServer;
  readonly #unread = new UnreadReplies(UNREAD_REPLY_MS);
  #open = 0;

  constructor(options: IngressOptions) {
    this.#options = options;
    this.core = options.core;
    this.budget = options.budget;
    this.bodyBytesMax = options.limits.bodyBytesMax;
    const { core, types, keepHeaders, observer } = options;
    const { deadlineMs } = options.limits;
    const tracing = options.tracing ?? makeTracing();
    const ids = new CommandIds();
    this.#routes = { core, types, ids, deadlineMs, keepHeaders, isAdmin: false, observer, tracing, feeds: new Set() };
    this.#server = new BoundedServer(options.limits, (request, response) => this.#serve(request, response));
  }

  /** Requests that are not answered yet. */
  get openRequests(): number {
    return this.#open;
  }

  listen(address: ListenAddress): Promise<ListenAddress> {
    return this.#server.listen(address);
  }

  /** Takes nothing new, finishes what it has, then closes. */
  async stop(graceMs: number): Promise<void> {
    const stopped = this.#server.stop(graceMs);
    for (const feed of [...this.#routes.feeds]) feed.stop();
    await stopped;
    this.#unread.stop();
  }

  isStopping(): boolean {
    return this.#server.isStopping;
  }

  broke(error: unknown): void {
    this.#options.log?.error({ err: error }, "the ingress failed on a request");
  }

  ended(exchange: Exchange, status: number): void {
    this.#open--;
    this.#options.observer?.requestEnded(status);
    this.#unread.watch(exchange.response);
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    const exchange = new Exchange(this, request, response);
    this.#open++;
    exchange.run(() => this.#begin(exchange));
  }

  #begin(exchange: Exchange): Refusal | null {
    const { headers, url } = exchange.request;
    if (this.#open > this.#options.limits.requestsMax) {
      return { code: "overloaded", detail: "too many requests wait for their answer", retryAfterMs: 1_000 };
    }
    if (this.isStopping()) return { code: "stopping", detail: "the router is stopping", retryAfterMs: 1_000 };
    if (headers.origin !== undefined) {
      const refusal = this.#admitOrigin(exchange, headers.origin);
      if (refusal !== null || exchange.isOver) return refusal;
    }
    const target = parseTarget(url ?? "");
    if (target.kind === "error") return errorPage(exchange, target.code);
    const { authenticator } = this.#options;
    if (authenticator === null) return this.#route(exchange, target, null);
    const found = authenticator.authenticate(headers);
    if (!(found instanceof Promise)) return this.#authenticated(exchange, target, authenticator, found);
    const go = (later: Authentication): void => {
      if (!exchange.isOver) exchange.run(() => this.#authenticated(exchange, target, authenticator, later));
    };
    found.then(go, () => go(UNAUTHENTICATED_FOR_NOW));
    return null;
  }

  #authenticated(exchange: Exchange, target: Target, authenticator: Authenticator, found: Authentication): Refusal | null {
    return found.kind === "known" ? this.#route(exchange, target, found.caller) : authenticationRefusal(found, authenticator);
  }

  #route(exchange: Exchange, target: Target, caller: Caller | null): Refusal | null {
    if (target.kind === "bad") return { code: target.code, detail: target.message };
    if (target.kind === "error") return errorPage(exchange, target.code);
    return serveEntity(this.#routes, exchange, target, caller);
  }

  /** Null: the exchange goes on, unless it was a preflight, which is over. */
  #admitOrigin(exchange: Exchange, origin: string): Refusal | null {
    const { cors, authenticator } = this.#options;
    const { request } = exchange;
    if (cors?.admits(origin)) {
      exchange.headers.push(...cors.headers(origin));
      if (request.method === "OPTIONS") exchange.respond(204, cors.preflight(), "");
      return null;
    }
    // Without credentials to ask for, a web page the user happens to visit would act as the user.
    if (authenticator !== null || !isForeignOrigin(origin, request.headers.host)) return null;
    return { code: "origin_not_allowed", detail: `pages of ${origin.slice(0, 200)} may not use this router` };
  }
}

const UNAUTHENTICATED_FOR_NOW: Authentication = { kind: "unavailable", detail: "authentication failed" };
