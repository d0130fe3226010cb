/** Web pages of other origins: none is let in unless the operator lists its origin. */

export interface CorsSettings {
  /** Exact origins such as `https://shop.example`, or `*` for any. */
  readonly origins: readonly string[];
}

const EXPOSED = "etag, location, retry-after, holdfast-command-id, holdfast-version, holdfast-error-source";
const TAKEN =
  "authorization, content-type, idempotency-key, holdfast-deadline, if-none-match, last-event-id, traceparent, tracestate";
/** How long a browser may remember a preflight: the longest that any of them does. */
const PREFLIGHT_SECONDS = 7_200;

export class Cors {
  readonly #origins: ReadonlySet<string>;
  readonly #taken: string;

  constructor(settings: CorsSettings, keepHeaders: readonly string[]) {
    this.#origins = new Set(settings.origins);
    this.#taken = [TAKEN, ...keepHeaders].join(", ");
  }

  admits(origin: string): boolean {
    return this.#origins.has(origin) || this.#origins.has("*");
  }

  headers(origin: string): readonly string[] {
    return ["access-control-allow-origin", origin, "vary", "origin", "access-control-expose-headers", EXPOSED];
  }

  preflight(): readonly string[] {
    return [
      "access-control-allow-methods",
      "GET, HEAD, POST",
      "access-control-allow-headers",
      this.#taken,
      "access-control-max-age",
      String(PREFLIGHT_SECONDS),
    ];
  }
}

/** Whether a page of this origin is not one that the same host and port served. */
export function isForeignOrigin(origin: string, host: string | undefined): boolean {
  const at = origin.indexOf("://");
  return at < 0 || host === undefined || origin.slice(at + 3) !== host;
}
