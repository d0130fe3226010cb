/** Calls a user function over HTTP: one POST per invocation on kept connections; results are handed on as they stream in. */
import { Pool } from "undici";
import type { EntityResult, InvocationEnd, InvocationRequest } from "../../core/entity/invocation.js";
import type { ClockPort } from "../../ports/clock.js";
import type { DiscoverOutcome, InvokerPort, TraceContext } from "../../ports/invoker.js";
import { Results } from "../../protocol/function/answer-decoder.js";
import type { Encoding } from "../../protocol/function/contract.js";
import { acceptOf, contentTypeOf, encodeInvocation } from "../../protocol/function/http-binding.js";
import { AbortableCalls } from "./abortable-calls.js";
import { type EndpointHistory, HttpCall } from "./http-call.js";
import { discoverOverHttp } from "./http-discovery.js";

export interface HttpInvokerOptions {
  /** Where the function is: `http:` or `https:`. Redirects are not followed. */
  readonly url: string;
  readonly encoding?: Encoding;
  /** Sent with every request: what the function's own access control asks for. */
  readonly headers?: readonly (readonly [name: string, value: string])[];
  /** A longer answer is malformed (`answer_too_large`). */
  readonly answerBytesMax?: number;
  /** Calls beyond this wait for a connection, until their deadline. */
  readonly connectionsMax?: number;
  readonly connectTimeoutMs?: number;
}

export const ANSWER_BYTES_MAX = 16 << 20;
const CONNECTIONS_MAX = 256;
const CONNECT_TIMEOUT_MS = 3_000;
/** Below the 5 s after which Node's own HTTP server closes an idle connection, so that we close first. */
const KEEP_ALIVE_MS = 4_000;

export class HttpInvoker implements InvokerPort {
  readonly #pool: Pool;
  readonly #url: URL;
  readonly #path: string;
  readonly #encoding: Encoding;
  readonly #headers: readonly string[];
  readonly #extraHeaders: readonly string[];
  readonly #answerBytesMax: number;
  readonly #clock: ClockPort;
  readonly #abortable = new AbortableCalls();
  readonly #endpoint: EndpointHistory = { hasAnswered: false, wasReset: false };

  /** Throws for a URL that is no HTTP URL. */
  constructor(options: HttpInvokerOptions, clock: ClockPort) {
    const url = new URL(options.url);
    if (url.protocol !== "http:" && url.protocol !== "https:") throw new TypeError(`not an HTTP URL: ${options.url}`);
    this.#url = url;
    this.#path = url.pathname + url.search;
    this.#encoding = options.encoding ?? "json";
    this.#answerBytesMax = options.answerBytesMax ?? ANSWER_BYTES_MAX;
    this.#clock = clock;
    this.#extraHeaders = (options.headers ?? []).flat();
    this.#headers = ["content-type", contentTypeOf(this.#encoding), "accept", acceptOf(this.#encoding), ...this.#extraHeaders];
    // The deadline of each call is the only timeout of an answer: undici's own ones are off.
    this.#pool = new Pool(url.origin, {
      connections: options.connectionsMax ?? CONNECTIONS_MAX,
      connectTimeout: options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS,
      keepAliveTimeout: KEEP_ALIVE_MS,
      headersTimeout: 0,
      bodyTimeout: 0,
    });
  }

  invoke(
    request: InvocationRequest,
    trace: TraceContext | null,
    signal: AbortSignal,
    onEntity: (result: EntityResult) => void,
  ): Promise<InvocationEnd> {
    const body = encodeInvocation(this.#encoding, request);
    const results = new Results(request, onEntity);
    return new Promise((resolve) => {
      const call = new HttpCall({
        origin: this.#url.origin,
        results,
        answerBytesMax: this.#answerBytesMax,
        deadlineMs: request.deadlineMs,
        signal,
        abortable: this.#abortable,
        clock: this.#clock,
        endpoint: this.#endpoint,
        resolve,
      });
      if (call.hasEnded) return;
      this.#pool.dispatch({ path: this.#path, method: "POST", headers: this.#headersFor(trace), body }, call);
    });
  }

  discover(signal: AbortSignal): Promise<DiscoverOutcome> {
    return discoverOverHttp(this.#pool, this.#path, this.#extraHeaders, signal);
  }

  /** Calls that are still running end as cut. */
  async close(): Promise<void> {
    await this.#pool.destroy();
  }

  #headersFor(trace: TraceContext | null): string[] {
    const headers = this.#headers.slice();
    if (trace !== null) headers.push("traceparent", trace.traceparent);
    if (trace !== null && trace.tracestate !== null && TRACESTATE.test(trace.tracestate)) {
      headers.push("tracestate", trace.tracestate);
    }
    return headers;
  }
}

/** What is fit to be a header; a stranger's tracestate must not fail the call. */
const TRACESTATE = /^[\x20-\x7e]{1,512}$/;
