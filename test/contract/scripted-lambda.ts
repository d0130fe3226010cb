/** A scripted function behind the Lambda server: its steps are what a streaming handler writes. */
import { LambdaInvoker, type LambdaInvokerOptions } from "../../src/invoker/lambda/lambda-invoker.js";
import { parseLambdaArn } from "../../src/ports/lambda-arn.js";
import { NO_METER } from "../../src/ports/request-meter.js";
import type { ScriptedCode } from "../aws/lambda-server/functions.js";
import type { AnswerSink, FunctionFailure, InvocationContext } from "../aws/lambda-server/instance.js";
import type { LambdaServer } from "../aws/lambda-server/lambda-server.js";
import type { ScriptedFunction } from "./invoker.contract.js";
import { realClock } from "./real-clock.js";

export function scriptedCode(callee: ScriptedFunction): ScriptedCode {
  return { kind: "scripted", run: (event, context, sink) => run(callee, event, context, sink) };
}

/** An invoker of that function, on the real client. */
export function lambdaInvoker(
  server: Pick<LambdaServer, "url">,
  arn: string,
  options: Partial<LambdaInvokerOptions> = {},
): LambdaInvoker {
  const parsed = parseLambdaArn(arn);
  if (parsed === null) throw new Error(`no ARN: ${arn}`);
  const credentials = { accessKeyId: "test", secretAccessKey: "test" };
  const aws = { endpoint: server.url, credentials };
  return new LambdaInvoker({ arn: parsed, aws, callsMax: 128, meter: NO_METER, ...options }, realClock);
}

async function run(
  callee: ScriptedFunction,
  event: Uint8Array,
  { requestId, clientContext }: InvocationContext,
  sink: AnswerSink,
): Promise<FunctionFailure | null> {
  const custom = (clientContext as { readonly custom?: { readonly traceparent: string; readonly tracestate?: string } } | null)
    ?.custom;
  const trace = custom === undefined ? null : { traceparent: custom.traceparent, tracestate: custom.tracestate ?? null };
  const { signal } = new AbortController(); // never: nobody tells a function that its caller has gone
  const scripted = callee({ contentType: "", accept: "", body: event, trace, signal });
  if (scripted.status === 500) {
    const [errorType = "", errorMessage = ""] = String([...scripted.steps][0]).split(": ");
    return { errorType, errorMessage };
  }
  for (const step of scripted.steps) {
    if (sink.isGone) return null;
    if (step instanceof Promise) await step;
    else if (step === "never") await new Promise(() => undefined);
    else if (step === "break") {
      const errorMessage = `RequestId: ${requestId} Error: Runtime exited with error: exit status 1`;
      return { errorType: "Runtime.ExitError", errorMessage };
    } else {
      sink.chunk(typeof step === "string" ? Buffer.from(step) : step);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }
  return null;
}
