/**
 * One call of a Lambda function: waiting → answering → ended. The end may come before Lambda's own, when the answer says
 * that it is complete; the rest is then read for the sake of the connection.
 */
import {
  InvokeCommand,
  InvokeWithResponseStreamCommand,
  type InvokeWithResponseStreamResponseEvent,
  type LambdaClient,
} from "@aws-sdk/client-lambda";
import type { InvocationEnd } from "../../core/entity/invocation.js";
import type { LambdaAnswerDecoder } from "./lambda-answer.js";
import { endOfFunctionError, endOfServiceFailure, isUnknownOperation } from "./lambda-failure.js";

export interface LambdaCallInput {
  readonly FunctionName: string;
  readonly Qualifier: string;
  readonly Payload: Uint8Array;
  readonly ClientContext?: string;
}

/** Lambda does not know the operation; nothing was called. */
export const NO_STREAMING = "no streaming";

/** The whole answer at once. Does not throw. */
export async function callWhole(
  client: LambdaClient,
  input: LambdaCallInput,
  decoder: LambdaAnswerDecoder,
  signal: AbortSignal,
): Promise<InvocationEnd> {
  try {
    const answer = await client.send(new InvokeCommand(input), { abortSignal: signal });
    const payload = answer.Payload ?? new Uint8Array(0);
    if (answer.FunctionError !== undefined) return endOfFunctionError(Buffer.from(payload).toString("utf8"));
    return decoder.push(payload) ?? decoder.finish(null);
  } catch (error) {
    return endOfServiceFailure(error, nameOf(input));
  }
}

/** Results are handed on as they come; `ended` is called as soon as the end is known. Does not throw. */
export async function callStreamed(
  client: LambdaClient,
  input: LambdaCallInput,
  decoder: LambdaAnswerDecoder,
  signal: AbortSignal,
  ended: (end: InvocationEnd) => void,
): Promise<typeof NO_STREAMING | null> {
  let events: AsyncIterable<InvokeWithResponseStreamResponseEvent> | undefined;
  try {
    events = (await client.send(new InvokeWithResponseStreamCommand(input), { abortSignal: signal })).EventStream;
  } catch (error) {
    if (isUnknownOperation(error)) return NO_STREAMING;
    ended(endOfServiceFailure(error, nameOf(input)));
    return null;
  }
  let hasBegun = false;
  try {
    for await (const event of events ?? []) {
      if (signal.aborted) return null;
      if (event.PayloadChunk?.Payload !== undefined) {
        hasBegun = true;
        const end = decoder.push(event.PayloadChunk.Payload);
        if (end !== null) ended(end);
      } else if (event.InvokeComplete !== undefined) {
        const { ErrorCode: code, ErrorDetails: details } = event.InvokeComplete;
        ended(code === undefined || code === "" ? decoder.finish(null) : endOfFunctionError(details ?? code));
        return null;
      }
    }
    ended(decoder.finish("Lambda ended the stream without saying how the function ended"));
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    ended(hasBegun ? decoder.finish(`the connection broke: ${why}`) : endOfServiceFailure(error, nameOf(input)));
  }
  return null;
}

function nameOf({ FunctionName, Qualifier }: LambdaCallInput): string {
  return `${FunctionName}:${Qualifier}`;
}
