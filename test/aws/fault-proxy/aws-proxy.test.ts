import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, beforeEach, describe, it } from "node:test";
import { AwsProxy, PASS, type Treatment } from "./aws-proxy.js";
import { denied } from "./aws-replies.js";
import { awsOperation } from "./aws-request.js";
import { Faults } from "./faults.js";

const arrived: string[] = [];
const upstream = createServer(async (request, response) => {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  arrived.push(`${request.method} ${request.url} ${request.headers.host} ${Buffer.concat(chunks)}`);
  response.writeHead(200, { etag: '"1"' }).end(`answer ${arrived.length}`);
});
let proxy: AwsProxy;

before(async () => {
  upstream.listen(0, "127.0.0.1");
  await once(upstream, "listening");
  const url = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`;
  proxy = await AwsProxy.open({ upstream: { dynamodb: url, s3: url, lambda: url }, plan: () => PASS });
});
after(async () => {
  await proxy.close();
  upstream.close();
});
beforeEach(() => {
  arrived.length = 0;
});

async function put(treatment: Treatment): Promise<Response> {
  proxy.plan = () => treatment;
  return fetch(`${proxy.url}/bucket/a%20b`, { method: "PUT", body: "content" });
}

async function arrivals(count: number): Promise<void> {
  for (const until = Date.now() + 5_000; arrived.length < count && Date.now() < until; ) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  assert.equal(arrived.length, count);
}

describe("the proxy in front of AWS", () => {
  it("hands requests and answers on as they are, the signed host included", async () => {
    const response = await put(PASS);
    assert.deepEqual([response.status, response.headers.get("etag"), await response.text()], [200, '"1"', "answer 1"]);
    assert.deepEqual(arrived, [`PUT /bucket/a%20b ${new URL(proxy.url).host} content`]);
  });

  it("drops a request: it never arrives, and the connection breaks", async () => {
    await assert.rejects(put({ kind: "drop" }));
    await put(PASS);
    assert.equal(arrived.length, 1);
  });

  it("swallows a request: it never arrives, and its sender hears nothing until it gives up", async () => {
    proxy.plan = () => ({ kind: "swallow" });
    const sent = fetch(`${proxy.url}/bucket/a`, { method: "PUT", body: "content", signal: AbortSignal.timeout(100) });
    await assert.rejects(sent, { name: "TimeoutError" });
    for (const until = Date.now() + 5_000; proxy.openActions.length > 0 && Date.now() < until; )
      await new Promise((resolve) => setTimeout(resolve, 5));
    assert.deepEqual(proxy.openActions, []);
    assert.equal(arrived.length, 0);
  });

  it("loses an answer: the request has taken effect, and the connection breaks", async () => {
    await assert.rejects(put({ kind: "loseReply" }));
    assert.equal(arrived.length, 1);
  });

  it("lets a request land after its sender was told that the connection broke", async () => {
    await assert.rejects(put({ kind: "landLater", afterMs: 30 }));
    assert.equal(arrived.length, 0);
    await arrivals(1);
  });

  it("delivers a request twice, and gives the first answer", async () => {
    assert.equal(await (await put({ kind: "duplicate", afterMs: 5 })).text(), "answer 1");
    await arrivals(2);
    assert.equal(arrived[0], arrived[1]);
  });

  it("answers in the service's name, before or after the effect", async () => {
    const reply = denied(awsOperation("PUT", "/bucket/a", {}));
    const before = await put({ kind: "answer", reply, isAfterEffect: false });
    assert.equal(before.status, 403);
    assert.match(await before.text(), /AccessDenied.*s3:PutObject/);
    assert.equal(arrived.length, 0);
    await put({ kind: "answer", reply, isAfterEffect: true });
    assert.equal(arrived.length, 1);
  });
});

describe("what a request asks for", () => {
  it("is told in the words of permissions", () => {
    const dynamo = { "x-amz-target": "DynamoDB_20120810.PutItem" };
    assert.equal(awsOperation("POST", "/", dynamo).action, "dynamodb:PutItem");
    const invoke = "/2015-03-31/functions/cart/invocations?Qualifier=7";
    assert.equal(awsOperation("POST", invoke, {}).action, "lambda:InvokeFunction");
    const s3: readonly (readonly [method: string, url: string, action: string])[] = [
      ["PUT", "/b/k?x-id=PutObject", "s3:PutObject"],
      ["POST", "/b/k?uploads", "s3:PutObject"],
      ["PUT", "/b/k?partNumber=1&uploadId=u", "s3:PutObject"],
      ["DELETE", "/b/k?uploadId=u", "s3:AbortMultipartUpload"],
      ["HEAD", "/b/k", "s3:GetObject"],
      ["DELETE", "/b/k", "s3:DeleteObject"],
      ["POST", "/b?delete", "s3:DeleteObject"],
      ["GET", "/b?list-type=2&prefix=p", "s3:ListBucket"],
      ["GET", "/b?versioning", "s3:GetBucketVersioning"],
      ["PUT", "/b?lifecycle", "s3:PutLifecycleConfiguration"],
      ["PUT", "/b", "s3:CreateBucket"],
    ];
    for (const [method, url, action] of s3) assert.equal(awsOperation(method, url, {}).action, action, `${method} ${url}`);
    assert.deepEqual(awsOperation("GET", "/b/a%2Fb/c", {}).key, "a/b/c");
  });
});

describe("faults by seed", () => {
  const rates = { rate: 0.5, delayMsMax: 100 };
  const plans = (seed: number): readonly string[] => {
    const faults = new Faults(seed, { dynamodb: rates, s3: rates, lambda: { rate: 0, delayMsMax: 0 } });
    const operation = awsOperation("PUT", "/b/k", {});
    const asked = { ...operation, method: "PUT", url: "/b/k", rawHeaders: [], body: Buffer.alloc(0) };
    return Array.from({ length: 400 }, () => {
      const treatment = faults.plan(asked);
      return treatment.kind === "pass" && treatment.delayMs > 0 ? "delay" : treatment.kind;
    });
  };

  it("are the same for the same seed, others for another, and of every kind", () => {
    assert.deepEqual(plans(7), plans(7));
    assert.notDeepEqual(plans(7), plans(8));
    assert.deepEqual(new Set(plans(7)), new Set(["pass", "delay", "drop", "landLater", "loseReply", "duplicate", "answer"]));
    const share = plans(7).filter((kind) => kind === "pass").length / 400;
    assert.ok(share > 0.4 && share < 0.6, `${share} pass`);
  });
});
