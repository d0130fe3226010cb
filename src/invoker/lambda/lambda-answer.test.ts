import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { Results } from "../../protocol/function/answer-decoder.js";
import type { EntityResult } from "../../protocol/function/contract.js";
import { LambdaAnswerDecoder } from "./lambda-answer.js";

const entity = (n: number) => `{"n":${n},"outcomes":[{"n":0,"reply":${n}}]}`;
const LINES = `${entity(1)}\n${entity(0)}\n{"end":2}\n`;
const DOCUMENT = `{"holdfast":"1","invocation":"i","entities":[${entity(1)},${entity(0)}]}`;

function decode(text: string, cuts: readonly number[] = [], bytesMax = 1 << 20) {
  const given: EntityResult[] = [];
  const entities = [0, 1].map((n) => ({
    n,
    type: "a/b",
    id: "x",
    version: 0,
    stateVersion: 1,
    state: null,
    events: [],
    commands: [],
  }));
  const decoder = new LambdaAnswerDecoder(
    new Results({ invocation: "i", deadlineMs: 1, entities }, (result) => given.push(result)),
    bytesMax,
  );
  const bytes = Buffer.from(text);
  const marks = [0, ...[...cuts].sort((left, right) => left - right), bytes.length];
  for (const [index, from] of marks.entries()) {
    const end = decoder.push(bytes.subarray(from, marks[index + 1] ?? bytes.length));
    if (end !== null) return { end, given: given.map(({ n }) => n), form: decoder.form };
  }
  return { end: decoder.finish(null), given: given.map(({ n }) => n), form: decoder.form };
}

describe("the bytes that a Lambda function answers", () => {
  const forms: readonly (readonly [string, string, "lines" | "document"])[] = [
    ["lines", LINES, "lines"],
    ["lines that begin with something else than n", `{"outcomes":[],"n":1}\n${entity(0)}\n{"end":2}`, "lines"],
    ["lines that name the invocation", `{"invocation":"i",${entity(1).slice(1)}\n${entity(0)}\n{"end":2}`, "lines"],
    ["a document", DOCUMENT, "document"],
    ["a document over several lines", JSON.stringify(JSON.parse(DOCUMENT), null, 2), "document"],
    [
      "a document that begins with the invocation",
      `{"invocation" : "i", ${DOCUMENT.slice(1).replace('"invocation":"i",', "")}`,
      "document",
    ],
    [
      "a document that begins with its entities",
      `{"entities":[${entity(1)},${entity(0)}],"invocation":"i","holdfast":"1"}`,
      "document",
    ],
  ];
  for (const [what, text, form] of forms) {
    it(`are read as ${what}, wherever they are cut`, () => {
      fc.assert(
        fc.property(fc.array(fc.nat(text.length), { maxLength: 8 }), (cuts) => {
          assert.deepEqual(decode(text, cuts), { end: { kind: "complete" }, given: [1, 0], form });
        }),
        { numRuns: 50 },
      );
    });
  }

  it("are refused where they are neither, or too long", () => {
    const code = (text: string, bytesMax?: number) => {
      const { end } = decode(text, [], bytesMax);
      return end.kind === "malformed" ? end.code : end.kind;
    };
    assert.equal(code(""), "answer_empty");
    assert.equal(code("null"), "answer_shape");
    assert.equal(code(JSON.stringify(DOCUMENT)), "answer_shape");
    assert.equal(code(`{"statusCode":200,"body":"{}"}`), "answer_version");
    assert.equal(code("x".repeat(5_000), 4_000), "answer_too_large");
    assert.equal(code(LINES, 20), "answer_too_large");
  });
});
