/**
 * Lambda hands over bytes without a content type: a handler's return value, or what a streaming handler wrote. Which of the
 * two forms of an answer it is shows in its first field: no field of a document is one of a line (docs/function-contract.md).
 */
import type { AnswerDecoder, Results } from "../../protocol/function/answer-decoder.js";
import type { InvocationEnd } from "../../protocol/function/contract.js";
import { JsonStreamDecoder, jsonDocumentDecoder } from "../../protocol/function/json-answer-decoder.js";

/** `lines`: the function streams. */
export type AnswerForm = "lines" | "document";

/** A line may name the invocation first, and so may a document. */
const FIRST_FIELD = /^\s*\{\s*(?:"invocation"\s*:\s*"(?:[^"\\]|\\.)*"\s*,\s*)?"(holdfast|entities|n|state|outcomes|end)"/;
/** Enough for an invocation's name and white space; what shows no known field by then is no stream of ours. */
const LOOK_BYTES_MAX = 1_024;

export class LambdaAnswerDecoder implements AnswerDecoder {
  readonly #results: Results;
  readonly #bytesMax: number;
  #beginning: Buffer = Buffer.alloc(0);
  #decoder: AnswerDecoder | null = null;
  #form: AnswerForm | null = null;

  constructor(results: Results, bytesMax: number) {
    this.#results = results;
    this.#bytesMax = bytesMax;
  }

  /** Null while nothing is known. */
  get form(): AnswerForm | null {
    return this.#form;
  }

  push(chunk: Uint8Array): InvocationEnd | null {
    if (this.#decoder !== null) return this.#decoder.push(chunk);
    // The usual case, one chunk that tells, costs no copy of it.
    const beginning = this.#beginning.length === 0 ? asBuffer(chunk) : Buffer.concat([this.#beginning, chunk]);
    const form = formOf(beginning);
    if (form === null && beginning.length < LOOK_BYTES_MAX) {
      this.#beginning = beginning;
      return null;
    }
    return this.#decide(form ?? "document").push(beginning);
  }

  finish(cutMessage: string | null): InvocationEnd {
    if (this.#decoder === null && this.#beginning.length > 0) {
      const end = this.#decide("document").push(this.#beginning);
      if (end !== null) return end;
    }
    return (this.#decoder ?? jsonDocumentDecoder(this.#results, this.#bytesMax)).finish(cutMessage);
  }

  #decide(form: AnswerForm): AnswerDecoder {
    this.#form = form;
    const decoder =
      form === "lines"
        ? new JsonStreamDecoder(this.#results, this.#bytesMax)
        : jsonDocumentDecoder(this.#results, this.#bytesMax);
    this.#decoder = decoder;
    return decoder;
  }
}

function formOf(bytes: Buffer): AnswerForm | null {
  const field = FIRST_FIELD.exec(bytes.toString("latin1", 0, LOOK_BYTES_MAX))?.[1];
  if (field === undefined) return null;
  return field === "holdfast" || field === "entities" ? "document" : "lines";
}

function asBuffer(chunk: Uint8Array): Buffer {
  return Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
}
