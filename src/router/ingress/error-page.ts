/** `GET /$errors/{code}`: what a code means and what to do, for whoever follows the `type` of a problem document. */
import type { Exchange } from "./exchange.js";
import type { Refusal } from "./problem-document.js";
import { PROBLEMS } from "./problem-table.js";

export function errorPage(exchange: Exchange, code: string): Refusal | null {
  const { method } = exchange.request;
  if (method !== "GET" && method !== "HEAD") {
    return { code: "method_not_allowed", detail: "errors are only read", headers: ["allow", "GET"] };
  }
  const entry = Object.hasOwn(PROBLEMS, code) ? PROBLEMS[code] : undefined;
  if (entry === undefined) return { code: "bad_path", detail: "there is no error of this code" };
  const body = Buffer.from(JSON.stringify({ code, ...entry }));
  exchange.respond(200, ["content-type", "application/json", "content-length", String(body.length)], body);
  return null;
}
