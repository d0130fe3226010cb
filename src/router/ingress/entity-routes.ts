/** Requests about entities, sorted by what they ask. The admin side uses it, too. */
import type { Caller } from "../auth/authenticator.js";
import { serveCall } from "./call-route.js";
import type { Exchange } from "./exchange.js";
import type { Refusal } from "./problem-document.js";
import { serveEvents, serveOutcome, serveState } from "./read-routes.js";
import type { Target } from "./request-target.js";
import { type RouteContext, shown } from "./route-context.js";
import type { TypeCatalog } from "./type-catalog.js";

type EntityTarget = Exclude<Target, { readonly kind: "error" | "bad" }>;

const TYPES_UNREAD = "the router is starting: it has not read yet what is registered";

/** Null: the request is under way, and will be answered. */
export function serveEntity(
  context: RouteContext,
  exchange: Exchange,
  target: EntityTarget,
  caller: Caller | null,
): Refusal | null {
  const type = context.types.get(target.type);
  if (caller !== null && !mayUse(caller, target.type)) {
    return { code: "forbidden", detail: `'${caller.principal}' may not use ${target.type}` };
  }
  if (type === undefined) return unknownType(context.types, target.type);
  switch (target.kind) {
    case "call":
      return serveCall(context, exchange, type, target, caller);
    case "entity":
      return serveState(context, exchange, type, target);
    case "events":
      return serveEvents(context, exchange, type, target);
    case "outcome":
      return serveOutcome(context, exchange, target);
  }
}

function mayUse(caller: Caller, type: string): boolean {
  if (caller.types === null) return true;
  const namespace = `${type.slice(0, type.indexOf("/"))}/*`;
  return caller.types.includes(type) || caller.types.includes(namespace);
}

function unknownType(types: TypeCatalog, name: string): Refusal {
  if (!types.isOpen) return { code: "starting", detail: TYPES_UNREAD, retryAfterMs: 1_000 };
  const undiscovered = types.undiscovered();
  if (undiscovered.length > 0) {
    const detail = `no entity type '${shown(name)}' is known yet; still asking ${undiscovered.length} endpoint(s) what they serve`;
    return { code: "function_unavailable", detail, retryAfterMs: 1_000 };
  }
  return { code: "unknown_type", detail: `there is no entity type '${shown(name)}'`, members: { exists: types.names() } };
}
