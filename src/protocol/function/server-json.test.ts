import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { answerText, BadFunctionRequest, endLine, entityLine, parseFunctionRequest } from "./server-json.js";

describe("the function's side of the JSON form", () => {
  it("tells a discovery from an invocation", () => {
    assert.deepEqual(parseFunctionRequest(`{"holdfast":"1","kind":"discover"}`), { kind: "discover" });
    const request = parseFunctionRequest(`{"holdfast":"1","kind":"invoke","invocation":"a","deadlineMs":1,"entities":[]}`);
    assert.equal(request.kind === "invoke" && request.invocation.invocation, "a");
  });

  it("refuses what is no request of contract version 1, with a message", () => {
    const refused = ["", "nonsense", "null", "[]", "1", `{"holdfast":"2","kind":"invoke"}`, `{"holdfast":"1","kind":"x"}`];
    refused.push(`{"holdfast":"1","kind":"invoke"}`, `{"holdfast":"1","kind":"invoke","invocation":"a"}`);
    for (const text of refused) assert.throws(() => parseFunctionRequest(text), BadFunctionRequest, text);
  });

  it("writes an answer as one document or line by line", () => {
    const result = { n: 0, state: { a: 1 }, outcomes: [{ n: 0, reply: null }] };
    assert.equal(answerText("i", [result]), `{"holdfast":"1","invocation":"i","entities":[${JSON.stringify(result)}]}`);
    assert.equal(entityLine(result) + endLine(1), `${JSON.stringify(result)}\n{"end":1}\n`);
  });
});
