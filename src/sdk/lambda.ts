/**
 * `lambdaHandler`: definitions as a plain Lambda handler. Takes the contract's request as the event itself (a direct
 * invocation) or as the body of an HTTP event (function URL, API Gateway); streams where the runtime offers it.
 */
import { CONTENT_TYPE } from "../protocol/function/contract.js";
import type { JsonEntityResult } from "../protocol/function/json-form.js";
import {
  answerText,
  BadFunctionRequest,
  endLine,
  entityLine,
  type FunctionRequest,
  manifestText,
  parseFunctionRequest,
} from "../protocol/function/server-json.js";
import type { Definition } from "./definition.js";
import { manifestOf } from "./discovery.js";
import { type RunOptions, runInvocation, type Served, servedOf } from "./invocation.js";

/** Kept back of the time Lambda gives, so that the answer still leaves the function. */
const ANSWER_RESERVE_MS = 200;

export interface LambdaOptions extends RunOptions {
  /** False: never streams, also where the runtime could. Default: streams where it can. */
  readonly streaming?: boolean;
}

/** What Lambda's context has that matters here. */
export interface LambdaContext {
  getRemainingTimeInMillis?(): number;
}

export interface LambdaHttpResponse {
  readonly statusCode: number;
  readonly headers: { readonly [name: string]: string };
  readonly body: string;
}

/** A function of (event, context), or what the runtime's `streamifyResponse` makes of it. */
export type LambdaHandler = (event: unknown, context?: LambdaContext) => Promise<unknown>;

interface ResponseStream {
  setContentType?(type: string): void;
  write(chunk: string): unknown;
  end(): void;
}

/** The global of Lambda's Node runtime. */
interface StreamingRuntime {
  streamifyResponse(handler: (event: unknown, stream: ResponseStream, context: LambdaContext) => Promise<void>): LambdaHandler;
  readonly HttpResponseStream: { from(stream: ResponseStream, prelude: { statusCode: number; headers: object }): ResponseStream };
}

/** `export const handler = lambdaHandler([cart, inventory])`. */
export function lambdaHandler(definitions: readonly Definition[], options: LambdaOptions = {}): LambdaHandler {
  const served = servedOf(definitions);
  const runtime = (globalThis as { readonly awslambda?: StreamingRuntime }).awslambda;
  if (options.streaming === false || runtime === undefined)
    return (event, context = {}) => answerWhole(served, options, event, context);
  return runtime.streamifyResponse((event, stream, context) => answerStreamed(served, options, event, stream, context, runtime));
}

/** A direct invocation gets the contract's answer as an object; an HTTP event gets an HTTP response. */
async function answerWhole(served: Served, options: LambdaOptions, event: unknown, context: LambdaContext): Promise<unknown> {
  const { text, isHttp } = requestText(event);
  if (!isHttp) return JSON.parse(await answerOf(served, options, parseFunctionRequest(text), context));
  try {
    return httpResponse(200, await answerOf(served, options, parseFunctionRequest(text), context));
  } catch (error) {
    if (!(error instanceof BadFunctionRequest)) throw error;
    return httpResponse(400, JSON.stringify({ status: 400, detail: error.message }));
  }
}

async function answerOf(
  served: Served,
  options: LambdaOptions,
  request: FunctionRequest,
  context: LambdaContext,
): Promise<string> {
  if (request.kind === "discover") return manifestText(manifestOf(served, ["json"]));
  const results: JsonEntityResult[] = [];
  await runInvocation(served, withinTimeLeft(request.invocation, context), options, (result) => results.push(result));
  return answerText(request.invocation.invocation, results);
}

async function answerStreamed(
  served: Served,
  options: LambdaOptions,
  event: unknown,
  raw: ResponseStream,
  context: LambdaContext,
  runtime: StreamingRuntime,
): Promise<void> {
  const { text, isHttp } = requestText(event);
  const open = (statusCode: number, type: string): ResponseStream => {
    if (isHttp) return runtime.HttpResponseStream.from(raw, { statusCode, headers: { "content-type": type } });
    raw.setContentType?.(type);
    return raw;
  };
  let request: FunctionRequest;
  try {
    request = parseFunctionRequest(text);
  } catch (error) {
    if (!isHttp || !(error instanceof BadFunctionRequest)) throw error;
    const stream = open(400, "application/problem+json");
    stream.write(JSON.stringify({ status: 400, detail: error.message }));
    return stream.end();
  }
  if (request.kind === "discover") {
    const stream = open(200, CONTENT_TYPE.json);
    stream.write(manifestText(manifestOf(served, ["json"])));
    return stream.end();
  }
  const stream = open(200, CONTENT_TYPE.jsonStream);
  await runInvocation(served, withinTimeLeft(request.invocation, context), options, (result) => stream.write(entityLine(result)));
  stream.write(endLine(request.invocation.entities.length));
  stream.end();
}

function withinTimeLeft<T extends { readonly deadlineMs: number }>(invocation: T, context: LambdaContext): T {
  const leftMs = context.getRemainingTimeInMillis?.();
  if (leftMs === undefined) return invocation;
  return { ...invocation, deadlineMs: Math.min(invocation.deadlineMs, Math.max(0, leftMs - ANSWER_RESERVE_MS)) };
}

/** HTTP events of every form have a `body` and say with `isBase64Encoded` how it is written. */
function requestText(event: unknown): { readonly text: string; readonly isHttp: boolean } {
  if (typeof event !== "object" || event === null) return { text: JSON.stringify(event) ?? "", isHttp: false };
  if ("holdfast" in event) return { text: JSON.stringify(event), isHttp: false };
  const { body, isBase64Encoded } = event as { readonly body?: unknown; readonly isBase64Encoded?: unknown };
  const text = typeof body === "string" ? body : "";
  if (isBase64Encoded !== true) return { text, isHttp: true };
  return { text: new TextDecoder().decode(Uint8Array.from(atob(text), (unit) => unit.charCodeAt(0))), isHttp: true };
}

function httpResponse(statusCode: number, body: string): LambdaHttpResponse {
  const type = statusCode === 200 ? CONTENT_TYPE.json : "application/problem+json";
  return { statusCode, headers: { "content-type": type }, body };
}
