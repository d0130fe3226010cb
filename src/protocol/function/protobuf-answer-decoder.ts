/** The two decoders of protobuf answers: one message, and one frame an entity. */
import { type AnswerDecoder, Collected, DocumentDecoder, endOfProblem, type Results, tooLarge } from "./answer-decoder.js";
import { cut, MalformedAnswer, malformed } from "./answer-problem.js";
import type { InvocationEnd } from "./contract.js";
import { readProtobufAnswer, readProtobufFrame } from "./protobuf-answer.js";

/** `application/x-protobuf`. */
export function protobufDocumentDecoder(results: Results, bytesMax: number): AnswerDecoder {
  return new DocumentDecoder(results, bytesMax, readProtobufAnswer);
}

/** Four bytes of seven bits reach 256 MB, which is beyond every limit of an answer. */
const LENGTH_BYTES_MAX = 4;

/** `application/x-protobuf; encoding=delimited`: results are handed on as their frames end. */
export class ProtobufStreamDecoder implements AnswerDecoder {
  readonly #results: Results;
  readonly #bytesMax: number;
  readonly #frame: Collected;
  /** The length of the frame that is being collected; -1 while the length itself is. */
  #frameLength = -1;
  #lengthSoFar = 0;
  #lengthBytes = 0;
  #length = 0;
  #end: InvocationEnd | null = null;

  constructor(results: Results, bytesMax: number) {
    this.#results = results;
    this.#bytesMax = bytesMax;
    this.#frame = new Collected(bytesMax);
  }

  push(chunk: Uint8Array): InvocationEnd | null {
    if (this.#end !== null) return this.#end;
    this.#length += chunk.length;
    if (this.#length > this.#bytesMax) return (this.#end = tooLarge(this.#bytesMax));
    try {
      for (let at = 0; at < chunk.length && this.#end === null; ) at = this.#take(chunk, at);
    } catch (error) {
      this.#end = endOfProblem(error);
    }
    return this.#end;
  }

  finish(cutMessage: string | null): InvocationEnd {
    if (this.#end === null && this.#length === 0 && cutMessage === null) {
      this.#end = malformed("answer_empty", "the answer is empty");
    }
    return (this.#end ??= cut(cutMessage ?? "the answer stopped before its last frame"));
  }

  /** Takes what it can from `at` on; the offset behind it. */
  #take(chunk: Uint8Array, at: number): number {
    if (this.#frameLength < 0) {
      const byte = chunk[at] as number;
      this.#lengthSoFar += (byte & 0x7f) * 128 ** this.#lengthBytes++;
      if (byte < 0x80) this.#beginFrame(this.#lengthSoFar);
      else if (this.#lengthBytes === LENGTH_BYTES_MAX)
        throw new MalformedAnswer("answer_not_protobuf", "a frame's length is no length");
      return at + 1;
    }
    const end = Math.min(chunk.length, at + this.#frameLength - this.#frame.length);
    this.#frame.push(chunk.subarray(at, end));
    if (this.#frame.length === this.#frameLength) this.#endFrame();
    return end;
  }

  #beginFrame(length: number): void {
    if (length > this.#bytesMax) throw new MalformedAnswer("answer_too_large", `a frame is ${length} bytes long`);
    this.#frameLength = length;
    this.#lengthSoFar = 0;
    this.#lengthBytes = 0;
    if (length === 0) this.#endFrame();
  }

  #endFrame(): void {
    this.#frameLength = -1;
    const frame = readProtobufFrame(this.#frame.take());
    if (typeof frame !== "number") {
      this.#results.claim(frame);
      this.#results.give(frame);
    } else if (frame !== this.#results.given) {
      throw new MalformedAnswer("answer_count_mismatch", `the end says ${frame} entities, ${this.#results.given} came`);
    } else this.#end = { kind: "complete" };
  }
}
