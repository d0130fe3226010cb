import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import type { InvocationCommand, InvocationEntity, InvocationRequest, Outcome } from "./contract.js";
import { encodeJsonInvocation } from "./json-request.js";
import { parseFunctionRequest } from "./server-json.js";

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
const textOf = (bytes: Uint8Array): string => new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
const NONE = new Uint8Array(0);

const command: InvocationCommand = {
  n: 0,
  id: "c-01",
  name: "add",
  isQuery: false,
  input: bytesOf(`{"by":1}`),
  nowMs: Date.parse("2026-11-20T08:00:00.000Z"),
  attempt: 1,
  caller: null,
  metadata: [],
  answer: null,
};
const entity: InvocationEntity = {
  n: 0,
  type: "demo/counter",
  id: "a",
  version: 41,
  stateVersion: 1,
  state: bytesOf(`{"count":41}`),
  events: [],
  commands: [command],
};
const request: InvocationRequest = { invocation: "7f3c.42.1", deadlineMs: 25_000, entities: [entity] };

function encoded(change: Partial<InvocationCommand>, entityChange: Partial<InvocationEntity> = {}): string {
  const changed = { ...entity, ...entityChange, commands: [{ ...command, ...change }] };
  return textOf(encodeJsonInvocation({ ...request, entities: [changed] }));
}

describe("a request in the JSON form", () => {
  it("is written as the contract has it", () => {
    const second = { ...command, n: 1, id: "c-02", input: bytesOf(`{"by":-1}`), nowMs: command.nowMs + 4 };
    const caller = { type: "shop/cart", id: "c1" };
    const text = textOf(
      encodeJsonInvocation({ ...request, entities: [{ ...entity, commands: [command, { ...second, caller }] }] }),
    );
    assert.equal(
      text,
      `{"holdfast":"1","kind":"invoke","invocation":"7f3c.42.1","deadlineMs":25000,"entities":[` +
        `{"n":0,"type":"demo/counter","id":"a","version":41,"stateVersion":1,"state":{"count":41},"events":[],"commands":[` +
        `{"n":0,"id":"c-01","name":"add","input":{"by":1},"now":"2026-11-20T08:00:00.000Z","attempt":1,"caller":null,"metadata":{}},` +
        `{"n":1,"id":"c-02","name":"add","input":{"by":-1},"now":"2026-11-20T08:00:00.004Z","attempt":1,` +
        `"caller":{"type":"shop/cart","id":"c1"},"metadata":{}}]}]}`,
    );
  });

  it("passes payloads through byte for byte", () => {
    const odd = `{ "a":12345678901234567890, "a":1.10,"__proto__":[1e999],"s":"\\ud800\\u0041é"}`;
    const text = encoded({ input: bytesOf(odd) }, { state: bytesOf(odd) });
    assert.ok(text.includes(`"state":${odd},"events"`));
    assert.ok(text.includes(`"input":${odd},"now"`));
  });

  it("leaves out payloads that are not there, and writes null for no state", () => {
    const text = encoded({ input: NONE }, { state: null });
    assert.ok(text.includes(`"state":null`));
    assert.ok(!text.includes(`"input"`));
  });

  it("marks queries", () => {
    assert.ok(encoded({ isQuery: true }).includes(`"name":"add","query":true,`));
    assert.ok(!encoded({}).includes(`"query"`));
  });

  it("writes events with the entity's version and their schema's", () => {
    const event = { version: 41, atMs: command.nowMs + 123, name: "added", eventVersion: 2, data: bytesOf("[1]") };
    const text = encoded({}, { events: [event, { ...event, version: 42, data: NONE }] });
    const at = `"at":"2026-11-20T08:00:00.123Z","name":"added","version":2`;
    assert.ok(text.includes(`"events":[{"entityVersion":41,${at},"data":[1]},{"entityVersion":42,${at}}]`));
  });

  it("writes an answer of each kind", () => {
    const answers: readonly (readonly [Outcome, string])[] = [
      [{ kind: "replied", reply: bytesOf("1.10") }, `{"kind":"replied","reply":1.10}`],
      [{ kind: "replied", reply: NONE }, `{"kind":"replied"}`],
      [
        { kind: "refused", code: "c", message: 'm"', details: bytesOf("{}") },
        `{"kind":"refused","code":"c","message":"m\\"","details":{}}`,
      ],
      [{ kind: "failed", code: "c", message: "m" }, `{"kind":"failed","code":"c","message":"m"}`],
    ];
    for (const [answer, text] of answers) assert.ok(encoded({ answer }).includes(`"metadata":{},"answer":${text}}`), text);
  });

  it("escapes every text so that a function reads what was meant, lone surrogates too", () => {
    const text = fc.oneof(
      fc.string({ unit: "binary" }),
      fc.string(),
      fc.string({ unit: fc.constantFrom("\ud83d", "\ude00", '"', "\\", "\n", "x") }),
    );
    fc.assert(
      fc.property(text, text, text, text, (id, name, key, value) => {
        const metadata = [[key, value]] as const;
        const parsed = parseFunctionRequest(encoded({ name, metadata, caller: { type: name, id: value } }, { id }));
        assert.ok(parsed.kind === "invoke");
        const read = parsed.invocation.entities[0];
        assert.equal(read?.id, id);
        assert.equal(read?.commands[0]?.name, name);
        assert.deepEqual(read?.commands[0]?.caller, { type: name, id: value });
        assert.deepEqual(Object.entries(read?.commands[0]?.metadata ?? {}), [[key, value]]);
      }),
    );
  });

  it("writes times as Date does", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 4e12 }), { minLength: 1, maxLength: 4 }), (times) => {
        for (const nowMs of times) assert.ok(encoded({ nowMs }).includes(`"now":"${new Date(nowMs).toISOString()}"`));
      }),
    );
  });

  it("grows with the request and forgets the large ones", () => {
    const large = bytesOf(`"${"x".repeat(9 << 20)}"`);
    assert.ok(encoded({ input: large }).length > 9 << 20);
    assert.ok(encoded({}).length < 400);
  });
});
