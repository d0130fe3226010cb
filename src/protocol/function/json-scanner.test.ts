import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { JSON_DEPTH_MAX, jsonProblem } from "./json-scanner.js";

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

/** What the platform's own parser says, with strict UTF-8. */
function isJson(bytes: Uint8Array): boolean {
  try {
    JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes));
    return true;
  } catch {
    return false;
  }
}

describe("jsonProblem", () => {
  it("accepts what JSON allows, however odd", () => {
    const fine = ["0", "-0", "1.10", "12345678901234567890", "1e999", "-1E+2", '""', '"\\ud800"', '"\\u0000\\/"', "null", "true"];
    fine.push(" \t\r\n[ ]", "[ 1 , 2 ]", '{"a":1,"a":2}', '{"__proto__":{"x":1}}', '{ "a" : { } , "b" : [ { } ] } ', '"é€😀"');
    for (const text of fine) assert.equal(jsonProblem(bytesOf(text)), null, text);
  });

  it("refuses what is no JSON and names the place", () => {
    const broken: readonly (readonly [string, number])[] = [
      ["", 0],
      [" ", 1],
      ["01", 1],
      ["1.", 2],
      ["-", 1],
      [".5", 0],
      ["1e", 2],
      ["tru", 3],
      ["nulL", 3],
      ["NaN", 0],
      ["'a'", 0],
      ['"a', 2],
      ['"\\x"', 1],
      ['"\\u12g4"', 5],
      ['"a\nb"', 2],
      ["[1,]", 3],
      ["[1 2]", 3],
      ["{a:1}", 1],
      ['{"a"}', 4],
      ['{"a":1,}', 7],
      ["[1}", 2],
      ["{}{}", 2],
      ["1 2", 2],
      ["\ufeff1", 0],
    ];
    for (const [text, offset] of broken) assert.equal(jsonProblem(bytesOf(text))?.offset, offset, text);
  });

  it("refuses bytes that are not UTF-8", () => {
    const sequences = [[0x80], [0xc0, 0x80], [0xc1, 0xbf], [0xe0, 0x9f, 0xbf], [0xed, 0xa0, 0x80], [0xf0, 0x8f, 0xbf, 0xbf]];
    sequences.push([0xf4, 0x90, 0x80, 0x80], [0xf5, 0x80, 0x80, 0x80], [0xe2, 0x82], [0xff], [0xc3, 0x28]);
    for (const sequence of sequences) {
      assert.notEqual(jsonProblem(Uint8Array.from([0x22, ...sequence, 0x22])), null, sequence.join(" "));
    }
  });

  it("refuses nesting beyond its limit, however deep, without a stack overflow", () => {
    assert.equal(jsonProblem(bytesOf("[".repeat(JSON_DEPTH_MAX) + "]".repeat(JSON_DEPTH_MAX))), null);
    assert.match(jsonProblem(bytesOf("[".repeat(JSON_DEPTH_MAX + 1)))?.message ?? "", /nested deeper than 128/);
    assert.match(jsonProblem(bytesOf('{"a":'.repeat(1_000_000)))?.message ?? "", /nested deeper than 128/);
  });

  it("agrees with the platform's parser on every value and on every mutation of one", () => {
    const mutation = fc.tuple(fc.nat(), fc.constantFrom("flip", "drop", "insert", "cut"), fc.nat(255));
    const text = fc.oneof(
      fc.json({ maxDepth: 4 }),
      fc.json({ stringUnit: "binary" }),
      fc.jsonValue().map((v) => JSON.stringify(v, null, 1)),
    );
    fc.assert(
      fc.property(text, fc.array(mutation, { maxLength: 3 }), (value, mutations) => {
        let bytes = [...bytesOf(value)];
        for (const [place, kind, byte] of mutations) {
          const at = bytes.length === 0 ? 0 : place % bytes.length;
          if (kind === "flip") bytes[at] = byte;
          else if (kind === "drop") bytes.splice(at, 1);
          else if (kind === "insert") bytes.splice(at, 0, `[]{}",:\\0-.eE \ntfn`.charCodeAt(byte % 18));
          else bytes = bytes.slice(0, at);
        }
        const mutated = Uint8Array.from(bytes);
        assert.equal(jsonProblem(mutated) === null, isJson(mutated));
      }),
      { numRuns: 3000 },
    );
  });
});
