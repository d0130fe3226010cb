/** One request of the contract and its answer, whatever carries them: HTTP (`serve`) or a call in process (`local`). */
import { CONTENT_TYPE } from "../protocol/function/contract.js";
import type { JsonEntityResult, JsonInvocation } from "../protocol/function/json-form.js";
import {
  answerText,
  BadFunctionRequest,
  endLine,
  entityLine,
  manifestText,
  parseFunctionRequest,
} from "../protocol/function/server-json.js";
import { manifestOf } from "./discovery.js";
import { type RunOptions, runInvocation, type Served } from "./invocation.js";

export interface CarriedRequest {
  readonly contentType: string;
  /** The content types the caller takes, as in HTTP's `Accept`; empty: whichever is best. */
  readonly accept: string;
  readonly body: Uint8Array;
  /** Aborts when nobody waits for the answer any more. */
  readonly signal: AbortSignal;
}

export interface CarriedAnswer {
  /** As in HTTP. */
  readonly status: number;
  readonly contentType: string;
  /** Streamed answers: one chunk for the entities that finished together. */
  readonly body: Uint8Array | AsyncIterable<Uint8Array>;
}

const PROBLEM = "application/problem+json";
const encoder = new TextEncoder();

/** Never rejects: what is no request of the contract is answered with a 4xx. */
export async function answerRequest(served: Served, options: RunOptions, request: CarriedRequest): Promise<CarriedAnswer> {
  const type = request.contentType.split(";", 1)[0]?.trim().toLowerCase();
  if (type !== CONTENT_TYPE.json) return problem(415, `this function takes ${CONTENT_TYPE.json}`);
  try {
    const parsed = parseFunctionRequest(new TextDecoder().decode(request.body));
    if (parsed.kind === "discover") return whole(CONTENT_TYPE.json, manifestText(manifestOf(served, ["json"])));
    const run: Run = (onEntity) => runInvocation(served, parsed.invocation, { ...options, signal: request.signal }, onEntity);
    return wantsOneDocument(request.accept) ? await document(parsed.invocation, run) : stream(parsed.invocation, run);
  } catch (error) {
    if (error instanceof BadFunctionRequest) return problem(400, error.message);
    throw error;
  }
}

type Run = (onEntity: (result: JsonEntityResult) => void) => Promise<void>;

async function document(invocation: JsonInvocation, run: Run): Promise<CarriedAnswer> {
  const results: JsonEntityResult[] = [];
  await run((result) => results.push(result));
  return whole(CONTENT_TYPE.json, answerText(invocation.invocation, results));
}

function stream(invocation: JsonInvocation, run: Run): CarriedAnswer {
  const queue = new TextQueue();
  run((result) => queue.push(entityLine(result))).then(
    () => queue.end(endLine(invocation.entities.length)),
    (error: unknown) => queue.fail(error),
  );
  return { status: 200, contentType: CONTENT_TYPE.jsonStream, body: queue };
}

/** Text on its way to one reader; what waits is handed over together. Bounded by the invocation, whose answer it is. */
class TextQueue implements AsyncIterable<Uint8Array> {
  #text = "";
  #isEnded = false;
  #failure: { readonly error: unknown } | null = null;
  #wake: () => void = () => undefined;

  push(text: string): void {
    this.#text += text;
    this.#wake();
  }

  end(text: string): void {
    this.#isEnded = true;
    this.push(text);
  }

  fail(error: unknown): void {
    this.#failure = { error };
    this.#wake();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void> {
    for (;;) {
      if (this.#failure !== null) throw this.#failure.error;
      if (this.#text !== "") {
        const chunk = encoder.encode(this.#text);
        this.#text = "";
        yield chunk;
      } else if (this.#isEnded) {
        return;
      } else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    }
  }
}

function wantsOneDocument(accept: string): boolean {
  return accept.includes(CONTENT_TYPE.json) && !accept.includes(CONTENT_TYPE.jsonStream);
}

function whole(contentType: string, text: string): CarriedAnswer {
  return { status: 200, contentType, body: encoder.encode(text) };
}

export function problem(status: number, detail: string): CarriedAnswer {
  return { status, contentType: PROBLEM, body: encoder.encode(JSON.stringify({ status, detail })) };
}
