/**
 * Calls one version of a Lambda function. The event is the contract's request; the answer is the handler's return value, or
 * what a streaming handler writes, handed on line by line.
 *
 * Whether the function streams shows in its answers: the first call asks for a stream, which every function can be asked
 * for; one that answers with a whole document is called the cheaper way from then on.
 */
import { setMaxListeners } from "node:events";
import type { AwsSettings } from "../../aws/client-options.js";
import type { EntityResult, InvocationEnd, InvocationRequest } from "../../core/entity/invocation.js";
import type { ClockPort } from "../../ports/clock.js";
import type { DiscoverOutcome, InvokerPort, TraceContext } from "../../ports/invoker.js";
import type { LambdaArn } from "../../ports/lambda-arn.js";
import type { RequestMeter } from "../../ports/request-meter.js";
import { Results } from "../../protocol/function/answer-decoder.js";
import { cut, malformed } from "../../protocol/function/answer-problem.js";
import { encodeInvocation } from "../../protocol/function/http-binding.js";
import { LambdaAnswerDecoder } from "./lambda-answer.js";
import type { LambdaApi } from "./lambda-api.js";

export interface LambdaInvokerOptions {
  readonly arn: LambdaArn;
  /** The region is the ARN's. */
  readonly aws: Omit<AwsSettings, "region">;
  /** How many calls may be under way at once; more wait for a connection. */
  readonly callsMax: number;
  readonly meter: RequestMeter;
  /** A longer answer is malformed (`answer_too_large`). */
  readonly answerBytesMax?: number;
}

/** Of a synchronous request's payload (Lambda quotas: 6 MB). */
export const REQUEST_BYTES_MAX = 6_291_456;
const ANSWER_BYTES_MAX = 16 << 20;
/**
 * We wait longer than the function may take: giving up earlier would leave it running, and call it a second time beside
 * itself. A cold start comes on top of a function's timeout and has 10 s of its own.
 */
const TIMEOUT_MARGIN_MS = 11_000;

const GIVEN_UP: InvocationEnd = cut("the router gave the call up");

export class LambdaInvoker implements InvokerPort {
  readonly #api: Promise<LambdaApi>;
  readonly #clock: ClockPort;
  readonly #meter: RequestMeter;
  readonly #answerBytesMax: number;
  readonly #closed = new AbortController();
  #streams = true;
  #timeoutMs: number | null = null;
  #hasAskedForTimeout = false;

  constructor(options: LambdaInvokerOptions, clock: ClockPort) {
    const { arn, aws, callsMax } = options;
    this.#clock = clock;
    this.#meter = options.meter;
    this.#answerBytesMax = options.answerBytesMax ?? ANSWER_BYTES_MAX;
    this.#api = import("./lambda-api.js").then(({ LambdaApi }) => new LambdaApi(arn, aws, callsMax));
    setMaxListeners(0, this.#closed.signal);
  }

  invoke(
    request: InvocationRequest,
    trace: TraceContext | null,
    signal: AbortSignal,
    onEntity: (result: EntityResult) => void,
  ): Promise<InvocationEnd> {
    const payload = encodeInvocation("json", request);
    const results = new Results(request, onEntity);
    if (payload.length > REQUEST_BYTES_MAX) {
      const message = `the invocation has ${payload.length} bytes, Lambda takes ${REQUEST_BYTES_MAX}`;
      return Promise.resolve(malformed("request_too_large", message));
    }
    if (signal.aborted || this.#closed.signal.aborted) return Promise.resolve(GIVEN_UP);
    void this.#learnTimeout();
    return this.#call(payload, clientContextOf(trace), results, this.#waitMs(request.deadlineMs), signal);
  }

  async discover(signal: AbortSignal): Promise<DiscoverOutcome> {
    this.#meter.count("lambda_invoke", 0);
    const api = await this.#api;
    const { outcome, timeoutMs } = await api.discover(AbortSignal.any([signal, this.#closed.signal]));
    if (timeoutMs !== null) this.#timeoutMs = timeoutMs;
    return outcome;
  }

  /** Calls that are still running end as cut. */
  async close(): Promise<void> {
    this.#closed.abort();
    (await this.#api).close();
  }

  #call(
    payload: Uint8Array,
    clientContext: string | null,
    results: Results,
    waitMs: number,
    signal: AbortSignal,
  ): Promise<InvocationEnd> {
    const startedAtMs = this.#clock.monotonicMs();
    const decoder = new LambdaAnswerDecoder(results, this.#answerBytesMax);
    const call = new AbortController();
    setMaxListeners(0, signal);
    return new Promise<InvocationEnd>((resolve) => {
      let hasEnded = false;
      const ended = (end: InvocationEnd): void => {
        if (hasEnded) return;
        hasEnded = true;
        if (decoder.form !== null) this.#streams = decoder.form === "lines";
        signal.removeEventListener("abort", giveUp);
        resolve(end);
        // A broken answer may have no end; what is behind a complete one is read for the sake of the connection.
        if (end.kind !== "complete") call.abort();
      };
      const giveUp = (): void => {
        ended(GIVEN_UP);
        call.abort();
      };
      const cancelTimer = this.#clock.after(waitMs, () => {
        ended({ kind: "timeout", message: `no complete answer within ${waitMs} ms` });
        call.abort();
      });
      signal.addEventListener("abort", giveUp);
      this.#closed.signal.addEventListener("abort", giveUp);
      void this.#api
        .then((api) => api.invoke({ payload, clientContext, decoder, signal: call.signal, ended }, this.#streams))
        .then(() => {
          cancelTimer();
          this.#closed.signal.removeEventListener("abort", giveUp);
          this.#meter.count("lambda_invoke", Math.ceil(this.#clock.monotonicMs() - startedAtMs));
        });
    });
  }

  #waitMs(deadlineMs: number): number {
    return this.#timeoutMs === null ? deadlineMs : Math.max(deadlineMs, this.#timeoutMs + TIMEOUT_MARGIN_MS);
  }

  /** Once for each start of the router; without permission or luck the deadline of the settings is all that is known. */
  async #learnTimeout(): Promise<void> {
    if (this.#hasAskedForTimeout || this.#timeoutMs !== null) return;
    this.#hasAskedForTimeout = true;
    const learned = await (await this.#api).functionTimeoutMs(this.#closed.signal);
    if (typeof learned === "number") this.#timeoutMs = learned;
  }
}

/** Of the encoded text (Lambda API reference, Invoke). A tracestate of a stranger must not fail the call. */
const CLIENT_CONTEXT_CHARACTERS_MAX = 3_583;

/** Where a mobile client would put its own things: handlers find it as `context.clientContext.custom`. */
function clientContextOf(trace: TraceContext | null): string | null {
  if (trace === null) return null;
  const { traceparent, tracestate } = trace;
  const custom = { traceparent, ...(tracestate !== null && { tracestate }) };
  const context = Buffer.from(JSON.stringify({ custom })).toString("base64");
  return context.length > CLIENT_CONTEXT_CHARACTERS_MAX ? null : context;
}
