/**
 * One call, as undici's handler: waiting → sent → answering → ended. It ends once; what the transport says afterwards only
 * decides whether the connection is kept.
 */
import type { Dispatcher } from "undici";
import type { InvocationEnd } from "../../core/entity/invocation.js";
import type { ClockPort } from "../../ports/clock.js";
import type { AnswerDecoder, Results } from "../../protocol/function/answer-decoder.js";
import { cut, malformed } from "../../protocol/function/answer-problem.js";
import { decoderFor, endOfStatus, retryAfterMs } from "../../protocol/function/http-binding.js";
import type { AbortableCalls } from "./abortable-calls.js";

export interface HttpCallOptions {
  readonly origin: string;
  readonly results: Results;
  readonly answerBytesMax: number;
  readonly deadlineMs: number;
  readonly signal: AbortSignal;
  readonly abortable: AbortableCalls;
  readonly clock: ClockPort;
  readonly endpoint: EndpointHistory;
  readonly resolve: (end: InvocationEnd) => void;
}

/** What the calls to one endpoint tell each other. */
export interface EndpointHistory {
  hasAnswered: boolean;
  /** The last call that ended, ended by a reset that was taken for a kept connection's end. */
  wasReset: boolean;
}

/** How much of an error's body is read, for its message. */
const ERROR_BYTES_MAX = 2_048;

type Headers = Readonly<Record<string, string | string[] | undefined>>;

export class HttpCall implements Dispatcher.DispatchHandler {
  readonly #options: HttpCallOptions;
  readonly #cancelTimer: () => void;
  readonly #onAbort = (): void => this.#stop(cut("the router gave the call up"));
  #controller: Dispatcher.DispatchController | null = null;
  #decoder: AnswerDecoder | null = null;
  #failure: Failure | null = null;
  #hasEnded = false;

  constructor(options: HttpCallOptions) {
    this.#options = options;
    this.#cancelTimer = options.clock.after(options.deadlineMs, () => this.#onDeadline());
    options.abortable.add(options.signal, this.#onAbort);
    if (options.signal.aborted) {
      this.#onAbort();
      this.#settle();
    }
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#hasEnded) controller.abort(new Error("the call has ended"));
  }

  onResponseStart(_: Dispatcher.DispatchController, status: number, headers: Headers): void {
    if (status < 200 || this.#hasEnded) return;
    this.#options.endpoint.hasAnswered = true;
    this.#options.endpoint.wasReset = false;
    if (status !== 200) {
      const head = {
        location: text(headers["location"]),
        retryAfterMs: retryAfterMs(text(headers["retry-after"]), this.#nowMs()),
      };
      this.#failure = new Failure((said) => endOfStatus(status, head, said));
      return;
    }
    const { results, answerBytesMax } = this.#options;
    const contentType = text(headers["content-type"]) ?? "";
    const isPlain = headers["content-encoding"] === undefined || headers["content-encoding"] === "identity";
    this.#decoder = isPlain ? decoderFor(contentType, results, answerBytesMax) : null;
    if (this.#decoder === null) this.#failure = wrongContent(contentType, text(headers["content-encoding"]));
    else if (Number(headers["content-length"]) > answerBytesMax) {
      this.#stop(
        malformed("answer_too_large", `the answer is ${headers["content-length"]} bytes long, ${answerBytesMax} are allowed`),
      );
    }
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#hasEnded) {
      controller.abort(new Error("the call has ended"));
      return;
    }
    const end = this.#failure !== null ? this.#failure.push(chunk) : (this.#decoder?.push(chunk) ?? null);
    if (end?.kind === "complete") this.#end(end);
    else if (end !== null) this.#stop(end);
  }

  onResponseEnd(): void {
    if (!this.#hasEnded) this.#end(this.#failure?.finish() ?? this.#finish(null));
    this.#settle();
  }

  onResponseError(_: Dispatcher.DispatchController | null, error: Error): void {
    if (!this.#hasEnded) this.#end(this.#endOfError(error));
    this.#settle();
  }

  #endOfError(
    error: Error & { readonly code?: string; readonly socket?: { readonly bytesRead?: number } | null },
  ): InvocationEnd {
    const { origin, endpoint } = this.#options;
    const why = error.message === "" ? (error.code ?? error.name) : error.message;
    if (this.#controller === null) return { kind: "unavailable", message: `cannot reach ${origin}: ${why}`, retryAfterMs: null };
    if (this.#failure !== null) return this.#failure.finish();
    if (this.#decoder !== null) return this.#finish(`the connection broke: ${why}`);
    if (error.name === "HTTPParserError" || error.code === "UND_ERR_HEADERS_OVERFLOW") {
      return malformed("answer_not_http", `the answer is no HTTP: ${why}`);
    }
    // A kept connection that the server closes just as we write to it was never read from: nobody is at fault. A function
    // that crashes looks the same, but the call after it meets a new connection, or the same again: that one is a fault.
    const wasKept = error.socket == null ? endpoint.hasAnswered : (error.socket.bytesRead ?? 0) > 0;
    if (wasKept && !endpoint.wasReset) {
      endpoint.wasReset = true;
      return { kind: "unavailable", message: `a kept connection was closed: ${why}`, retryAfterMs: 0 };
    }
    return cut(`the connection broke before an answer: ${why}`);
  }

  #finish(cutMessage: string | null): InvocationEnd {
    return this.#decoder?.finish(cutMessage) ?? malformed("answer_empty", "the answer is empty");
  }

  #onDeadline(): void {
    const { deadlineMs, origin } = this.#options;
    if (this.#controller !== null) this.#stop({ kind: "timeout", message: `no complete answer within ${deadlineMs} ms` });
    else this.#stop({ kind: "unavailable", message: `no connection to ${origin} within ${deadlineMs} ms`, retryAfterMs: null });
  }

  /** Ends the call and its connection, which cannot be used again in the middle of an answer. */
  #stop(end: InvocationEnd): void {
    this.#end(end);
    this.#controller?.abort(new Error("the call has ended"));
  }

  /** The timer stays: an answer that was complete but never stops must give its connection back. */
  #end(end: InvocationEnd): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#options.abortable.remove(this.#options.signal, this.#onAbort);
    this.#options.resolve(end);
  }

  #settle(): void {
    this.#cancelTimer();
  }

  #nowMs(): number {
    return this.#options.clock.nowMs();
  }
}

/** A response that is no answer: its first bytes are read for the message. */
class Failure {
  readonly #endWith: (said: string) => InvocationEnd;
  #said = Buffer.alloc(0);

  constructor(endWith: (said: string) => InvocationEnd) {
    this.#endWith = endWith;
  }

  push(chunk: Buffer): InvocationEnd | null {
    this.#said = Buffer.concat([this.#said, chunk.subarray(0, ERROR_BYTES_MAX - this.#said.length)]);
    return this.#said.length < ERROR_BYTES_MAX ? null : this.finish();
  }

  finish(): InvocationEnd {
    return this.#endWith(this.#said.toString("utf8"));
  }
}

function wrongContent(contentType: string, contentEncoding: string | null): Failure {
  return new Failure((said) => {
    if (said === "") return malformed("answer_empty", "the answer is empty");
    const seen = contentEncoding === null ? `'${contentType}'` : `'${contentType}', encoded as '${contentEncoding}'`;
    return malformed("answer_content_type", `the answer's content type is ${seen}: ${said.trim().slice(0, 300)}`);
  });
}

function text(header: string | string[] | undefined): string | null {
  return (Array.isArray(header) ? header[0] : header) ?? null;
}
