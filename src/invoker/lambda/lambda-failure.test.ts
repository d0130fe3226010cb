import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { endOfFunctionError, endOfServiceFailure, isUnknownOperation } from "./lambda-failure.js";

function serviceError(name: string, status: number, more: object = {}): Error {
  return Object.assign(new Error("said"), { name, $metadata: { httpStatusCode: status }, ...more });
}

const end = (name: string, status: number, more: object = {}) => endOfServiceFailure(serviceError(name, status, more), "cart:7");

describe("what Lambda says instead of calling the function", () => {
  it("is nobody's fault, whatever it is, and has a code", () => {
    for (const [name, status, code] of [
      ["TooManyRequestsException", 429, "aws_throttled"],
      ["EC2ThrottledException", 502, "aws_throttled"],
      ["ENILimitReachedException", 502, "aws_no_answer"],
      ["ServiceException", 500, "aws_no_answer"],
      ["ResourceNotFoundException", 404, "aws_function_missing"],
      ["AccessDeniedException", 403, "aws_denied"],
      ["ExpiredTokenException", 403, "aws_credentials_expired"],
      ["KMSDisabledException", 502, "aws_no_answer"],
      ["ResourceConflictException", 409, "aws_request_invalid"],
    ] as const) {
      const found = end(name, status);
      assert.equal(found.kind, "unavailable", name);
      assert.match(found.kind === "unavailable" ? found.message : "", new RegExp(`cart:7.*said.*\\[${code}\\]$`), name);
    }
  });

  it("is the request's fault where it is too large or no JSON, so that it is divided", () => {
    for (const [name, status, code] of [
      ["RequestTooLargeException", 413, "request_too_large"],
      ["RequestEntityTooLargeException", 413, "request_too_large"],
      ["UnknownError", 413, "request_too_large"],
      ["InvalidRequestContentException", 400, "request_rejected"],
    ] as const) {
      const found = end(name, status);
      assert.deepEqual([found.kind, found.kind === "malformed" && found.code], ["malformed", code], name);
    }
  });

  it("says when to come again where the rate was too high, and not where a place is free any moment", () => {
    const $response = { headers: { "retry-after": "2" }, statusCode: 429 };
    const retryAfterMs = (Reason: string) => {
      const found = end("TooManyRequestsException", 429, { Reason, $response });
      return found.kind === "unavailable" && found.retryAfterMs;
    };
    assert.equal(retryAfterMs("CallerRateLimitExceeded"), 2_000);
    assert.equal(retryAfterMs("ReservedFunctionConcurrentInvocationLimitExceeded"), null);
    assert.equal(retryAfterMs("ConcurrentInvocationLimitExceeded"), null);
  });

  it("shows an operation that is not known there, which is no missing function", () => {
    assert.ok(isUnknownOperation(serviceError("UnknownOperationException", 404)));
    assert.ok(isUnknownOperation(serviceError("InternalFailure", 501)));
    assert.ok(!isUnknownOperation(serviceError("ResourceNotFoundException", 404)));
    assert.ok(!isUnknownOperation(serviceError("AccessDeniedException", 403)));
    assert.ok(!isUnknownOperation(new Error("socket hang up")));
  });
});

describe("what Lambda says of a function that failed", () => {
  const details = (errorType: string, errorMessage: string) => JSON.stringify({ errorType, errorMessage, trace: [] });

  it("is a cut, with the function's own words", () => {
    assert.deepEqual(endOfFunctionError(details("TypeError", "x is no function")), {
      kind: "cut",
      message: "the function failed: TypeError: x is no function",
    });
    assert.equal(endOfFunctionError(details("Runtime.ExitError", "signal: killed")).kind, "cut");
  });

  it("is a timeout where the function's own has passed, old and new words alike", () => {
    assert.equal(endOfFunctionError(details("Sandbox.Timedout", "Task timed out after 3.00 seconds")).kind, "timeout");
    assert.equal(endOfFunctionError(details("", "2026-11-20T08:00:00Z x Task timed out after 3.00 seconds")).kind, "timeout");
  });

  it("is an answer that is too large where Lambda says so", () => {
    const found = endOfFunctionError(details("Function.ResponseSizeTooLarge", "exceeded (6291556 bytes)"));
    assert.deepEqual(found, { kind: "malformed", code: "answer_too_large", message: "exceeded (6291556 bytes)" });
  });

  it("is shown as it is where it is nothing of the kind, within bounds", () => {
    for (const text of ["", "null", "7", "<html>", `{"errorMessage":7}`]) assert.equal(endOfFunctionError(text).kind, "cut");
    const long = endOfFunctionError("x".repeat(10_000));
    assert.ok(long.kind === "cut" && long.message.length < 600);
  });
});
