/**
 * What it means for an invocation that Lambda did not call the function, or that the function failed.
 *
 * Lambda answers a function's own failure with 200 and `X-Amz-Function-Error`, so whatever else goes wrong lies between the
 * router and the function and is nobody's fault: throttling, permissions, a deleted version, networks, the service itself.
 * Facts: Lambda API reference, "Invoke" and "InvokeWithResponseStream", errors; developer guide, "Troubleshoot invocation".
 */
import { type AwsFailure, awsFailure } from "../../aws/failure.js";
import { cut, malformed } from "../../protocol/function/answer-problem.js";
import type { InvocationEnd } from "../../protocol/function/contract.js";

/** The action and the function, for messages. */
export function lambdaFailure(error: unknown, action: string, functionName: string): AwsFailure {
  return awsFailure(error, { action: `lambda:${action}`, resource: { what: "function", name: functionName } });
}

/** Lambda, or the way to it, said no. */
export function endOfServiceFailure(error: unknown, functionName: string): InvocationEnd {
  const name = nameOf(error);
  if (name === "RequestTooLargeException" || name === "RequestEntityTooLargeException" || statusOf(error) === 413) {
    return malformed("request_too_large", messageOf(error));
  }
  if (name === "InvalidRequestContentException")
    return malformed("request_rejected", `Lambda took no such payload: ${messageOf(error)}`);
  const failure = lambdaFailure(error, "InvokeFunction", functionName);
  return { kind: "unavailable", message: withCode(failure), retryAfterMs: retryAfterMs(error, failure) };
}

/**
 * `Retry-After` where the rate was too high. Where it is the concurrency, Lambda still says a second or so, but a place is
 * free as soon as any invocation ends, milliseconds later: the router's own, shorter back-off finds it.
 */
function retryAfterMs(error: unknown, failure: AwsFailure): number | null {
  if (failure.kind !== "throttled") return null;
  const reason = (error as { readonly Reason?: unknown }).Reason;
  const isConcurrency = typeof reason === "string" && reason.endsWith("ConcurrentInvocationLimitExceeded");
  return isConcurrency ? null : failure.retryAfterMs;
}

/** With its stable code, which docs/errors.md explains. */
export function withCode(failure: AwsFailure): string {
  return `${failure.message} [${failure.code}]`;
}

/** The operation is not known there: an emulator, or a proxy, that is older than it. */
export function isUnknownOperation(error: unknown): boolean {
  const status = statusOf(error);
  return status === 405 || status === 501 || (status === 404 && nameOf(error) !== "ResourceNotFoundException");
}

/** The function was called and failed; `details` is JSON with `errorType` and `errorMessage`, as a rule. */
export function endOfFunctionError(details: string): InvocationEnd {
  const { errorType, errorMessage } = readDetails(details);
  if (errorType === "Sandbox.Timedout" || /\bTask timed out after \d/.test(errorMessage)) {
    return { kind: "timeout", message: `the function did not end within its own timeout: ${errorMessage}` };
  }
  if (errorType === "Function.ResponseSizeTooLarge") return malformed("answer_too_large", errorMessage);
  return cut(`the function failed: ${errorType === "" ? "" : `${errorType}: `}${errorMessage}`);
}

const MESSAGE_CHARACTERS_MAX = 500;

function readDetails(details: string): { readonly errorType: string; readonly errorMessage: string } {
  const text = (value: unknown) => (typeof value === "string" ? value.slice(0, MESSAGE_CHARACTERS_MAX) : "");
  try {
    const parsed: unknown = JSON.parse(details);
    if (typeof parsed === "object" && parsed !== null) {
      const { errorType, errorMessage } = parsed as { readonly errorType?: unknown; readonly errorMessage?: unknown };
      return { errorType: text(errorType), errorMessage: text(errorMessage) };
    }
  } catch {
    // Whatever it is, it is shown as it is.
  }
  return { errorType: "", errorMessage: details.slice(0, MESSAGE_CHARACTERS_MAX) };
}

function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : "";
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function statusOf(error: unknown): number {
  const metadata = (error as { readonly $metadata?: { readonly httpStatusCode?: number } } | null)?.$metadata;
  return metadata?.httpStatusCode ?? 0;
}
