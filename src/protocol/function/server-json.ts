/**
 * The function's side of the JSON form: reads a request, writes the answer. Small on purpose, because every function
 * carries it; the router's side (json-request.ts, json-answer.ts) keeps payloads as bytes instead.
 */
import type { JsonEntityResult, JsonInvocation } from "./json-form.js";
import type { Manifest } from "./manifest.js";

export type FunctionRequest = { readonly kind: "discover" } | { readonly kind: "invoke"; readonly invocation: JsonInvocation };

/** The request is none of this contract version: answer HTTP 400 with the message. */
export class BadFunctionRequest extends Error {
  override readonly name = "BadFunctionRequest";
}

/** Throws `BadFunctionRequest`. */
export function parseFunctionRequest(text: string): FunctionRequest {
  let request: { readonly holdfast?: unknown; kind?: unknown; invocation?: unknown; entities?: unknown } | null;
  try {
    request = JSON.parse(text);
  } catch (error) {
    throw new BadFunctionRequest(`the request is no JSON: ${(error as Error).message}`);
  }
  if (request === null || typeof request !== "object") throw new BadFunctionRequest("the request is no JSON object");
  if (request.holdfast !== "1") throw new BadFunctionRequest("the request is not of Holdfast's contract version 1");
  if (request.kind === "discover") return { kind: "discover" };
  if (request.kind !== "invoke") throw new BadFunctionRequest(`an unknown kind of request: ${String(request.kind)}`);
  if (typeof request.invocation !== "string" || !Array.isArray(request.entities)) {
    throw new BadFunctionRequest("an invocation needs 'invocation' and 'entities'");
  }
  return { kind: "invoke", invocation: request as unknown as JsonInvocation };
}

/** The answer in one document (`application/json`). */
export function answerText(invocation: string, entities: readonly JsonEntityResult[]): string {
  return JSON.stringify({ holdfast: "1", invocation, entities });
}

/** One line of a streamed answer (`application/x-ndjson`). */
export function entityLine(result: JsonEntityResult): string {
  return `${JSON.stringify(result)}\n`;
}

/** The last line of a streamed answer: how many entities it held. Without it the answer counts as cut off. */
export function endLine(entities: number): string {
  return `{"end":${entities}}\n`;
}

export function manifestText(manifest: Manifest): string {
  return JSON.stringify(manifest);
}
