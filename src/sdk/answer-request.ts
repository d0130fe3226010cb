/** One request of the contract and its answer, whatever carries them: HTTP (`serve`) or a call in process (`local`). */
import { CONTENT_TYPE } from "../protocol/function/contract.js";
import type { JsonEntityResult, JsonInvocation } from "../protocol/function/json-form.js";
import {
  answerText,
  BadFunctionRequest,
  endLine,
  entityLine,
  type FunctionRequest,
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
  /** Streamed answers: a chunk for each entity as it finishes, and one for the end. */
  readonly body: Uint8Array | AsyncIterable<Uint8Array>;
}

/** How one encoding of the contract is read and written. */
interface Form {
  readonly documentType: string;
  readonly streamType: string;
  parse(body: Uint8Array): FunctionRequest;
  document(invocation: string, results: readonly JsonEntityResult[]): Uint8Array;
  entity(result: JsonEntityResult): Uint8Array;
  end(entities: number): Uint8Array;
}

const PROBLEM = "application/problem+json";
const encoder = new TextEncoder();

const JSON_FORM: Form = {
  documentType: CONTENT_TYPE.json,
  streamType: CONTENT_TYPE.jsonStream,
  parse: (body) => parseFunctionRequest(new TextDecoder().decode(body)),
  document: (invocation, results) => encoder.encode(answerText(invocation, results)),
  entity: (result) => encoder.encode(entityLine(result)),
  end: (entities) => encoder.encode(endLine(entities)),
};

/** Loaded when a request asks for it: most functions never need protobufjs. */
async function protobufForm(): Promise<Form> {
  const form = await import("../protocol/function/server-protobuf.js");
  return {
    documentType: CONTENT_TYPE.protobuf,
    streamType: CONTENT_TYPE.protobufStream,
    parse: (body) => ({ kind: "invoke", invocation: form.parseProtobufInvocation(body) }),
    document: form.answerMessage,
    entity: form.entityFrame,
    end: form.endFrame,
  };
}

/** What is no request of the contract is answered with a 4xx. */
export async function answerRequest(served: Served, options: RunOptions, request: CarriedRequest): Promise<CarriedAnswer> {
  const type = request.contentType.split(";", 1)[0]?.trim().toLowerCase();
  if (type !== CONTENT_TYPE.json && type !== CONTENT_TYPE.protobuf) {
    return problem(415, `this function takes ${CONTENT_TYPE.json} and ${CONTENT_TYPE.protobuf}`);
  }
  const form = type === CONTENT_TYPE.json ? JSON_FORM : await protobufForm();
  try {
    const parsed = form.parse(request.body);
    if (parsed.kind === "discover") {
      return {
        status: 200,
        contentType: CONTENT_TYPE.json,
        body: encoder.encode(manifestText(manifestOf(served, ["json", "protobuf"]))),
      };
    }
    const run: Run = (onEntity) => runInvocation(served, parsed.invocation, { ...options, signal: request.signal }, onEntity);
    return takesStream(request.accept, form)
      ? stream(parsed.invocation, form, run)
      : await document(parsed.invocation, form, run);
  } catch (error) {
    if (error instanceof BadFunctionRequest) return problem(400, error.message);
    throw error;
  }
}

/** Streams unless the caller takes whole answers alone. Content types may have parameters, so the stream's is looked for first. */
function takesStream(accept: string, form: Form): boolean {
  const accepted = accept.toLowerCase();
  return accepted.includes(form.streamType) || !accepted.includes(form.documentType);
}

type Run = (onEntity: (result: JsonEntityResult) => void) => Promise<void>;

async function document(invocation: JsonInvocation, form: Form, run: Run): Promise<CarriedAnswer> {
  const results: JsonEntityResult[] = [];
  await run((result) => results.push(result));
  return { status: 200, contentType: form.documentType, body: form.document(invocation.invocation, results) };
}

function stream(invocation: JsonInvocation, form: Form, run: Run): CarriedAnswer {
  const queue = new ChunkQueue();
  run((result) => queue.push(form.entity(result))).then(
    () => queue.end(form.end(invocation.entities.length)),
    (error: unknown) => queue.fail(error),
  );
  return { status: 200, contentType: form.streamType, body: queue };
}

/** Chunks on their way to one reader. Bounded by the invocation, whose answer they are. */
class ChunkQueue implements AsyncIterable<Uint8Array> {
  #chunks: Uint8Array[] = [];
  #isEnded = false;
  #failure: { readonly error: unknown } | null = null;
  #wake: () => void = () => undefined;

  push(chunk: Uint8Array): void {
    this.#chunks.push(chunk);
    this.#wake();
  }

  end(chunk: Uint8Array): void {
    this.#isEnded = true;
    this.push(chunk);
  }

  fail(error: unknown): void {
    this.#failure = { error };
    this.#wake();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void> {
    for (;;) {
      const chunks = this.#chunks;
      this.#chunks = [];
      yield* chunks;
      if (this.#chunks.length > 0) continue;
      if (this.#failure !== null) throw this.#failure.error;
      if (this.#isEnded) return;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}

export function problem(status: number, detail: string): CarriedAnswer {
  return { status, contentType: PROBLEM, body: encoder.encode(JSON.stringify({ status, detail })) };
}
