/** What the admin API takes: JSON objects. */
import type { Exchange } from "../ingress/exchange.js";
import type { Refusal } from "../ingress/problem-document.js";

/** Reads the body, an empty one as `{}`; `then` may refuse it. */
export function withBody(exchange: Exchange, then: (body: Readonly<Record<string, unknown>>) => Refusal | null): void {
  exchange.readBody((bytes) => {
    if (bytes.length === 0) return then({});
    try {
      const body: unknown = JSON.parse(bytes.toString());
      if (typeof body === "object" && body !== null && !Array.isArray(body)) return then(body as Record<string, unknown>);
      return badRequest("the body is a JSON object");
    } catch (error) {
      return badRequest(`the body is not JSON: ${(error as Error).message}`);
    }
  });
}

export function badRequest(detail: string): Refusal {
  return { code: "bad_request", detail };
}
