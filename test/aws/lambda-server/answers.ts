/** How a function's answer goes back: whole, or as an event stream; and how Lambda says no. */
import type { ServerResponse } from "node:http";
import { invokeComplete, payloadChunk } from "./event-stream.js";
import type { Refusal } from "./functions.js";
import type { AnswerSink, FunctionFailure } from "./instance.js";

type Run = (sink: AnswerSink) => Promise<FunctionFailure | null>;

/** Of a whole answer; what the error says. */
export const RESPONSE_BYTES_MAX = 6_291_556;
/** Of a streamed answer. */
const STREAM_BYTES_MAX = 20 << 20;

export async function answerBuffered(response: ServerResponse, run: Run): Promise<void> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  const failure = await run({
    get isGone() {
      return response.destroyed;
    },
    contentType: () => undefined,
    chunk: (bytes) => {
      length += bytes.length;
      if (length <= RESPONSE_BYTES_MAX) chunks.push(bytes);
    },
  });
  const error = failure ?? (length > RESPONSE_BYTES_MAX ? tooLarge(RESPONSE_BYTES_MAX) : null);
  const headers = error === null ? {} : { "x-amz-function-error": "Unhandled" };
  const body = error === null ? Buffer.concat(chunks) : Buffer.from(JSON.stringify(error));
  response.writeHead(200, { "content-type": "application/json", "content-length": body.length, ...headers }).end(body);
}

export async function answerStreamed(response: ServerResponse, run: Run): Promise<void> {
  let length = 0;
  let cut: FunctionFailure | null = null;
  response.writeHead(200, { "content-type": "application/vnd.amazon.eventstream" });
  response.flushHeaders();
  const failure = await run({
    get isGone() {
      return response.destroyed;
    },
    contentType: () => undefined,
    chunk: (bytes) => {
      length += bytes.length;
      if (length > STREAM_BYTES_MAX) cut = tooLarge(STREAM_BYTES_MAX);
      else if (!response.destroyed) response.write(payloadChunk(bytes));
    },
  });
  const error: FunctionFailure | null = failure ?? cut;
  response.end(error === null ? invokeComplete("", "") : invokeComplete("Unhandled", JSON.stringify(error)));
}

export function refuse(response: ServerResponse, refusal: Refusal): void {
  const { status, code, message, reason, retryAfterSeconds } = refusal;
  const headers: Record<string, string> = { "content-type": "application/json", "x-amzn-errortype": code };
  if (retryAfterSeconds !== undefined) headers["retry-after"] = String(retryAfterSeconds);
  const type = status >= 500 ? "Service" : "User";
  response
    .writeHead(status, headers)
    .end(JSON.stringify({ Type: type, Message: message, message, ...(reason && { Reason: reason }) }));
}

function tooLarge(bytesMax: number): FunctionFailure {
  const errorMessage = `Response payload size exceeded maximum allowed payload size (${bytesMax} bytes).`;
  return { errorType: "Function.ResponseSizeTooLarge", errorMessage };
}
