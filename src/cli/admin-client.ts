/** Speaks to a router's admin API, and turns what is no success into a problem with an exit code. */
import { CliProblem, EXIT, exitCodeOf } from "./exit-code.js";

export interface AdminConnection {
  /** Such as `http://127.0.0.1:9070`. */
  readonly url: string;
  readonly token: string | null;
}

export interface AdminReply {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

export interface AdminRequest {
  readonly method?: "GET" | "POST";
  readonly headers?: Readonly<Record<string, string>>;
  /** JSON text. */
  readonly body?: string;
  readonly signal?: AbortSignal;
}

/** Throws `CliProblem` unless the reply is a success. */
export async function askAdmin(connection: AdminConnection, path: string, request: AdminRequest = {}): Promise<AdminReply> {
  const response = await openAdmin(connection, path, request);
  let text: string;
  try {
    text = await response.text();
  } catch (error) {
    throw cutOff(connection, request, error);
  }
  return { status: response.status, headers: response.headers, text };
}

/** The reply's body is still to be read. */
export async function openAdmin(connection: AdminConnection, path: string, request: AdminRequest = {}): Promise<Response> {
  const { method = "GET", body, signal } = request;
  const headers: Record<string, string> = { ...request.headers };
  if (body !== undefined) headers["content-type"] = "application/json";
  if (connection.token !== null) headers["authorization"] = `Bearer ${connection.token}`;
  let response: Response;
  try {
    response = await fetch(connection.url + path, {
      method,
      headers,
      redirect: "error",
      ...(body !== undefined && { body }),
      ...(signal !== undefined && { signal }),
    });
  } catch (error) {
    throw cutOff(connection, request, error);
  }
  if (response.ok) return response;
  throw problemOf(response, await response.text());
}

function problemOf(response: Response, text: string): CliProblem {
  let document: Record<string, unknown> = {};
  try {
    document = JSON.parse(text);
  } catch {
    // Not a router's reply; its status has to do.
  }
  const code = typeof document["code"] === "string" ? document["code"] : `http_${response.status}`;
  const detail = document["detail"] ?? document["title"] ?? text.slice(0, 200);
  const exitCode = exitCodeOf(response.status, code, response.headers.get("holdfast-error-source"));
  return new CliProblem(exitCode, code, [`${detail} [${code}]`, ...moreOf(document)].join("\n"), document);
}

/** What a problem document lists beside its detail. */
function moreOf(document: Readonly<Record<string, unknown>>): readonly string[] {
  const lines: string[] = [];
  for (const reason of listOf(document["reasons"]))
    lines.push(`  - ${reason["message"]}${reason["canBeForced"] === true ? "" : " (cannot be forced)"}`);
  for (const error of listOf(document["errors"])) lines.push(`  - ${error["path"]}: ${error["message"]}`);
  const { exists } = document;
  if (exists !== undefined) lines.push(`  there is: ${JSON.stringify(exists)}`);
  return lines;
}

function listOf(value: unknown): readonly Readonly<Record<string, unknown>>[] {
  return Array.isArray(value) ? value : [];
}

const NEVER_SENT = ["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "EHOSTUNREACH", "ENETUNREACH", "UND_ERR_CONNECT_TIMEOUT"];

function cutOff(connection: AdminConnection, request: AdminRequest, error: unknown): CliProblem {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : "";
  const why = cause instanceof Error ? cause.message || code : String(cause);
  // Only a connection that was never there proves that nothing was sent.
  const wasSent = !NEVER_SENT.includes(code) && why !== "bad port";
  if (wasSent && request.method === "POST") {
    const message = `the connection to ${connection.url} broke (${why}); whether it took effect is not known [outcome_unknown]`;
    return new CliProblem(EXIT.unknown, "outcome_unknown", message);
  }
  const message = `no router answers at ${connection.url} (${why}); start one with 'holdfast dev' or 'holdfast start', or give its admin address with --admin [router_unreachable]`;
  return new CliProblem(EXIT.unavailable, "router_unreachable", message);
}
