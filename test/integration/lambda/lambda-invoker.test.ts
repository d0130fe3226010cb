/** What the invoker of Lambda promises beyond the contract of all invokers. */
import assert from "node:assert/strict";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, it } from "node:test";
import type { EntityResult, InvocationEnd } from "../../../src/core/entity/invocation.js";
import type { LambdaInvoker, LambdaInvokerOptions } from "../../../src/invoker/lambda/lambda-invoker.js";
import { payloadChunk } from "../../aws/lambda-server/event-stream.js";
import type { ScriptedCode } from "../../aws/lambda-server/functions.js";
import { LambdaServer } from "../../aws/lambda-server/lambda-server.js";
import { entityText, requestOf } from "../../contract/invoker.contract.js";
import { lambdaInvoker } from "../../contract/scripted-lambda.js";

const cleanups: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

async function invokerOn(code: ScriptedCode["run"], options: Partial<LambdaInvokerOptions> = {}, timeoutMs = 3_000) {
  const server = await LambdaServer.start();
  const arn = server.deploy("f", { code: { kind: "scripted", run: code }, timeoutMs });
  const invoker = lambdaInvoker(server, arn, options);
  cleanups.push(
    () => invoker.close(),
    () => server.close(),
  );
  return { server, invoker };
}

async function invoke(invoker: LambdaInvoker, request = requestOf(1)): Promise<{ end: InvocationEnd; results: EntityResult[] }> {
  const results: EntityResult[] = [];
  const end = await invoker.invoke(request, null, new AbortController().signal, (result) => results.push(result));
  return { end, results };
}

const lines: ScriptedCode["run"] = async (_event, _context, sink) => {
  sink.chunk(Buffer.from(`${entityText(0)}\n`));
  sink.chunk(Buffer.from(`{"end":1}\n`));
  return null;
};
const whole: ScriptedCode["run"] = async (event, _context, sink) => {
  const { invocation } = JSON.parse(Buffer.from(event).toString()) as { readonly invocation: string };
  sink.chunk(Buffer.from(`{"holdfast":"1","invocation":"${invocation}","entities":[${entityText(0)}]}`));
  return null;
};

describe("the invoker of a Lambda function", { timeout: 30_000 }, () => {
  it("asks for streams where the function streams, for whole answers where it does not, and notices a change", async () => {
    let answer = whole;
    const { server, invoker } = await invokerOn((event, context, sink) => answer(event, context, sink));
    const asked = async () => {
      const before = server.requests.get("InvokeWithResponseStream") ?? 0;
      assert.equal((await invoke(invoker)).end.kind, "complete");
      return (server.requests.get("InvokeWithResponseStream") ?? 0) > before ? "stream" : "whole";
    };
    assert.deepEqual([await asked(), await asked(), await asked()], ["stream", "whole", "whole"]);
    answer = lines;
    assert.deepEqual([await asked(), await asked(), await asked()], ["whole", "stream", "stream"]);
  });

  it("keeps its connections, streams or not", async () => {
    for (const answer of [lines, whole]) {
      const { server, invoker } = await invokerOn(answer);
      for (let call = 0; call < 20; call++) {
        await invoke(invoker);
        await new Promise((resolve) => setTimeout(resolve, 2));
      }
      // Two at the start: the first call and the question for the function's timeout.
      assert.ok(server.connections <= 3, `${server.connections} connections for 20 calls`);
    }
  });

  it("does not send what Lambda would not take", async () => {
    const { server, invoker } = await invokerOn(whole);
    const large = { ...requestOf(1), invocation: "x".repeat(6_291_456) };
    const { end } = await invoke(invoker, large);
    assert.deepEqual([end.kind, end.kind === "malformed" && end.code], ["malformed", "request_too_large"]);
    assert.equal(server.requests.get("InvokeFunction"), undefined);
  });

  it("waits longer than the function may take, so that a function is never run beside itself", async () => {
    const { invoker } = await invokerOn(async (event, context, sink) => {
      await new Promise((resolve) => setTimeout(resolve, 300));
      return whole(event, context, sink);
    });
    await invoke(invoker); // from then on it knows the function's timeout
    const { end } = await invoke(invoker, requestOf(1, 100));
    assert.deepEqual(end, { kind: "complete" });
  });

  it("counts every request, and the milliseconds it took", async () => {
    const counted: number[] = [];
    const { server, invoker } = await invokerOn(
      async (event, context, sink) => {
        await new Promise((resolve) => setTimeout(resolve, 20));
        return whole(event, context, sink);
      },
      { meter: { count: (kind, units) => counted.push(kind === "lambda_invoke" ? units : -1) } },
    );
    await invoke(invoker);
    server.function("f").concurrencyMax = 0;
    await invoke(invoker);
    while (counted.length < 2) await new Promise((resolve) => setTimeout(resolve, 2));
    assert.ok((counted[0] ?? 0) >= 19 && Number.isInteger(counted[0]), counted.join());
  });

  it("says that it is throttled, and leaves the pause to the router where it is the concurrency", async () => {
    const { server, invoker } = await invokerOn(whole);
    server.function("f").concurrencyMax = 0;
    const { end } = await invoke(invoker);
    assert.equal(end.kind === "unavailable" && end.retryAfterMs, null);
    assert.match(end.kind === "unavailable" ? end.message : "", /Rate Exceeded.*\[aws_throttled\]$/);
    server.function("f").refusal = { status: 429, code: "TooManyRequestsException", message: "slow down", retryAfterSeconds: 3 };
    const again = await invoke(invoker);
    assert.equal(again.end.kind === "unavailable" && again.end.retryAfterMs, 3_000);
  });

  it("takes what came before a function failed, and tells its failure", async () => {
    const { invoker } = await invokerOn(async (_event, _context, sink) => {
      sink.chunk(Buffer.from(`${entityText(1)}\n`));
      return { errorType: "TypeError", errorMessage: "x is no function" };
    });
    const { end, results } = await invoke(invoker, requestOf(2));
    assert.deepEqual(end, { kind: "cut", message: "the function failed: TypeError: x is no function" });
    assert.deepEqual(
      results.map(({ n }) => n),
      [1],
    );
  });

  it("takes a broken connection for nobody's fault before the answer, and for a cut in the middle of it", async () => {
    const dropped = await brokenServer((_request, response) => response.destroy());
    const before = await invoke(dropped);
    assert.match(before.end.kind === "unavailable" ? before.end.message : before.end.kind, /\[aws_no_answer\]$/);
    const halved = await brokenServer((_request, response) => {
      response.writeHead(200, { "content-type": "application/vnd.amazon.eventstream" });
      response.write(payloadChunk(Buffer.from(`${entityText(0)}\n`)), () => setTimeout(() => response.destroy(), 20));
    });
    const middle = await invoke(halved, requestOf(2));
    assert.deepEqual([middle.end.kind, middle.results.map(({ n }) => n)], ["cut", [0]]);
  });

  it("takes what is no event stream, and a stream without an end, for no answer", async () => {
    const odd: readonly ((response: ServerResponse) => void)[] = [
      (response) =>
        response.writeHead(200, { "content-type": "application/vnd.amazon.eventstream" }).end("nonsense, and more of it"),
      (response) => response.writeHead(200, { "content-type": "application/vnd.amazon.eventstream" }).end(),
      (response) => response.writeHead(200, { "content-type": "text/html" }).end("<html>a captive portal</html>"),
    ];
    for (const answer of odd) {
      const invoker = await brokenServer((_request, response) => answer(response));
      const { end, results } = await invoke(invoker);
      assert.ok(end.kind === "unavailable" || end.kind === "cut", end.kind);
      assert.deepEqual(results, []);
    }
  });
});

/** An invoker of a function whose every request is answered like this. */
async function brokenServer(answer: (request: IncomingMessage, response: ServerResponse) => void): Promise<LambdaInvoker> {
  const server = createServer((request, response) => void request.resume().on("end", () => answer(request, response)));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const invoker = lambdaInvoker({ url }, "arn:aws:lambda:eu-west-1:123456789012:function:f:1");
  cleanups.push(
    () => invoker.close(),
    async () => {
      server.closeAllConnections();
      server.close();
    },
  );
  return invoker;
}
