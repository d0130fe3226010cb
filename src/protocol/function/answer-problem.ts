/** What can be wrong with an answer. These are thrown inside the decoders only; at their edge they become an InvocationEnd. */
import type { InvocationEnd } from "./contract.js";

/** Stable codes of `malformed` ends; docs/function-contract.md and docs/errors.md explain them. */
export type AnswerProblemCode =
  | "answer_empty"
  | "answer_not_json"
  | "answer_not_protobuf"
  | "answer_shape"
  | "answer_version"
  | "answer_wrong_invocation"
  | "answer_wrong_entity"
  | "answer_entity_twice"
  | "answer_count_mismatch"
  | "answer_too_large"
  | "answer_content_type"
  | "answer_redirect"
  | "answer_status"
  | "answer_not_http"
  | "request_too_large"
  | "request_rejected";

/** Nothing of what comes from here on can be believed. */
export class MalformedAnswer extends Error {
  override readonly name = "MalformedAnswer";
  readonly code: AnswerProblemCode;

  constructor(code: AnswerProblemCode, message: string) {
    super(message);
    this.code = code;
  }
}

/** A field of the contract is missing, doubled or of the wrong kind. Inside an outcome it faults that entity's commands only. */
export class ShapeProblem extends Error {
  override readonly name = "ShapeProblem";
}

export function malformed(code: AnswerProblemCode, message: string): InvocationEnd {
  return { kind: "malformed", code, message };
}

export function cut(message: string): InvocationEnd {
  return { kind: "cut", message };
}
