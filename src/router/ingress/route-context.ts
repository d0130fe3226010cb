/** What the routes of one server share, and the refusals that several of them give. */
import type { Tracing } from "../tracing/tracing.js";
import type { AnswerObserver } from "./answer-reply.js";
import type { CommandIds } from "./command-id.js";
import type { CoreLink } from "./core-link.js";
import type { EventFeed } from "./event-feed.js";
import type { Exchange } from "./exchange.js";
import type { Refusal } from "./problem-document.js";
import type { TypeCatalog } from "./type-catalog.js";

export interface RouteContext {
  readonly core: CoreLink;
  readonly types: TypeCatalog;
  readonly ids: CommandIds;
  readonly deadlineMs: number;
  /** Lower-case names of request headers that travel with the command. */
  readonly keepHeaders: readonly string[];
  /** Sees internal commands and what is not exposed. */
  readonly isAdmin: boolean;
  readonly observer: AnswerObserver | null;
  readonly tracing: Tracing;
  readonly feeds: Set<EventFeed>;
}

export function methodRefusal(exchange: Exchange, allow: string): Refusal {
  const detail = `${exchange.request.method} is not taken here; ${allow} is`;
  return { code: "method_not_allowed", detail, headers: ["allow", allow] };
}

/** A name of the caller's, bounded, for messages. */
export function shown(name: string): string {
  return name.length > 100 ? `${name.slice(0, 100)}…` : name;
}
