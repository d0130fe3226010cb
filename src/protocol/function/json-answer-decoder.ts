/** The two decoders of JSON answers: one document, and one entity a line. */
import { type AnswerDecoder, Collected, DocumentDecoder, endOfProblem, type Results, tooLarge } from "./answer-decoder.js";
import { cut, MalformedAnswer, malformed } from "./answer-problem.js";
import type { InvocationEnd } from "./contract.js";
import { readAnswerDocument, readAnswerLine } from "./json-answer.js";
import { JsonScanner, JsonSyntax } from "./json-scanner.js";

/** `application/json`. */
export function jsonDocumentDecoder(results: Results, bytesMax: number): AnswerDecoder {
  return new DocumentDecoder(results, bytesMax, (bytes, invocation) =>
    readAnswerDocument(new JsonScanner(bytes, 0, bytes.length), invocation),
  );
}

const NEWLINE = 0x0a;

/** `application/x-ndjson`: results are handed on as their lines end. */
export class JsonStreamDecoder implements AnswerDecoder {
  readonly #results: Results;
  readonly #bytesMax: number;
  readonly #line: Collected;
  #length = 0;
  #end: InvocationEnd | null = null;

  constructor(results: Results, bytesMax: number) {
    this.#results = results;
    this.#bytesMax = bytesMax;
    this.#line = new Collected(bytesMax);
  }

  push(chunk: Uint8Array): InvocationEnd | null {
    if (this.#end !== null) return this.#end;
    this.#length += chunk.length;
    if (this.#length > this.#bytesMax) return (this.#end = tooLarge(this.#bytesMax));
    try {
      let from = 0;
      for (let to = chunk.indexOf(NEWLINE); to >= 0 && this.#end === null; to = chunk.indexOf(NEWLINE, from)) {
        this.#take(chunk, from, to);
        from = to + 1;
      }
      if (from < chunk.length && this.#end === null) this.#line.push(from === 0 ? chunk : chunk.subarray(from));
    } catch (error) {
      this.#end = endOfProblem(error);
    }
    return this.#end;
  }

  finish(cutMessage: string | null): InvocationEnd {
    if (this.#end !== null) return this.#end;
    if (this.#length === 0 && cutMessage === null) return (this.#end = malformed("answer_empty", "the answer is empty"));
    try {
      // The last line may do without its newline; half a line is what a cut leaves.
      const rest = this.#line.take();
      this.#read(rest, 0, rest.length);
    } catch (error) {
      if (!(error instanceof JsonSyntax)) this.#end = endOfProblem(error);
    }
    return (this.#end ??= cut(cutMessage ?? "the answer stopped before its last line"));
  }

  #take(chunk: Uint8Array, from: number, to: number): void {
    if (this.#line.length === 0) {
      this.#read(chunk, from, to);
      return;
    }
    this.#line.push(chunk.subarray(from, to));
    const line = this.#line.take();
    this.#read(line, 0, line.length);
  }

  #read(bytes: Uint8Array, from: number, to: number): void {
    const scanner = new JsonScanner(bytes, from, to);
    scanner.skipSpace();
    if (scanner.at === to) return;
    const line = readAnswerLine(scanner, this.#results.invocation);
    if (typeof line !== "number") {
      this.#results.claim(line);
      this.#results.give(line);
    } else if (line !== this.#results.given) {
      throw new MalformedAnswer("answer_count_mismatch", `the end says ${line} entities, ${this.#results.given} came`);
    } else this.#end = { kind: "complete" };
  }
}
