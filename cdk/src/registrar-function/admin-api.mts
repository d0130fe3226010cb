/** The admin API of a router, as far as registering needs it (docs of `/v1/deployments` are in the repository's docs). */

export interface Deployment {
  readonly id: string;
  /** ARN of a function's version, or a URL. */
  readonly url: string;
  readonly registeredAtMs: number;
  readonly activeTypes: readonly string[];
}

/** The router's answer was no success. `isRetryable`: the same request can succeed later. */
export class AdminProblem extends Error {
  override readonly name = "AdminProblem";
  readonly code: string;
  readonly isRetryable: boolean;

  constructor(code: string, message: string, isRetryable: boolean) {
    super(message);
    this.code = code;
    this.isRetryable = isRetryable;
  }
}

/** What an endpoint that was just made, permissions that are still on their way, or a busy directory look like. */
const PASSING = new Set(["endpoint_unreachable", "deployments_contended", "directory_failed"]);
const REQUEST_MS = 30_000;

export class AdminApi {
  readonly #url: string;
  readonly #key: string;

  constructor(url: string, key: string) {
    this.#url = url;
    this.#key = key;
  }

  /** `options` as in the router's setting `functions`. The function is asked what it serves before the answer. Throws `AdminProblem`. */
  async register(url: string, force: boolean, options: object): Promise<Deployment> {
    const { deployment } = (await this.#ask("POST", "/v1/deployments", { ...options, url, force })) as {
      readonly deployment: Deployment;
    };
    return deployment;
  }

  async list(): Promise<readonly Deployment[]> {
    const { deployments } = (await this.#ask("GET", "/v1/deployments")) as { readonly deployments: readonly Deployment[] };
    return deployments;
  }

  /** Refused (`deployment_in_use`) while anything needs it. */
  async remove(id: string): Promise<void> {
    await this.#ask("POST", `/v1/deployments/${encodeURIComponent(id)}/remove`, {});
  }

  async #ask(method: "GET" | "POST", path: string, body?: object): Promise<unknown> {
    let response: Response;
    let text: string;
    try {
      response = await fetch(this.#url + path, {
        method,
        headers: { authorization: `Bearer ${this.#key}`, "content-type": "application/json" },
        redirect: "error",
        signal: AbortSignal.timeout(REQUEST_MS),
        ...(body !== undefined && { body: JSON.stringify(body) }),
      });
      text = await response.text();
    } catch (error) {
      // Registering twice is registering once, so that an answer that was lost is no harm.
      throw new AdminProblem("router_unreachable", `no router answers at ${this.#url}: ${reasonOf(error)}`, true);
    }
    if (response.ok) return JSON.parse(text);
    throw problemOf(response.status, text);
  }
}

function problemOf(status: number, text: string): AdminProblem {
  let document: Readonly<Record<string, unknown>> = {};
  try {
    document = JSON.parse(text);
  } catch {
    // Not a router's answer: its status has to do.
  }
  const code = typeof document["code"] === "string" ? document["code"] : `http_${status}`;
  const reasons = Array.isArray(document["reasons"]) ? document["reasons"] : [];
  const lines = reasons.map((one: { readonly message?: unknown }) => `; ${String(one.message)}`);
  const detail = String(document["detail"] ?? text.slice(0, 200));
  return new AdminProblem(code, `${detail}${lines.join("")} [${code}]`, PASSING.has(code) || status === 429 || status === 503);
}

function reasonOf(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  return cause instanceof Error ? cause.message : String(cause);
}
