/** Answers of the core as a test sees them: values, and the errors that the client throws. */
import { HoldfastError, RefusedError } from "../client/errors.js";
import type { Answer } from "../core/answer.js";
import type { Fault } from "../sdk/index.js";

/** The error that an answer other than the hoped-for one stands for: the same that the client throws. */
export function errorOf(answer: Answer, fault?: Fault): Error {
  const known = { retryable: false, status: null, source: "router" } as const;
  if (answer.kind === "problem") return new HoldfastError(answer.problem.message, { ...known, code: answer.problem.code });
  if (answer.kind !== "outcome") return new Error(`an answer of the kind ${answer.kind} was not expected`);
  const { outcome, commandId } = answer;
  switch (outcome.kind) {
    case "refused": {
      const details = parsed(outcome.details) ?? undefined;
      return new RefusedError(outcome.message, { ...known, source: "function", code: outcome.code, details, commandId });
    }
    case "failed":
      return new HoldfastError(outcome.message, { ...known, code: outcome.code, commandId, cause: fault?.error });
    case "replied":
      return new Error("a reply was not expected");
  }
}

/** The value of a payload; null where there is none. */
export function parsed(payload: Uint8Array | null): unknown {
  return payload === null || payload.length === 0 ? null : JSON.parse(Buffer.from(payload).toString());
}
