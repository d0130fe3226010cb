import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { Results } from "../protocol/function/answer-decoder.js";
import { CONTENT_TYPE, type EntityResult, type InvocationRequest } from "../protocol/function/contract.js";
import { decoderFor } from "../protocol/function/http-binding.js";
import { encodeProtobufInvocation } from "../protocol/function/protobuf-request.js";
import { type CallEntity, invocationText } from "./call-local.js";
import { command, entity, type FunctionServer, serve, unchecked } from "./index.js";

const Counter = entity("demo/counter", {
  commands: { add: command({ input: unchecked<{ by: number; afterMs?: number }>(), reply: unchecked<number>() }) },
});
const begun = new Set<string>();
const aborted = new Set<string>();
const counter = Counter.value({ initial: () => 0 }).handle({
  commands: {
    async add(ctx, { by, afterMs }) {
      begun.add(ctx.id);
      ctx.signal.addEventListener("abort", () => aborted.add(ctx.id));
      if (afterMs !== undefined) await new Promise((resolve) => setTimeout(resolve, afterMs));
      ctx.state = ctx.state + by;
      return ctx.state;
    },
  },
});

function adding(id: string, input: { by: number; afterMs?: number }): CallEntity {
  return { type: "demo/counter", id, state: 1, commands: [{ name: "add", input }] };
}

const INVOCATION: InvocationRequest = {
  invocation: "i-1",
  deadlineMs: 1_000,
  entities: [
    {
      n: 0,
      type: "demo/counter",
      id: "p",
      version: 1,
      stateVersion: 1,
      state: Buffer.from("1"),
      events: [],
      commands: [
        {
          n: 0,
          id: "c-0",
          name: "add",
          isQuery: false,
          input: Buffer.from(`{"by":2}`),
          nowMs: 0,
          attempt: 1,
          caller: null,
          metadata: [],
          answer: null,
        },
      ],
    },
  ],
};

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 2));
}

describe("serve", () => {
  let server: FunctionServer;
  const post = (body: string, headers: Record<string, string> = {}, signal: AbortSignal | null = null) =>
    fetch(server.url, { method: "POST", body, signal, headers: { "content-type": "application/json", ...headers } });

  before(async () => {
    server = await serve([counter], { port: 0, bodyBytesMax: 100_000 });
  });
  after(() => server.close());

  it("streams one entity a line as it finishes, then the end line", async () => {
    const response = await post(invocationText([adding("slow", { by: 1, afterMs: 60 }), adding("fast", { by: 2 })]));
    assert.equal(response.headers.get("content-type"), "application/x-ndjson");
    assert.ok(response.body);
    const chunks: string[] = [];
    for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) chunks.push(chunk);
    assert.ok(chunks.length > 1, "the fast entity does not wait for the slow one");
    assert.equal(chunks[0], `{"n":1,"state":3,"outcomes":[{"n":0,"reply":3}]}\n`);
    assert.equal(chunks.slice(1).join(""), `{"n":0,"state":2,"outcomes":[{"n":0,"reply":2}]}\n{"end":2}\n`);
  });

  it("answers in one document where the caller asks for JSON", async () => {
    const response = await post(invocationText([adding("a", { by: 1 })]), { accept: "application/json" });
    assert.deepEqual(await response.json(), {
      holdfast: "1",
      invocation: "i-1",
      entities: [{ n: 0, state: 2, outcomes: [{ n: 0, reply: 2 }] }],
    });
  });

  it("speaks protobuf, streamed and whole", async () => {
    const request = encodeProtobufInvocation(INVOCATION);
    for (const accept of [`${CONTENT_TYPE.protobufStream}, ${CONTENT_TYPE.protobuf}`, CONTENT_TYPE.protobuf]) {
      const headers = { "content-type": CONTENT_TYPE.protobuf, accept };
      const response = await fetch(server.url, { method: "POST", body: request, headers });
      const entities: EntityResult[] = [];
      const type = response.headers.get("content-type") ?? "";
      const decoder = decoderFor(type, new Results(INVOCATION, (result) => entities.push(result)), 10_000);
      assert.ok(decoder, type);
      const end = decoder.push(new Uint8Array(await response.arrayBuffer())) ?? decoder.finish(null);
      assert.deepEqual(end, { kind: "complete" });
      const [result] = entities;
      assert.equal(result?.state && Buffer.from(result.state).toString(), "3");
    }
  });

  it("answers a discovery", async () => {
    const manifest = (await (await post(`{"holdfast":"1","kind":"discover"}`)).json()) as { types: { type: string }[] };
    assert.deepEqual(
      manifest.types.map((type) => type.type),
      ["demo/counter"],
    );
  });

  it("says what is wrong with a request: method, size, content type, content", async () => {
    const get = await fetch(server.url);
    assert.deepEqual([get.status, get.headers.get("allow")], [405, "POST"]);
    assert.equal((await post("x".repeat(100_001))).status, 413);
    assert.equal((await post("{}", { "content-type": "text/xml" })).status, 415);
    const bad = await post("nonsense");
    assert.equal(bad.status, 400);
    assert.match(((await bad.json()) as { detail: string }).detail, /no JSON/);
  });

  it("tells handlers when the router has gone away", async () => {
    const abort = new AbortController();
    const answer = post(invocationText([adding("left", { by: 1, afterMs: 100 })]), {}, abort.signal);
    const gone = assert.rejects(answer.then((response) => response.text()));
    await until(() => begun.has("left"));
    abort.abort();
    await gone;
    await until(() => aborted.has("left"));
  });

  it("answers what is running before it closes", async () => {
    const other = await serve([counter], { port: 0 });
    const answer = fetch(other.url, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: invocationText([adding("running", { by: 1, afterMs: 50 })]),
    });
    await until(() => begun.has("running"));
    await other.close();
    assert.match(await (await answer).text(), /"reply":2/);
  });

  it("rejects a port that is taken", async () => {
    await assert.rejects(serve([counter], { port: server.port }), /EADDRINUSE/);
  });
});
