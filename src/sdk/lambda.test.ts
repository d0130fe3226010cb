import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { invocationText } from "./call-local.js";
import { command, entity, type LambdaHttpResponse, lambdaHandler, unchecked } from "./index.js";

const Counter = entity("demo/counter", {
  commands: { add: command({ input: unchecked<number>(), reply: unchecked<number>() }) },
});
const counter = Counter.value({ initial: () => 0 }).handle({
  commands: {
    add(ctx, by) {
      ctx.state = ctx.state + by;
      return ctx.state;
    },
  },
});
const request = invocationText([{ type: "demo/counter", state: 1, commands: [{ name: "add", input: 2 }] }]);
const entities = [{ n: 0, state: 3, outcomes: [{ n: 0, reply: 3 }] }];
const answer = { holdfast: "1", invocation: "i-1", entities };
const quiet = { onFault: () => undefined };

describe("lambdaHandler", () => {
  const handler = lambdaHandler([counter], quiet);

  it("answers a direct invocation with the contract's answer", async () => {
    assert.deepEqual(JSON.parse(JSON.stringify(await handler(JSON.parse(request)))), answer);
    assert.match(JSON.stringify(await handler({ holdfast: "1", kind: "discover" })), /"demo\/counter"/);
    await assert.rejects(handler({ holdfast: "9" }), /contract version 1/);
  });

  it("answers HTTP events of function URLs and API Gateway with an HTTP response", async () => {
    const base64 = Buffer.from(request).toString("base64");
    const events = [
      { version: "2.0", requestContext: {}, body: request, isBase64Encoded: false },
      { version: "2.0", requestContext: {}, body: base64, isBase64Encoded: true },
      { httpMethod: "POST", requestContext: {}, body: request },
    ];
    for (const event of events) {
      const response = (await handler(event)) as LambdaHttpResponse;
      assert.equal(response.statusCode, 200);
      assert.equal(response.headers["content-type"], "application/json");
      assert.deepEqual(JSON.parse(response.body), answer);
    }
    for (const event of [{ body: "nonsense" }, { body: null }, {}]) {
      assert.equal(((await handler(event)) as LambdaHttpResponse).statusCode, 400);
    }
  });

  it("begins nothing when Lambda has no time left", async () => {
    const result = JSON.stringify(await handler(JSON.parse(request), { getRemainingTimeInMillis: () => 100 }));
    assert.match(result, /deadline passed before/);
  });

  it("streams where the runtime can, direct and over HTTP", async () => {
    const written: string[] = [];
    const preludes: unknown[] = [];
    const stream = {
      setContentType: (type: string) => preludes.push(type),
      write: (chunk: string) => written.push(chunk),
      end: () => written.push("<end>"),
    };
    type Streamed = (event: unknown, to: typeof stream, context: object) => Promise<void>;
    const runtime = {
      streamifyResponse: (streamed: Streamed) => (event: unknown) => streamed(event, stream, {}),
      HttpResponseStream: {
        from(to: typeof stream, prelude: unknown) {
          preludes.push(prelude);
          return to;
        },
      },
    };
    Object.assign(globalThis, { awslambda: runtime });
    try {
      const streaming = lambdaHandler([counter], quiet);
      await streaming(JSON.parse(request));
      await streaming({ body: request });
      await streaming({ body: "nonsense" });
      assert.equal("statusCode" in ((await lambdaHandler([counter], { streaming: false })({ body: request })) as object), true);
    } finally {
      Reflect.deleteProperty(globalThis, "awslambda");
    }
    const lines = [`${JSON.stringify(entities[0])}\n`, `{"end":1}\n`, "<end>"];
    assert.deepEqual(written.slice(0, 6), [...lines, ...lines]);
    assert.match(written[6] ?? "", /"status":400/);
    const headers = { "content-type": "application/x-ndjson" };
    assert.deepEqual(preludes.slice(0, 2), ["application/x-ndjson", { statusCode: 200, headers }]);
  });
});
