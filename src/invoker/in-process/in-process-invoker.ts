/**
 * Calls a function in this very process, through the same bytes, decoders and rules as over HTTP: for embedded use and for
 * tests. A function that throws was reached and crashed, so the invocation is cut.
 */
import { setMaxListeners } from "node:events";
import type { EntityResult, InvocationEnd, InvocationRequest } from "../../core/entity/invocation.js";
import type { ClockPort } from "../../ports/clock.js";
import type { DiscoverOutcome, InvokerPort, TraceContext } from "../../ports/invoker.js";
import { type AnswerDecoder, Results } from "../../protocol/function/answer-decoder.js";
import { cut, malformed } from "../../protocol/function/answer-problem.js";
import { CONTENT_TYPE, type Encoding } from "../../protocol/function/contract.js";
import {
  acceptOf,
  contentTypeOf,
  decoderFor,
  encodeInvocation,
  endOfStatus,
  retryAfterMs,
} from "../../protocol/function/http-binding.js";
import { encodeJsonDiscovery } from "../../protocol/function/json-request.js";
import { jsonProblem } from "../../protocol/function/json-scanner.js";

export interface InProcessRequest {
  readonly contentType: string;
  /** The content types that may be answered, the preferred one first. */
  readonly accept: string;
  readonly body: Uint8Array;
  readonly trace: TraceContext | null;
  /** Aborts when nobody waits for the answer any more. */
  readonly signal: AbortSignal;
}

export interface InProcessAnswer {
  /** 200 unless said otherwise; means what it means over HTTP. */
  readonly status?: number;
  readonly contentType: string;
  /** Chunks may be cut anywhere, and must not be written to afterwards. */
  readonly body: Uint8Array | Iterable<Uint8Array> | AsyncIterable<Uint8Array>;
  readonly retryAfter?: string;
  readonly location?: string;
}

export type InProcessFunction = (request: InProcessRequest) => InProcessAnswer | Promise<InProcessAnswer>;

export interface InProcessInvokerOptions {
  readonly encoding?: Encoding;
  readonly answerBytesMax?: number;
}

const ANSWER_BYTES_MAX = 16 << 20;
const MANIFEST_BYTES_MAX = 4 << 20;
/** How much of an error's body is read, for its message. */
const ERROR_BYTES_MAX = 2_048;

export class InProcessInvoker implements InvokerPort {
  readonly #callee: InProcessFunction;
  readonly #encoding: Encoding;
  readonly #answerBytesMax: number;
  readonly #clock: ClockPort;
  readonly #closed = new AbortController();

  constructor(callee: InProcessFunction, clock: ClockPort, options: InProcessInvokerOptions = {}) {
    this.#callee = callee;
    this.#clock = clock;
    this.#encoding = options.encoding ?? "json";
    this.#answerBytesMax = options.answerBytesMax ?? ANSWER_BYTES_MAX;
  }

  async invoke(
    request: InvocationRequest,
    trace: TraceContext | null,
    signal: AbortSignal,
    onEntity: (result: EntityResult) => void,
  ): Promise<InvocationEnd> {
    const body = encodeInvocation(this.#encoding, request);
    const results = new Results(request, onEntity);
    const { deadlineMs } = request;
    if (signal.aborted || this.#closed.signal.aborted) return GIVEN_UP;
    // Many calls may share a signal; that is no leak.
    setMaxListeners(0, signal, this.#closed.signal);
    const call = new AbortController();
    const stop = (end: InvocationEnd) => call.abort(end);
    const giveUp = (): void => stop(GIVEN_UP);
    const cancelTimer = this.#clock.after(deadlineMs, () =>
      stop({ kind: "timeout", message: `no complete answer within ${deadlineMs} ms` }),
    );
    signal.addEventListener("abort", giveUp);
    this.#closed.signal.addEventListener("abort", giveUp);
    try {
      const ended = new Promise<InvocationEnd>((resolve) => {
        call.signal.addEventListener("abort", () => resolve(call.signal.reason as InvocationEnd), { once: true });
      });
      return await Promise.race([ended, this.#answer(this.#request(body, trace, call.signal), results)]);
    } finally {
      cancelTimer();
      signal.removeEventListener("abort", giveUp);
      this.#closed.signal.removeEventListener("abort", giveUp);
      stop(GIVEN_UP);
    }
  }

  async discover(signal: AbortSignal): Promise<DiscoverOutcome> {
    const json = { contentType: CONTENT_TYPE.json, accept: CONTENT_TYPE.json };
    try {
      const answer = await this.#callee({ ...json, body: encodeJsonDiscovery(), trace: null, signal });
      const manifest = await beginningOf(answer.body, MANIFEST_BYTES_MAX + 1);
      const status = answer.status ?? 200;
      if (status !== 200) {
        const end = endOfStatus(status, this.#headOf(answer), textOf(manifest));
        return { kind: end.kind === "malformed" ? "malformed" : "unavailable", message: textOf(manifest) };
      }
      if (manifest.length > MANIFEST_BYTES_MAX) return { kind: "malformed", message: "the manifest is longer than 4 MB" };
      const problem = jsonProblem(manifest);
      if (problem === null) return { kind: "discovered", manifest };
      return { kind: "malformed", message: `the manifest is no JSON: ${problem.message}, at byte ${problem.offset}` };
    } catch (error) {
      return { kind: "unavailable", message: messageOf(error) };
    }
  }

  /** Calls that are still running end as cut. */
  async close(): Promise<void> {
    this.#closed.abort();
  }

  #request(body: Uint8Array, trace: TraceContext | null, signal: AbortSignal): InProcessRequest {
    return { contentType: contentTypeOf(this.#encoding), accept: acceptOf(this.#encoding), body, trace, signal };
  }

  async #answer(request: InProcessRequest, results: Results): Promise<InvocationEnd> {
    let decoder: AnswerDecoder | null = null;
    try {
      const answer = await this.#callee(request);
      const status = answer.status ?? 200;
      decoder = status === 200 ? decoderFor(answer.contentType, results, this.#answerBytesMax) : null;
      if (decoder === null) return this.#endWithout(answer, status, textOf(await beginningOf(answer.body, ERROR_BYTES_MAX)));
      for await (const chunk of chunksOf(answer.body)) {
        if (request.signal.aborted) return GIVEN_UP;
        const end = decoder.push(chunk);
        if (end !== null) return end;
      }
      return decoder.finish(null);
    } catch (error) {
      const message = `the function threw: ${messageOf(error)}`;
      return decoder?.finish(message) ?? cut(message);
    }
  }

  #endWithout(answer: InProcessAnswer, status: number, text: string): InvocationEnd {
    if (status !== 200) return endOfStatus(status, this.#headOf(answer), text);
    if (text === "") return malformed("answer_empty", "the answer is empty");
    return malformed("answer_content_type", `the answer's content type is '${answer.contentType}'`);
  }

  #headOf(answer: InProcessAnswer): { readonly location: string | null; readonly retryAfterMs: number | null } {
    return { location: answer.location ?? null, retryAfterMs: retryAfterMs(answer.retryAfter ?? null, this.#clock.nowMs()) };
  }
}

const GIVEN_UP: InvocationEnd = cut("the router gave the call up");

function chunksOf(body: InProcessAnswer["body"]): Iterable<Uint8Array> | AsyncIterable<Uint8Array> {
  return body instanceof Uint8Array ? [body] : body;
}

/** At most about `bytesMax` bytes: a body may have no end. */
async function beginningOf(body: InProcessAnswer["body"], bytesMax: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of chunksOf(body)) {
    chunks.push(chunk);
    length += chunk.length;
    if (length >= bytesMax) break;
  }
  return Buffer.concat(chunks);
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.subarray(0, ERROR_BYTES_MAX)).toString("utf8");
}

function messageOf(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}
