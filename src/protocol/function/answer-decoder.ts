/**
 * Decodes an answer from chunks of bytes as a transport hands them over, cut wherever it likes. Never throws, whatever the
 * bytes are; holds at most `bytesMax` of them.
 */
import { cut, MalformedAnswer, malformed, ShapeProblem } from "./answer-problem.js";
import type { EntityResult, InvocationEnd, InvocationRequest } from "./contract.js";
import { JsonSyntax } from "./json-scanner.js";
import { ProtobufSyntax } from "./protobuf-fields.js";

export interface AnswerDecoder {
  /**
   * Takes the next bytes, which must not be written to afterwards: payloads are slices of them. Not null: the answer has
   * ended, and nothing more is taken.
   */
  push(chunk: Uint8Array): InvocationEnd | null;
  /** The transport ended. `cutMessage`: it broke off, and why; null: it ended in good order. */
  finish(cutMessage: string | null): InvocationEnd;
}

/** Hands each entity's result on, once, and only those that were asked for. */
export class Results {
  readonly invocation: string;
  readonly #isGiven: boolean[];
  readonly #onEntity: (result: EntityResult) => void;
  #given = 0;

  /** Keeps nothing of the request but its name and how many entities it has: its payloads are views of others' bytes. */
  constructor(request: InvocationRequest, onEntity: (result: EntityResult) => void) {
    for (let index = 0; index < request.entities.length; index++) {
      if (request.entities[index]?.n !== index) throw new RangeError("an entity's n is its index in the request");
    }
    this.invocation = request.invocation;
    this.#isGiven = new Array<boolean>(request.entities.length).fill(false);
    this.#onEntity = onEntity;
  }

  get given(): number {
    return this.#given;
  }

  /** Throws `MalformedAnswer` for an entity that was not asked for, or was answered before. */
  claim({ n }: EntityResult): void {
    if (n >= this.#isGiven.length) throw new MalformedAnswer("answer_wrong_entity", `the invocation has no entity ${n}`);
    if (this.#isGiven[n] === true) throw new MalformedAnswer("answer_entity_twice", `entity ${n} is answered twice`);
    this.#isGiven[n] = true;
    this.#given++;
  }

  give(result: EntityResult): void {
    this.#onEntity(result);
  }
}

/** Collects a whole answer, then decodes it: all of it, or nothing. */
export class DocumentDecoder implements AnswerDecoder {
  readonly #results: Results;
  readonly #decode: (bytes: Uint8Array, invocation: string) => readonly EntityResult[];
  readonly #collected: Collected;

  constructor(results: Results, bytesMax: number, decode: (bytes: Uint8Array, invocation: string) => readonly EntityResult[]) {
    this.#results = results;
    this.#collected = new Collected(bytesMax);
    this.#decode = decode;
  }

  push(chunk: Uint8Array): InvocationEnd | null {
    return this.#collected.push(chunk);
  }

  finish(cutMessage: string | null): InvocationEnd {
    if (cutMessage !== null) return cut(cutMessage);
    if (this.#collected.length === 0) return malformed("answer_empty", "the answer is empty");
    try {
      const entities = this.#decode(this.#collected.take(), this.#results.invocation);
      for (const result of entities) this.#results.claim(result);
      for (const result of entities) this.#results.give(result);
      return { kind: "complete" };
    } catch (error) {
      return endOfProblem(error);
    }
  }
}

/** Bytes that wait for the rest, within a limit. */
export class Collected {
  readonly #bytesMax: number;
  #chunks: Uint8Array[] = [];
  #length = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get length(): number {
    return this.#length;
  }

  push(chunk: Uint8Array): InvocationEnd | null {
    if (chunk.length === 0) return null;
    if (this.#length + chunk.length > this.#bytesMax) return tooLarge(this.#bytesMax);
    this.#length += chunk.length;
    this.#chunks.push(chunk);
    return null;
  }

  /** Everything in one piece; without a copy where it came as one. */
  take(): Uint8Array {
    const chunks = this.#chunks;
    const length = this.#length;
    this.#chunks = [];
    this.#length = 0;
    if (chunks.length === 1) return chunks[0] as Uint8Array;
    const whole = new Uint8Array(length);
    let at = 0;
    for (const chunk of chunks) {
      whole.set(chunk, at);
      at += chunk.length;
    }
    return whole;
  }
}

export function tooLarge(bytesMax: number): InvocationEnd {
  return malformed("answer_too_large", `the answer is longer than ${bytesMax} bytes`);
}

/** What a decoder's own exception says about the answer; any other exception is a defect and is thrown on. */
export function endOfProblem(error: unknown): InvocationEnd {
  if (error instanceof MalformedAnswer) return malformed(error.code, error.message);
  if (error instanceof ShapeProblem) return malformed("answer_shape", error.message);
  if (error instanceof ProtobufSyntax) return malformed("answer_not_protobuf", error.message);
  if (error instanceof JsonSyntax) return malformed("answer_not_json", `${error.message}, at byte ${error.offset}`);
  throw error;
}
