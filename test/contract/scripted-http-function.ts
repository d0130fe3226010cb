/** A scripted function as a small HTTP server on the loopback. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { ScriptedFunction } from "./invoker.contract.js";

export interface ScriptedServer {
  readonly url: string;
  readonly close: () => Promise<void>;
}

export async function serveScripted(callee: ScriptedFunction): Promise<ScriptedServer> {
  const server = createServer((request, response) => {
    answer(callee, request, response).catch((error: unknown) => response.destroy(error as Error));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function answer(callee: ScriptedFunction, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  const gone = new AbortController();
  response.once("close", () => gone.abort());
  const { traceparent, tracestate, accept } = request.headers;
  const scripted = callee({
    contentType: request.headers["content-type"] ?? "",
    accept: accept ?? "",
    body: Buffer.concat(chunks),
    trace:
      typeof traceparent === "string" ? { traceparent, tracestate: typeof tracestate === "string" ? tracestate : null } : null,
    signal: gone.signal,
  });
  let hasHead = false;
  const writeHead = () => {
    if (!hasHead) response.writeHead(scripted.status ?? 200, { "content-type": scripted.contentType ?? "", ...scripted.headers });
    hasHead = true;
  };
  for (const step of scripted.steps) {
    if (gone.signal.aborted) return;
    if (step instanceof Promise) await step;
    else if (step === "never") return;
    else if (step === "break") {
      response.destroy();
      return;
    } else {
      writeHead();
      const hasRoom = response.write(step);
      // What was written goes out before the next step, so that a break comes behind it.
      if (!hasRoom)
        await Promise.race([
          new Promise((resolve) => response.once("drain", resolve)),
          new Promise((resolve) => gone.signal.addEventListener("abort", resolve)),
        ]);
      else await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }
  writeHead();
  response.end();
}
