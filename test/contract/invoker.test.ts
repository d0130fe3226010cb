import { HttpInvoker } from "../../src/invoker/http/http-invoker.js";
import { type InProcessAnswer, InProcessInvoker } from "../../src/invoker/in-process/in-process-invoker.js";
import { ANSWER_BYTES_MAX, invokerContract, type ScriptedAnswer, type Step } from "./invoker.contract.js";
import { realClock } from "./real-clock.js";
import { serveScripted } from "./scripted-http-function.js";

invokerContract("HTTP", async (callee) => {
  const server = await serveScripted(callee);
  const invoker = new HttpInvoker({ url: server.url, answerBytesMax: ANSWER_BYTES_MAX }, realClock);
  return {
    invoker,
    dispose: async () => {
      await invoker.close();
      await server.close();
    },
  };
});

invokerContract("in process", async (callee) => {
  const invoker = new InProcessInvoker((request) => inProcess(callee(request)), realClock, { answerBytesMax: ANSWER_BYTES_MAX });
  return { invoker, dispose: () => invoker.close() };
});

function inProcess(scripted: ScriptedAnswer): InProcessAnswer {
  const { "retry-after": retryAfter, location } = scripted.headers ?? {};
  return {
    status: scripted.status ?? 200,
    contentType: scripted.contentType ?? "",
    body: chunksOf(scripted.steps),
    ...(retryAfter !== undefined && { retryAfter }),
    ...(location !== undefined && { location }),
  };
}

async function* chunksOf(steps: Iterable<Step>): AsyncGenerator<Uint8Array> {
  for (const step of steps) {
    if (step instanceof Promise) await step;
    else if (step === "never") await new Promise(() => undefined);
    else if (step === "break") throw new Error("the function died");
    else yield typeof step === "string" ? new TextEncoder().encode(step) : step;
  }
}
