/**
 * The Node runtime inside a function's process: `node node-bootstrap.js MODULE EXPORT`. Offers the global `awslambda` as
 * Lambda's own runtime does, loads the handler, and answers one event after the other over file descriptor 3.
 */
import { Socket } from "node:net";
import { pathToFileURL } from "node:url";
import { FRAME, FrameReader, frame } from "./frames.js";

type Handler = (event: unknown, contextOrStream: unknown, context?: unknown) => unknown;

interface Context {
  readonly requestId: string;
  readonly deadlineAtMs: number;
  readonly functionName: string;
  readonly functionVersion: string;
  readonly arn: string;
  readonly memoryMb: number;
  readonly clientContext: unknown;
}

const streaming = new WeakSet<Handler>();

Object.assign(globalThis, {
  awslambda: {
    streamifyResponse(handler: Handler): Handler {
      streaming.add(handler);
      return handler;
    },
    HttpResponseStream: { from: (stream: unknown) => stream },
  },
});

const socket = new Socket({ fd: 3 });
const [modulePath = "", exportName = "handler"] = process.argv.slice(2);
process.env["AWS_LAMBDA_FUNCTION_NAME"] ??= "function";

let context: Context | null = null;
const handler = load();
const reader = new FrameReader((kind, bytes) => {
  if (kind === FRAME.context) context = JSON.parse(bytes.toString()) as Context;
  else if (kind === FRAME.event && context !== null) void answer(context, bytes.toString());
});
socket.on("data", (chunk) => reader.push(chunk));
socket.on("end", () => process.exit(0));
socket.on("error", () => process.exit(0));
process.on("unhandledRejection", die);
process.on("uncaughtException", die);

async function load(): Promise<Handler | null> {
  try {
    const module = (await import(pathToFileURL(modulePath).href)) as Record<string, unknown>;
    const found = module[exportName];
    if (typeof found !== "function") throw new TypeError(`${exportName} is undefined or not exported`);
    socket.write(frame(FRAME.ready, ""));
    return found as Handler;
  } catch (error) {
    const { name, message } = error as Error;
    socket.write(frame(FRAME.failed, JSON.stringify({ errorType: `Runtime.${name}`, errorMessage: message, trace: [] })));
    return null;
  }
}

async function answer(given: Context, text: string): Promise<void> {
  const called = await handler;
  if (called === null) return;
  try {
    const event: unknown = JSON.parse(text);
    if (streaming.has(called)) await called(event, new ResponseStream(), contextOf(given));
    else {
      const result = JSON.stringify(await called(event, contextOf(given))) ?? "null";
      socket.write(frame(FRAME.chunk, result));
    }
    socket.write(frame(FRAME.done, ""));
  } catch (error) {
    const { name, message, stack = "" } = error instanceof Error ? error : new Error(String(error));
    const failure = { errorType: name, errorMessage: message, trace: stack.split("\n") };
    socket.write(frame(FRAME.failed, JSON.stringify(failure)));
  }
}

/** What Lambda's Node runtime hands to a streaming handler, as far as handlers here use it. */
class ResponseStream {
  setContentType(type: string): void {
    socket.write(frame(FRAME.contentType, type));
  }

  write(chunk: string | Uint8Array): boolean {
    return socket.write(frame(FRAME.chunk, chunk));
  }

  end(chunk?: string | Uint8Array): void {
    if (chunk !== undefined) this.write(chunk);
  }
}

function contextOf(given: Context): object {
  return {
    awsRequestId: given.requestId,
    functionName: given.functionName,
    functionVersion: given.functionVersion,
    invokedFunctionArn: given.arn,
    memoryLimitInMB: String(given.memoryMb),
    clientContext: given.clientContext,
    getRemainingTimeInMillis: () => Math.max(0, given.deadlineAtMs - Date.now()),
  };
}

/** Lambda's runtime ends the process over what nobody catches. */
function die(error: unknown): void {
  console.error(error);
  process.exit(128);
}
