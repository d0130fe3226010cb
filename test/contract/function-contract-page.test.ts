/** docs/function-contract.md shows what the codecs really write and take. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import type { InvocationRequest } from "../../src/core/entity/invocation.js";
import { Results } from "../../src/protocol/function/answer-decoder.js";
import { decoderFor } from "../../src/protocol/function/http-binding.js";
import { encodeJsonInvocation } from "../../src/protocol/function/json-request.js";
import { decodeManifest } from "../../src/protocol/function/manifest-decoder.js";

const page = readFileSync("docs/function-contract.md", "utf8");
const [request = "", answer = "", stream = "", manifest = ""] = [...page.matchAll(/```text\n([\s\S]*?)```/g)].map(
  (block) => block[1] ?? "",
);
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

const now = Date.parse("2026-11-20T08:00:00.000Z");
const command = {
  n: 0,
  id: "c-01",
  name: "add",
  isQuery: false,
  input: bytes(`{"by":1}`),
  nowMs: now,
  attempt: 1,
  caller: null,
  metadata: [],
  answer: null,
};
const caller = { type: "shop/cart", id: "c1" };
const commands = [command, { ...command, n: 1, id: "c-02", input: bytes(`{"by":-1}`), nowMs: now + 4, caller }];
const counter = {
  n: 0,
  type: "demo/counter",
  id: "a",
  version: 41,
  stateVersion: 1,
  state: bytes(`{"count":41}`),
  events: [],
  commands,
};
const asked: InvocationRequest = { invocation: "7f3c.42.1", deadlineMs: 25_000, entities: [counter] };

function decode(contentType: string, text: string, entities: InvocationRequest["entities"]) {
  const outcomes: string[] = [];
  const results = new Results({ ...asked, entities }, (result) => outcomes.push(...result.outcomes.map(({ kind }) => kind)));
  const decoder = decoderFor(contentType, results, 1 << 20);
  const end = decoder?.push(bytes(text)) ?? decoder?.finish(null);
  return { outcomes, end };
}

describe("the page on the function contract", () => {
  it("shows the request as it is written", () => {
    assert.equal(request.replace(/\n\s*/g, ""), new TextDecoder().decode(encodeJsonInvocation(asked)));
  });

  it("shows an answer that is taken", () => {
    assert.deepEqual(decode("application/json", answer, [counter]), { outcomes: ["done", "refused"], end: { kind: "complete" } });
  });

  it("shows a streamed answer that is taken", () => {
    const { outcomes, end } = decode("application/x-ndjson", stream, [counter, { ...counter, n: 1 }]);
    assert.deepEqual({ outcomes, end }, { outcomes: ["done", "done", "skipped"], end: { kind: "complete" } });
  });

  it("shows a manifest that is taken", () => {
    assert.equal(decodeManifest(bytes(manifest)).kind, "manifest");
  });

  it("names every code with which an answer is refused", () => {
    const table = readFileSync("src/protocol/function/answer-problem.ts", "utf8");
    const codes = [...table.matchAll(/\| "(answer_\w+)"/g)].map((match) => match[1] ?? "");
    assert.ok(codes.length > 10);
    for (const code of codes) assert.ok(page.includes(`\`${code}\``), code);
  });
});
