/** HTTP answers of a router, read: replies, and RFC 9457 problem documents as errors. */
import { HoldfastError, type HoldfastErrorOptions, RefusedError } from "./errors.js";

interface ProblemBody {
  readonly code?: unknown;
  readonly title?: unknown;
  readonly detail?: unknown;
  readonly retryable?: unknown;
  readonly details?: unknown;
  readonly errors?: unknown;
}

/** The JSON of an answer that is fine; undefined where it has none. */
export async function jsonOf(response: Response): Promise<unknown> {
  const text = await response.text();
  if (response.status === 204 || text === "") return undefined;
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new HoldfastError("the answer is no JSON: is this the address of a Holdfast router?", {
      code: "bad_answer",
      retryable: false,
      status: response.status,
      source: "client",
      commandId: response.headers.get("holdfast-command-id"),
      cause,
    });
  }
}

/** The error that an answer other than 2xx stands for, also where a proxy gave it instead of a router. */
export async function errorOf(response: Response, idempotencyKey: string | null): Promise<HoldfastError> {
  const body = await problemBody(response);
  const { status, headers } = response;
  const isOfFunction = headers.get("holdfast-error-source") === "function";
  const { code, title, detail, retryable, details, errors } = body;
  const options: HoldfastErrorOptions = {
    code: typeof code === "string" ? code : `http_${status}`,
    retryable: typeof retryable === "boolean" ? retryable : status === 429 || status >= 502,
    status,
    source: isOfFunction ? "function" : "router",
    details: isOfFunction ? (details ?? errors) : body,
    commandId: headers.get("holdfast-command-id"),
    idempotencyKey,
    retryAfterMs: retryAfterMs(headers.get("retry-after")),
  };
  const message = String(detail ?? title ?? `HTTP ${status}`);
  const isRefusal = isOfFunction && (status === 409 || status === 422);
  return isRefusal ? new RefusedError(message, options) : new HoldfastError(message, options);
}

async function problemBody(response: Response): Promise<ProblemBody> {
  try {
    const body: unknown = await response.json();
    return typeof body === "object" && body !== null ? body : {};
  } catch {
    return {}; // a proxy's page, or a body that was cut off: the status has to do
  }
}

/** Seconds or a date. */
function retryAfterMs(header: string | null): number | null {
  if (header === null) return null;
  const ms = /^\d+$/.test(header) ? Number(header) * 1_000 : Date.parse(header) - Date.now();
  return Number.isNaN(ms) ? null : Math.max(0, ms);
}
