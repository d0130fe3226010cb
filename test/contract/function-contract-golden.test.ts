/**
 * The wire formats of contract version 1, byte for byte. What is in test/golden was spoken by functions that exist: it is
 * never changed; a new version of the contract gets files of its own.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import type { EntityResult, InvocationRequest } from "../../src/core/entity/invocation.js";
import { Results } from "../../src/protocol/function/answer-decoder.js";
import { CONTENT_TYPE } from "../../src/protocol/function/contract.js";
import { decoderFor, encodeInvocation } from "../../src/protocol/function/http-binding.js";
import type { JsonEntityResult } from "../../src/protocol/function/json-form.js";
import { answerText, endLine, entityLine, parseFunctionRequest } from "../../src/protocol/function/server-json.js";
import { answerMessage, endFrame, entityFrame, parseProtobufInvocation } from "../../src/protocol/function/server-protobuf.js";

const golden = (name: string): Uint8Array => Uint8Array.from(readFileSync(`test/golden/function-${name}`));
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (value: Uint8Array): string => new TextDecoder().decode(value);
const NONE = new Uint8Array(0);

const command = {
  n: 0,
  id: "c-1",
  name: "add",
  isQuery: false,
  input: bytes("1.10"),
  nowMs: 1_763_625_600_123,
  attempt: 2,
  caller: null,
};
const bare = { ...command, input: NONE, metadata: [], answer: null };
const request: InvocationRequest = {
  invocation: "7f3c.42.1",
  deadlineMs: 25_000,
  entities: [
    {
      n: 0,
      type: "shop/cart",
      id: 'é"😀',
      version: 41,
      stateVersion: 3,
      state: bytes(`{"a":12345678901234567890,"a":1e999}`),
      events: [{ version: 41, atMs: 1_763_625_600_000, name: "added", eventVersion: 2, data: bytes(`["\\ud800"]`) }],
      commands: [
        { ...command, metadata: [["principal", "p"]], answer: null },
        { ...bare, n: 1, isQuery: true, caller: { type: "shop/till", id: "t" } },
        { ...bare, n: 2, answer: { kind: "replied", reply: bytes("[1]") } },
        { ...bare, n: 3, answer: { kind: "refused", code: "c", message: "m", details: bytes("{}") } },
        { ...bare, n: 4, answer: { kind: "failed", code: "c", message: "m" } },
      ],
    },
    { n: 1, type: "shop/cart", id: "2", version: 0, stateVersion: 1, state: null, events: [], commands: [bare] },
  ],
};

const send = {
  to: { type: "shop/stock", id: "s" },
  command: "reserve",
  input: [1],
  replyTo: { handler: "reserved", context: "x" },
};
const results: readonly JsonEntityResult[] = [
  {
    n: 0,
    state: { count: 42 },
    outcomes: [
      {
        n: 0,
        reply: 42,
        events: [{ name: "added", version: 2, data: { by: 1 } }],
        effects: [{ send: { ...send, afterMs: 60_000, timer: "t" } }, { cancel: { timer: "u" } }],
      },
      { n: 1, refusal: { code: "no", message: "not so", details: [1] } },
      { n: 2, reply: null },
      { n: 3, fault: { message: "boom" } },
      { n: 4, skipped: true },
    ],
  },
  { n: 1, state: null, outcomes: [{ n: 0 }] },
];

/** What a decoder makes of an answer, with payloads as texts. */
function decoded(contentType: string, answer: Uint8Array): unknown {
  const given: EntityResult[] = [];
  const decoder = decoderFor(contentType, new Results(request, (result) => given.push(result)), 1 << 20);
  assert.ok(decoder !== null);
  assert.deepEqual(decoder.push(answer) ?? decoder.finish(null), { kind: "complete" });
  return JSON.parse(JSON.stringify(given, (_, value) => (value instanceof Uint8Array ? text(value) : value)));
}

describe("contract version 1 on the wire", () => {
  it("has requests that stay what they are", () => {
    assert.equal(text(encodeInvocation("json", request)), text(golden("request-1.json")));
    assert.deepEqual([...encodeInvocation("protobuf", request)], [...golden("request-1.bin")]);
  });

  it("has requests that functions go on reading, the same in both encodings", () => {
    const parsed = parseFunctionRequest(text(golden("request-1.json")));
    assert.ok(parsed.kind === "invoke");
    assert.deepEqual(parseProtobufInvocation(golden("request-1.bin")), parsed.invocation);
  });

  it("has answers that stay what they are", () => {
    assert.equal(answerText(request.invocation, results), text(golden("answer-1.json")));
    assert.equal(results.map(entityLine).join("") + endLine(2), text(golden("answer-1.ndjson")));
    assert.deepEqual([...answerMessage(request.invocation, results)], [...golden("answer-1.bin")]);
    const frames = [...results.map(entityFrame), endFrame(2)].flatMap((frame) => [...frame]);
    assert.deepEqual(frames, [...golden("answer-stream-1.bin")]);
  });

  it("has answers that routers go on reading, the same in every encoding", () => {
    const expected = JSON.parse(text(golden("results-1.json")));
    assert.deepEqual(decoded(CONTENT_TYPE.json, golden("answer-1.json")), expected);
    assert.deepEqual(decoded(CONTENT_TYPE.jsonStream, golden("answer-1.ndjson")), expected);
    assert.deepEqual(decoded(CONTENT_TYPE.protobuf, golden("answer-1.bin")), expected);
    assert.deepEqual(decoded(CONTENT_TYPE.protobufStream, golden("answer-stream-1.bin")), expected);
  });
});
