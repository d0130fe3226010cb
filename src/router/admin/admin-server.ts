/** The operator's HTTP side of a router: health, metrics, deployments, and a look into any entity. Loopback unless told otherwise. */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { AdminAsked } from "../../core/request.js";
import type { Authentication, Authenticator } from "../auth/authenticator.js";
import { authenticationRefusal } from "../ingress/authentication-refusal.js";
import { CommandIds } from "../ingress/command-id.js";
import type { CoreLink } from "../ingress/core-link.js";
import { serveEntity } from "../ingress/entity-routes.js";
import { Exchange, type ExchangeHost } from "../ingress/exchange.js";
import type { IngressLog } from "../ingress/http-ingress.js";
import type { IngressLimits } from "../ingress/ingress-limits.js";
import type { Refusal } from "../ingress/problem-document.js";
import { parseParameters } from "../ingress/query-parameters.js";
import type { RequestBudget } from "../ingress/request-budget.js";
import { parseTarget } from "../ingress/request-target.js";
import { methodRefusal, type RouteContext } from "../ingress/route-context.js";
import { BoundedServer, type ListenAddress } from "../ingress/server-lifecycle.js";
import { isForeignOrigin } from "../ingress/web-origin.js";
import type { Registration } from "../registration.js";
import { makeTracing } from "../tracing/tracing.js";
import { AdminReply, respondJson } from "./admin-reply.js";
import { type AdminTarget, addressOf, parseAdminTarget } from "./admin-target.js";
import { type ClusterAdmin, drainNode, moveShard, showCluster, splitShards } from "./cluster-routes.js";
import {
  listDeployments,
  listTypes,
  promoteDeployment,
  registerDeployment,
  removeDeployment,
  rollBackDeployments,
  setCanary,
} from "./deployment-routes.js";
import { isLocalHost } from "./local-host.js";

export interface AdminOptions {
  readonly core: CoreLink;
  readonly registration: Registration;
  readonly limits: IngressLimits;
  readonly budget: RequestBudget;
  readonly keepHeaders: readonly string[];
  /** Null: whoever reaches the port. */
  readonly authenticator: Authenticator | null;
  /** Only this machine reaches the port, so requests have to use a name of this machine, too. */
  readonly isLocalOnly: boolean;
  /** Whether requests to entities are taken. */
  isReady(): boolean;
  readonly cluster: ClusterAdmin;
  /** Anything that says how the router is: plain data. */
  status(): Readonly<Record<string, unknown>>;
  readonly log?: IngressLog;
  /** The metrics in Prometheus' text form. */
  readonly metrics: { readonly contentType: string; text(): Promise<string> };
}

const LIST_DEFAULT = 100;
const LIST_MAX = 1_000;
const PATHS = [
  "/healthz",
  "/readyz",
  "/metrics",
  "/v1/status",
  "/v1/types",
  "/v1/deployments[/{id}/canary | /{id}/promote | /{id}/remove | /rollback]",
  "/v1/cluster[/drain | /move | /split]",
  "/v1/invoke/{address}/{command}",
  "/v1/state/{address}",
  "/v1/events/{address}",
  "/v1/timers/{address}",
  "/v1/dead-letters[/{address}[/{commandId}[/retry | /drop]]]",
  "/v1/purge/{address}",
];

const CLUSTER_ACTIONS: ReadonlyMap<string, (exchange: Exchange, admin: ClusterAdmin) => Refusal | null> = new Map([
  ["drain", drainNode],
  ["move", moveShard],
  ["split", splitShards],
]);

export class AdminServer implements ExchangeHost {
  readonly core: CoreLink;
  readonly budget: RequestBudget;
  readonly bodyBytesMax: number;
  readonly #options: AdminOptions;
  readonly #routes: RouteContext;
  readonly #server: BoundedServer;

  constructor(options: AdminOptions) {
    this.#options = options;
    this.core = options.core;
    this.budget = options.budget;
    this.bodyBytesMax = options.limits.bodyBytesMax;
    const { core, registration, keepHeaders } = options;
    const { deadlineMs } = options.limits;
    this.#routes = {
      core,
      types: registration,
      ids: new CommandIds(),
      deadlineMs,
      keepHeaders,
      isAdmin: true,
      observer: null,
      tracing: makeTracing(),
      feeds: new Set(),
    };
    this.#server = new BoundedServer(options.limits, (request, response) => this.#serve(request, response));
  }

  listen(address: ListenAddress): Promise<ListenAddress> {
    return this.#server.listen(address);
  }

  async stop(graceMs: number): Promise<void> {
    const stopped = this.#server.stop(graceMs);
    for (const feed of [...this.#routes.feeds]) feed.stop();
    await stopped;
  }

  isStopping(): boolean {
    return this.#server.isStopping;
  }

  broke(error: unknown): void {
    this.#options.log?.error({ err: error }, "the admin API failed on a request");
  }

  ended(): void {
    // Requests of the operator are few: nothing counts them.
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    const exchange = new Exchange(this, request, response);
    exchange.run(() => this.#begin(exchange));
  }

  #begin(exchange: Exchange): Refusal | null {
    const { headers, url } = exchange.request;
    const target = parseAdminTarget(url ?? "");
    if (target === null) return { code: "bad_path", detail: "the path is not percent-encoded UTF-8" };
    const { authenticator, isLocalOnly } = this.#options;
    if (isLocalOnly && !isLocalHost(headers.host)) {
      return { code: "host_not_allowed", detail: "the admin API answers to this machine's own names only" };
    }
    if (headers.origin !== undefined && isForeignOrigin(headers.origin, headers.host)) {
      return { code: "origin_not_allowed", detail: "web pages of other origins may not use the admin API" };
    }
    if (target.segments.length === 1) return this.#probe(exchange, target);
    if (authenticator === null) return this.#route(exchange, target);
    const go = (found: Authentication): void => {
      if (!exchange.isOver) exchange.run(() => this.#authenticated(exchange, target, authenticator, found));
    };
    const found = authenticator.authenticate(headers);
    if (found instanceof Promise) found.then(go, () => go({ kind: "unavailable", detail: "authentication failed" }));
    else go(found);
    return null;
  }

  #authenticated(exchange: Exchange, target: AdminTarget, authenticator: Authenticator, found: Authentication): Refusal | null {
    return found.kind === "known" ? this.#route(exchange, target) : authenticationRefusal(found, authenticator);
  }

  /** What load balancers, supervisors and Prometheus ask, without credentials: nothing here is secret. */
  #probe(exchange: Exchange, target: AdminTarget): Refusal | null {
    switch (target.segments[0]) {
      case "healthz":
        respondJson(exchange, 200, `{"status":"ok"}`);
        return null;
      case "readyz": {
        const isReady = this.#options.isReady() && !this.isStopping();
        respondJson(exchange, isReady ? 200 : 503, JSON.stringify({ ready: isReady }));
        return null;
      }
      case "metrics":
        this.#metrics(exchange);
        return null;
      default:
        return notFound();
    }
  }

  #metrics(exchange: Exchange): void {
    const { metrics } = this.#options;
    metrics.text().then(
      (text) => {
        const body = Buffer.from(text);
        exchange.respond(200, ["content-type", metrics.contentType, "content-length", String(body.length)], body);
      },
      (error: unknown) =>
        exchange.refuse({ code: "internal_error", detail: `the metrics cannot be collected: ${String(error)}` }),
    );
  }

  #route(exchange: Exchange, target: AdminTarget): Refusal | null {
    const [version, resource, ...rest] = target.segments;
    if (version !== "v1") return notFound();
    const { registration } = this.#options;
    const method = exchange.request.method === "HEAD" ? "GET" : exchange.request.method;
    switch (resource) {
      case "status":
        respondJson(exchange, 200, JSON.stringify(this.#options.status()));
        return null;
      case "types":
        return listTypes(exchange, registration.types());
      case "deployments":
        return this.#deployments(exchange, method, rest);
      case "cluster":
        return this.#cluster(exchange, method, rest);
      case "invoke":
      case "state":
      case "events":
        return this.#entity(exchange, resource);
      case "timers":
        return this.#timers(exchange, method, rest, target.query);
      case "dead-letters":
        return this.#deadLetters(exchange, method, rest, target.query);
      case "purge":
        return this.#purge(exchange, method, rest);
      default:
        return notFound();
    }
  }

  #deployments(exchange: Exchange, method: string | undefined, rest: readonly string[]): Refusal | null {
    const { registration } = this.#options;
    if (!registration.isOpen)
      return { code: "starting", detail: "what is registered has not been read yet", retryAfterMs: 1_000 };
    const [id, action] = rest;
    if (id === undefined) {
      if (method === "GET") return listDeployments(exchange, registration);
      return method === "POST" ? registerDeployment(exchange, registration) : methodRefusal(exchange, "GET, POST");
    }
    if (method !== "POST") return methodRefusal(exchange, "POST");
    if (id === "rollback" && action === undefined) return rollBackDeployments(exchange, registration);
    if (rest.length !== 2) return notFound();
    if (action === "canary") return setCanary(exchange, registration, id);
    if (action === "promote") return promoteDeployment(exchange, registration, id);
    return action === "remove" ? removeDeployment(exchange, registration, id) : notFound();
  }

  #cluster(exchange: Exchange, method: string | undefined, rest: readonly string[]): Refusal | null {
    const { cluster } = this.#options;
    const [action] = rest;
    if (action === undefined) return method === "GET" ? showCluster(exchange, cluster) : methodRefusal(exchange, "GET");
    const act = rest.length > 1 ? undefined : CLUSTER_ACTIONS.get(action);
    if (act === undefined) return notFound();
    return method === "POST" ? act(exchange, cluster) : methodRefusal(exchange, "POST");
  }

  /** The ingress's own routes, with an operator's rights. */
  #entity(exchange: Exchange, resource: "invoke" | "state" | "events"): Refusal | null {
    const url = exchange.request.url ?? "";
    const from = "/v1/".length + resource.length;
    const target = parseTarget(url, from);
    if (target.kind === "bad") return { code: target.code, detail: target.message };
    if (target.kind === "error") return notFound();
    const asked = resource === "events" && target.kind === "entity" ? { ...target, kind: "events" as const } : target;
    return serveEntity(this.#routes, exchange, asked, null);
  }

  #timers(exchange: Exchange, method: string | undefined, rest: readonly string[], query: string): Refusal | null {
    if (method !== "GET") return methodRefusal(exchange, "GET");
    const of = addressOf(rest);
    if (typeof of === "string" || rest.length > 3)
      return { code: "bad_id", detail: typeof of === "string" ? of : "too many segments" };
    const limit = limitOf(query);
    if (typeof limit !== "number") return limit;
    this.#ask(exchange, (request) => ({ kind: "timersAsked", request, of, limit }));
    return null;
  }

  #deadLetters(exchange: Exchange, method: string | undefined, rest: readonly string[], query: string): Refusal | null {
    const limit = limitOf(query);
    if (typeof limit !== "number") return limit;
    const [, , , commandId, action] = rest;
    const of = rest.length === 0 ? null : addressOf(rest);
    if (typeof of === "string" || rest.length > 5)
      return { code: "bad_id", detail: typeof of === "string" ? of : "too many segments" };
    if (of !== null && commandId !== undefined && action !== undefined) {
      if (action !== "retry" && action !== "drop") return notFound();
      if (method !== "POST") return methodRefusal(exchange, "POST");
      this.#ask(exchange, (request) => ({ kind: "deadLetterEnded", request, of, commandId, action }));
      return null;
    }
    if (method !== "GET") return methodRefusal(exchange, "GET");
    const reply = new AdminReply(exchange, commandId ?? null);
    this.#ask(
      exchange,
      (request) => ({ kind: "deadLettersAsked", request, of, limit: commandId === undefined ? limit : LIST_MAX }),
      reply,
    );
    return null;
  }

  #purge(exchange: Exchange, method: string | undefined, rest: readonly string[]): Refusal | null {
    if (method !== "POST") return methodRefusal(exchange, "POST");
    const of = addressOf(rest);
    if (typeof of === "string" || rest.length > 3)
      return { code: "bad_id", detail: typeof of === "string" ? of : "too many segments" };
    this.#ask(exchange, (request) => ({ kind: "purgeAsked", request, of }));
    return null;
  }

  #ask(exchange: Exchange, input: (request: number) => AdminAsked, reply = new AdminReply(exchange)): void {
    this.core.submit(input(exchange.ask(reply)));
  }
}

function limitOf(query: string): number | Refusal {
  const parameters = parseParameters(query, ["limit"]);
  if (parameters.kind === "refused") return { code: "bad_parameter", detail: parameters.detail };
  const limit = Number(parameters.values.limit ?? LIST_DEFAULT);
  if (Number.isSafeInteger(limit) && limit >= 1 && limit <= LIST_MAX) return limit;
  return { code: "bad_parameter", detail: `'limit' is a whole number from 1 to ${LIST_MAX}` };
}

function notFound(): Refusal {
  return { code: "not_found", detail: "the admin API has no such path", members: { exists: PATHS } };
}
