/** The fault of a command that was alone in an invocation, in words for its caller. */
import type { InvocationEnd } from "../entity/invocation.js";
import { unreachable } from "../unreachable.js";
import type { Verdict } from "./dispatch.js";

type Fault = Extract<Verdict, { kind: "faulted" }>;

export function faultOf(end: Exclude<InvocationEnd, { kind: "unavailable" }>): Fault {
  switch (end.kind) {
    case "complete":
      return {
        kind: "faulted",
        code: "result_missing",
        message: "the function ended its answer without a result for the entity",
      };
    case "cut":
      return { kind: "faulted", code: "function_crashed", message: end.message };
    case "timeout":
      return { kind: "faulted", code: "function_timeout", message: end.message };
    case "malformed":
      return { kind: "faulted", code: end.code, message: end.message };
    default:
      return unreachable(end);
  }
}
