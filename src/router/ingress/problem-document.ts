/** RFC 9457 problem documents: what every refusal and failure looks like on the wire. */
import { type AdminProblemCode, PROBLEMS, type RequestProblemCode } from "./problem-table.js";

export const PROBLEM_CONTENT_TYPE = "application/problem+json";

/** A refusal of the router's own, before it is worded. */
export interface Refusal {
  readonly code: RequestProblemCode | AdminProblemCode;
  readonly detail: string;
  readonly retryAfterMs?: number | null;
  /** Further members of the document: `exists`, `offset`, `field`, `reasons`. */
  readonly members?: Readonly<Record<string, unknown>>;
  /** Further response headers. */
  readonly headers?: readonly string[];
}

export interface ProblemDocument {
  readonly status: number;
  readonly body: string;
}

/** The resource that explains a code; `type` of the document, relative to the router. */
export function errorLink(code: string): string {
  return `/$errors/${code}`;
}

export function routerProblem(code: string, detail: string, members?: Readonly<Record<string, unknown>>): ProblemDocument {
  const entry = PROBLEMS[code] ?? PROBLEMS["internal_error"];
  const status = entry?.status ?? 500;
  const isRetryable = entry?.isRetryable ?? false;
  const body = { type: errorLink(code), title: entry?.title, status, detail, code, retryable: isRetryable, ...members };
  return { status, body: JSON.stringify(body) };
}

/** The code under which a function refuses an input that does not fit its schema: `details` then names the fields. */
export const INVALID_INPUT = "invalid_input";

/**
 * A refusal by the function, with its own code. `details` is JSON text of the function's, spliced in as it is; for
 * `invalid_input` it is a list of `{path, message}`.
 */
export function functionRefusal(code: string, message: string, details: Uint8Array): ProblemDocument {
  const isInput = code === INVALID_INPUT;
  const status = isInput ? 422 : 409;
  const title = isInput ? "The input does not fit" : "Refused by the function";
  const head = JSON.stringify({
    type: errorLink(isInput ? INVALID_INPUT : "refused"),
    title,
    status,
    detail: message,
    code,
    retryable: false,
  });
  if (details.length === 0) return { status, body: head };
  const text = Buffer.from(details.buffer, details.byteOffset, details.byteLength).toString();
  return { status, body: `${head.slice(0, -1)},"${isInput ? "errors" : "details"}":${text}}` };
}
