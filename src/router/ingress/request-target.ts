/**
 * The request target, split by hand: `/{namespace}/{name}/{id}[/{command}]`, `$` resources behind an entity, and the
 * router's own under `/$`. Percent-decoding is strict: what is no UTF-8 is refused, never repaired.
 */
import { idProblem } from "../../core/entity/address.js";

export type Target =
  | { readonly kind: "entity"; readonly type: string; readonly id: string; readonly query: string }
  | { readonly kind: "call"; readonly type: string; readonly id: string; readonly name: string; readonly query: string }
  | { readonly kind: "events"; readonly type: string; readonly id: string; readonly query: string }
  | { readonly kind: "outcome"; readonly type: string; readonly id: string; readonly commandId: string; readonly query: string }
  | { readonly kind: "error"; readonly code: string }
  | { readonly kind: "bad"; readonly code: "bad_id" | "bad_path" | "reserved_name"; readonly message: string };

/** `from` is where the path begins: behind a prefix such as `/v1/invoke`. */
export function parseTarget(url: string, from = 0): Target {
  const mark = url.indexOf("?", from);
  const end = mark < 0 ? url.length : mark;
  const query = mark < 0 ? "" : url.slice(mark + 1);
  if (url.charCodeAt(from) !== SLASH) return bad("bad_path", "the path must begin with '/'");
  const nameAt = url.indexOf("/", from + 1) + 1;
  const idAt = nameAt === 0 ? 0 : url.indexOf("/", nameAt) + 1;
  if (idAt === 0 || idAt > end) return shortPath(url.slice(from, end));
  const type = decode(url.slice(from + 1, idAt - 1));
  if (type === null) return bad("bad_path", "the entity type is not percent-encoded UTF-8");

  const slash = url.indexOf("/", idAt);
  const idEnd = slash < 0 || slash > end ? end : slash;
  const id = decode(url.slice(idAt, idEnd));
  if (id === null) return bad("bad_id", "the id is not percent-encoded UTF-8");
  const problem = idProblem(id);
  if (problem !== null) return bad("bad_id", `the id is refused: ${problem}`);
  if (idEnd === end) return { kind: "entity", type, id, query };

  const rest = decode(url.slice(idEnd + 1, end));
  if (rest === null) return bad("bad_path", "the path is not percent-encoded UTF-8");
  if (rest.charCodeAt(0) === DOLLAR) return routerResource(type, id, rest, query);
  if (rest.includes("/") || rest === "") {
    return bad("bad_path", "behind the id comes one command or query; a '/' within the id is written %2F");
  }
  return { kind: "call", type, id, name: rest, query };
}

/** The path of a command's outcome, for Location. */
export function outcomePath(type: string, id: string, commandId: string): string {
  return `/${type}/${encodeURIComponent(id)}/$commands/${commandId}`;
}

const SLASH = 0x2f;
const DOLLAR = 0x24;
const ERRORS = "/$errors/";
const COMMANDS = "$commands/";

function routerResource(type: string, id: string, rest: string, query: string): Target {
  if (rest === "$events") return { kind: "events", type, id, query };
  if (rest.startsWith(COMMANDS) && rest.length > COMMANDS.length && !rest.includes("/", COMMANDS.length)) {
    return { kind: "outcome", type, id, commandId: rest.slice(COMMANDS.length), query };
  }
  return bad(
    "reserved_name",
    `'${rest.slice(0, 100)}': '$' begins the router's own resources; there are $events and $commands/{commandId}`,
  );
}

function shortPath(path: string): Target {
  if (path.startsWith(ERRORS)) return { kind: "error", code: path.slice(ERRORS.length) };
  return bad("bad_path", "paths are /{namespace}/{name}/{id} and /{namespace}/{name}/{id}/{command or query}");
}

/** Null: malformed percent-encoding, malformed UTF-8, or raw bytes that had to be encoded. */
export function decode(text: string): string | null {
  let isPlain = true;
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    if (unit === 0x25) isPlain = false;
    else if (unit >= 0x80) return null;
  }
  if (isPlain) return text;
  try {
    return decodeURIComponent(text);
  } catch {
    return null; // URIError is all that it throws
  }
}

function bad(code: "bad_id" | "bad_path" | "reserved_name", message: string): Target {
  return { kind: "bad", code, message };
}
