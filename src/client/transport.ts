/**
 * Requests that are tried again where that is safe. Safe is: whatever the router says it did not begin (429, 503), always; an
 * answer that got lost (the network, a 502 or 504), only where asking again changes nothing or an idempotency key makes the
 * router recognise the command. So effects happen once, however often a request is sent.
 */
import { errorOf } from "./answer.js";
import { HoldfastError } from "./errors.js";

export interface ClientOptions {
  /** Sent with every request, such as `authorization`. */
  readonly headers?: Readonly<Record<string, string>>;
  /** How long a call may take in all, retries included. Default 30 s. */
  readonly timeoutMs?: number;
  /** How often a request is sent at most. Default 5; 1 never retries. */
  readonly attemptsMax?: number;
  /** Instead of the global `fetch`. */
  readonly fetch?: typeof fetch;
}

/** One request, whatever it asks. */
export interface Exchange {
  readonly method: "GET" | "POST";
  /** Path and query, from the router's root. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  /** True: sending it twice does what sending it once does. */
  readonly isRepeatable: boolean;
  readonly idempotencyKey: string | null;
  readonly timeoutMs: number | undefined;
  readonly signal: AbortSignal | undefined;
}

const TIMEOUT_MS = 30_000;
const ATTEMPTS_MAX = 5;
const BACK_OFF_MS = 100;
const BACK_OFF_MS_MAX = 5_000;

export class Transport {
  readonly #url: string;
  readonly #options: ClientOptions;

  constructor(url: string, options: ClientOptions) {
    const { protocol } = new URL(url);
    if (protocol !== "http:" && protocol !== "https:") throw new TypeError(`${url} is no address of a router: http or https`);
    this.#url = url.replace(/\/+$/, "");
    this.#options = options;
  }

  /** Resolves with an answer of 2xx whose body is still to be read by `read`; the timeout covers that, too. */
  async request<T>(exchange: Exchange, read: (response: Response) => Promise<T>): Promise<T> {
    const timeoutMs = exchange.timeoutMs ?? this.#options.timeoutMs ?? TIMEOUT_MS;
    const untilMs = performance.now() + timeoutMs;
    const timeout = new AbortController();
    const timer = setTimeout(() => timeout.abort(), timeoutMs);
    const signal = exchange.signal === undefined ? timeout.signal : AbortSignal.any([timeout.signal, exchange.signal]);
    try {
      for (let attempt = 1; ; attempt++) {
        const error = await this.#attempt(exchange, signal, read);
        if (!(error instanceof HoldfastError)) return error.value;
        const waitMs = waitBefore(attempt + 1, error.retryAfterMs);
        const isLast = attempt >= (this.#options.attemptsMax ?? ATTEMPTS_MAX) || performance.now() + waitMs >= untilMs;
        if (signal.aborted || isLast || !mayRepeat(exchange, error))
          throw signal.aborted ? givenUp(exchange, timeout.signal, error) : error;
        await sleep(waitMs, signal);
        if (signal.aborted) throw givenUp(exchange, timeout.signal, error);
      }
    } finally {
      clearTimeout(timer);
    }
  }

  /** One request without a time limit of its own, for feeds. Rejects with a `HoldfastError`. */
  async open(path: string, headers: Readonly<Record<string, string>>, signal: AbortSignal): Promise<Response> {
    let response: Response;
    try {
      response = await this.#fetch(path, { headers: { ...this.#options.headers, ...headers }, signal });
    } catch (cause) {
      throw networkError(null, cause);
    }
    if (!response.ok) throw await errorOf(response, null);
    return response;
  }

  async #attempt<T>(
    exchange: Exchange,
    signal: AbortSignal,
    read: (response: Response) => Promise<T>,
  ): Promise<{ readonly value: T } | HoldfastError> {
    const { method, path, headers, body, idempotencyKey } = exchange;
    try {
      const all = { ...this.#options.headers, ...headers };
      const response = await this.#fetch(path, { method, headers: all, signal, ...(body !== undefined && { body }) });
      if (!response.ok) return await errorOf(response, idempotencyKey);
      return { value: await read(response) };
    } catch (cause) {
      return cause instanceof HoldfastError ? cause : networkError(idempotencyKey, cause);
    }
  }

  #fetch(path: string, init: RequestInit): Promise<Response> {
    return (this.#options.fetch ?? fetch)(this.#url + path, { redirect: "error", ...init });
  }
}

/** Whether the request may be sent again: the router did not begin it, or a second time does no harm. */
function mayRepeat(exchange: Exchange, error: HoldfastError): boolean {
  if (!error.retryable) return false;
  const wasNotBegun = error.status === 429 || error.status === 503;
  return wasNotBegun || exchange.isRepeatable;
}

function networkError(idempotencyKey: string | null, cause: unknown): HoldfastError {
  const message = cause instanceof Error ? cause.message : String(cause);
  return new HoldfastError(`no answer: ${message}`, {
    code: "network",
    retryable: true,
    status: null,
    source: "client",
    idempotencyKey,
    cause,
  });
}

/** The caller gave up, or time did; what was sent may still take effect. */
function givenUp(exchange: Exchange, timeout: AbortSignal, last: HoldfastError): HoldfastError {
  const isTimeout = timeout.aborted;
  return new HoldfastError(isTimeout ? `no reply in time; at last: ${last.message}` : "the call was aborted", {
    code: isTimeout ? "timeout" : "aborted",
    retryable: isTimeout,
    status: last.status,
    source: "client",
    commandId: last.commandId,
    idempotencyKey: exchange.idempotencyKey,
    cause: isTimeout ? last : exchange.signal?.reason,
  });
}

/** Doubles from 100 ms to 5 s, and never less than the router asked for; a random half spreads clients out. */
export function waitBefore(attempt: number, retryAfterMs: number | null): number {
  const backOffMs = Math.min(BACK_OFF_MS_MAX, BACK_OFF_MS * 2 ** (attempt - 2));
  return (retryAfterMs ?? 0) + backOffMs * (0.5 + Math.random() / 2);
}

/** Resolves early, without an error, when `signal` aborts. */
export function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", done);
  });
}
