/**
 * Calls one version of a Lambda function. The event is the contract's request; the answer is the handler's return value, or
 * what a streaming handler writes, handed on line by line.
 *
 * Whether the function streams shows in its answers: the first call asks for a stream, which every function can be asked
 * for; one that answers with a whole document is called the cheaper way from then on.
 */
import { setMaxListeners } from "node:events";
import { LambdaClient } from "@aws-sdk/client-lambda";
import { type AwsSettings, awsClientOptions } from "../../aws/client-options.js";
import type { EntityResult, InvocationEnd, InvocationRequest } from "../../core/entity/invocation.js";
import type { ClockPort } from "../../ports/clock.js";
import type { DiscoverOutcome, InvokerPort, TraceContext } from "../../ports/invoker.js";
import { type LambdaArn, lambdaFunctionArn, qualifierOf } from "../../ports/lambda-arn.js";
import type { RequestMeter } from "../../ports/request-meter.js";
import { Results } from "../../protocol/function/answer-decoder.js";
import { cut, malformed } from "../../protocol/function/answer-problem.js";
import { encodeInvocation } from "../../protocol/function/http-binding.js";
import { LambdaAnswerDecoder } from "./lambda-answer.js";
import { callStreamed, callWhole, type LambdaCallInput, NO_STREAMING } from "./lambda-call.js";
import { discoverLambda, functionTimeoutMs } from "./lambda-discovery.js";

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
/** Longer than the longest function (15 minutes) with a cold start; the call's own timer ends it before. */
const SOCKET_TIMEOUT_MS = 920_000;
const CONNECT_TIMEOUT_MS = 3_000;

const GIVEN_UP: InvocationEnd = cut("the router gave the call up");

export class LambdaInvoker implements InvokerPort {
  readonly #client: LambdaClient;
  readonly #arn: LambdaArn;
  readonly #clock: ClockPort;
  readonly #meter: RequestMeter;
  readonly #answerBytesMax: number;
  readonly #closed = new AbortController();
  #canStream = true;
  #streams = true;
  #timeoutMs: number | null = null;
  #hasAskedForTimeout = false;

  constructor(options: LambdaInvokerOptions, clock: ClockPort) {
    const { arn, aws, callsMax } = options;
    this.#arn = arn;
    this.#clock = clock;
    this.#meter = options.meter;
    this.#answerBytesMax = options.answerBytesMax ?? ANSWER_BYTES_MAX;
    this.#client = new LambdaClient(
      awsClientOptions(
        { ...aws, region: arn.region },
        {
          socketsMax: callsMax,
          connectTimeoutMs: CONNECT_TIMEOUT_MS,
          answerTimeoutMs: SOCKET_TIMEOUT_MS,
          silenceTimeoutMs: SOCKET_TIMEOUT_MS,
        },
      ),
    );
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
    return this.#call(this.#input(payload, trace), results, this.#waitMs(request.deadlineMs), signal);
  }

  async discover(signal: AbortSignal): Promise<DiscoverOutcome> {
    this.#meter.count("lambda_invoke", 0);
    const { outcome, timeoutMs } = await discoverLambda(this.#client, this.#arn, AbortSignal.any([signal, this.#closed.signal]));
    if (timeoutMs !== null) this.#timeoutMs = timeoutMs;
    return outcome;
  }

  /** Calls that are still running end as cut. */
  async close(): Promise<void> {
    this.#closed.abort();
    this.#client.destroy();
  }

  #call(input: LambdaCallInput, results: Results, waitMs: number, signal: AbortSignal): Promise<InvocationEnd> {
    const startedAtMs = this.#clock.monotonicMs();
    const call = new AbortController();
    setMaxListeners(0, signal);
    return new Promise<InvocationEnd>((resolve) => {
      let hasEnded = false;
      const ended = (end: InvocationEnd): void => {
        if (hasEnded) return;
        hasEnded = true;
        signal.removeEventListener("abort", giveUp);
        resolve(end);
      };
      const stop = (end: InvocationEnd): void => {
        ended(end);
        call.abort();
      };
      const giveUp = (): void => stop(GIVEN_UP);
      const decoder = new LambdaAnswerDecoder(results, this.#answerBytesMax);
      const cancelTimer = this.#clock.after(waitMs, () =>
        stop({ kind: "timeout", message: `no complete answer within ${waitMs} ms` }),
      );
      signal.addEventListener("abort", giveUp);
      this.#closed.signal.addEventListener("abort", giveUp);
      void this.#answer(input, decoder, call.signal, (end) => (isWorthReading(end) ? ended(end) : stop(end))).then(() => {
        cancelTimer();
        this.#closed.signal.removeEventListener("abort", giveUp);
        this.#meter.count("lambda_invoke", Math.ceil(this.#clock.monotonicMs() - startedAtMs));
        if (decoder.form !== null) this.#streams = decoder.form === "lines";
      });
    });
  }

  async #answer(
    input: LambdaCallInput,
    decoder: LambdaAnswerDecoder,
    signal: AbortSignal,
    ended: (end: InvocationEnd) => void,
  ): Promise<void> {
    if (this.#canStream && this.#streams) {
      if ((await callStreamed(this.#client, input, decoder, signal, ended)) !== NO_STREAMING) return;
      this.#canStream = false;
    }
    ended(await callWhole(this.#client, input, decoder, signal));
  }

  #input(payload: Uint8Array, trace: TraceContext | null): LambdaCallInput {
    const input = { FunctionName: lambdaFunctionArn(this.#arn), Qualifier: qualifierOf(this.#arn), Payload: payload };
    if (trace === null) return input;
    // Where a mobile client would put its own: handlers find it as context.clientContext.custom.
    const { traceparent, tracestate } = trace;
    const custom = { traceparent, ...(tracestate !== null && { tracestate }) };
    const context = Buffer.from(JSON.stringify({ custom })).toString("base64");
    return context.length > CLIENT_CONTEXT_CHARACTERS_MAX ? input : { ...input, ClientContext: context };
  }

  #waitMs(deadlineMs: number): number {
    return this.#timeoutMs === null ? deadlineMs : Math.max(deadlineMs, this.#timeoutMs + TIMEOUT_MARGIN_MS);
  }

  /** Once for each start of the router; without permission or luck the deadline of the settings is all that is known. */
  async #learnTimeout(): Promise<void> {
    if (this.#hasAskedForTimeout || this.#timeoutMs !== null) return;
    this.#hasAskedForTimeout = true;
    const learned = await functionTimeoutMs(this.#client, this.#arn, this.#closed.signal);
    if (typeof learned === "number") this.#timeoutMs = learned;
  }
}

/** Of the encoded text (Lambda API reference, Invoke). A tracestate of a stranger must not fail the call. */
const CLIENT_CONTEXT_CHARACTERS_MAX = 3_583;

/** A broken answer may have no end; one that is complete has little behind it. */
function isWorthReading(end: InvocationEnd): boolean {
  return end.kind === "complete";
}
