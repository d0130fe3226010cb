/** What the end of an invocation means: for its endpoint's health, and for the members that it left without a result. */
import type { InvocationEnd } from "../entity/invocation.js";
import { unreachable } from "../unreachable.js";
import type { Verdict } from "./dispatch.js";
import type { Attempt } from "./endpoint.js";
import type { Offer } from "./lane.js";

type Fault = Extract<Verdict, { kind: "faulted" }>;

const SUSPECTED: Verdict = { kind: "suspected" };

/** Tells the endpoint's health, and gives one verdict on all members without a result; null when there are none. */
export function verdictOf(attempt: Attempt, end: InvocationEnd, nowMs: number): Verdict | null {
  const { health } = attempt.endpoint;
  if (end.kind === "unavailable") {
    health.unavailable(nowMs, attempt.generation, end.retryAfterMs, end.message);
    return attempt.unfinished === 0 ? null : { kind: "unavailable", message: end.message };
  }
  if (attempt.unfinished === 0) {
    if (attempt.hasOutcome) health.completed(attempt.endpoint.isLimitInUse);
    else if (attempt.isProbe) health.probeNotSent(nowMs);
    return null;
  }
  const fault = faultOf(end);
  let isSick = false;
  if (isOfRequest(end)) {
    if (attempt.isProbe) health.probeNotSent(nowMs);
  } else if (!attempt.hasOutcome) {
    const firstKey = (attempt.members[0] as Offer).runnable.key;
    isSick = health.failed(nowMs, attempt.generation, attempt.isProbe, firstKey, fault.message);
  }
  // Larger invocations that began before the endpoint turned out to be sick are suspected still: one of them may be what
  // makes it sick, and suspicion counts nothing.
  if (isSick && (attempt.isProbe || attempt.isSingle)) return { kind: "unavailable", message: fault.message };
  // A crash may have come from another invocation of the same process; what ran as a suspect ran without other suspects.
  const isCertain = attempt.isSingle && (end.kind !== "cut" || attempt.lane.kind === "suspect" || !attempt.wasAccompanied);
  return isCertain ? fault : SUSPECTED;
}

/** The request itself could not be sent: a matter of its commands, from which nothing follows for the endpoint. */
function isOfRequest(end: InvocationEnd): boolean {
  return end.kind === "malformed" && (end.code === "request_too_large" || end.code === "request_rejected");
}

/** The fault of a command that was alone in an invocation. Its caller gets one code, and what came back in the message. */
function faultOf(end: Exclude<InvocationEnd, { kind: "unavailable" }>): Fault {
  return { kind: "faulted", code: "function_faulted", message: messageOf(end) };
}

function messageOf(end: Exclude<InvocationEnd, { kind: "unavailable" }>): string {
  switch (end.kind) {
    case "complete":
      return "the function ended its answer without a result for the entity";
    case "cut":
    case "timeout":
      return end.message;
    case "malformed":
      return `${end.code}: ${end.message}`;
    default:
      return unreachable(end);
  }
}
