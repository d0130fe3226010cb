import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import protobuf from "protobufjs";
import { Results } from "./answer-decoder.js";
import type { EntityResult, InvocationEnd, InvocationRequest } from "./contract.js";
import { readAnswerDocument } from "./json-answer.js";
import type { JsonEntityResult } from "./json-form.js";
import { encodeJsonInvocation } from "./json-request.js";
import { JsonScanner } from "./json-scanner.js";
import { ProtobufStreamDecoder, protobufDocumentDecoder } from "./protobuf-answer-decoder.js";
import { encodeProtobufInvocation } from "./protobuf-request.js";
import { answerText, BadFunctionRequest } from "./server-json.js";
import { answerMessage, endFrame, entityFrame, parseProtobufInvocation } from "./server-protobuf.js";

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

/** The file lies in the repository's root, above the compiled test wherever that is. */
function protoText(): string {
  for (let folder = dirname(fileURLToPath(import.meta.url)); ; folder = dirname(folder)) {
    try {
      return readFileSync(join(folder, "proto/holdfast/function/v1/function.proto"), "utf8");
    } catch (error) {
      if (folder === dirname(folder)) throw error;
    }
  }
}

const root = protobuf.parse(protoText()).root;
const messageType = (name: string): protobuf.Type => root.lookupType(`holdfast.function.v1.${name}`);

const NONE = new Uint8Array(0);
const command = {
  n: 0,
  id: "c-1",
  name: "add",
  isQuery: false,
  input: bytesOf("1.10"),
  nowMs: 1_763_625_600_123,
  attempt: 2,
  caller: null,
};
const replied = { kind: "replied", reply: bytesOf("[1]") } as const;
const refused = { kind: "refused", code: "c", message: "m", details: bytesOf("{}") } as const;
const failed = { kind: "failed", code: "c", message: "m" } as const;
const request: InvocationRequest = {
  invocation: "7f.1",
  deadlineMs: 25_000,
  entities: [
    {
      n: 0,
      type: "a/b",
      id: "é😀",
      version: 2 ** 40,
      stateVersion: 3,
      state: bytesOf(`{"a":1}`),
      events: [
        { version: 5, atMs: 1_763_625_600_000, name: "e", eventVersion: 2, data: bytesOf("[]") },
        { version: 6, atMs: 1, name: "f", eventVersion: 1, data: NONE },
      ],
      commands: [
        {
          ...command,
          metadata: [
            ["traceparent", "00-1"],
            ["", ""],
          ],
          answer: null,
        },
        { ...command, n: 1, isQuery: true, input: NONE, caller: { type: "x/y", id: "z" }, metadata: [], answer: null },
        { ...command, n: 2, metadata: [], answer: replied },
        { ...command, n: 3, metadata: [], answer: refused },
        { ...command, n: 4, metadata: [], answer: failed },
        { ...command, n: 5, metadata: [], answer: { kind: "replied", reply: NONE } },
      ],
    },
    { n: 1, type: "a/b", id: "2", version: 0, stateVersion: 1, state: null, events: [], commands: [] },
  ],
};

const results: readonly JsonEntityResult[] = [
  {
    n: 0,
    state: { count: 42 },
    outcomes: [
      {
        n: 0,
        reply: 42,
        events: [{ name: "e", version: 2, data: { a: "é" } }, { name: "f" }],
        effects: [
          {
            send: {
              to: { type: "a/b", id: "c" },
              command: "d",
              input: [1],
              replyTo: { handler: "h", context: null },
              afterMs: 2 ** 36,
              timer: "t",
            },
          },
          { send: { to: { type: "a/b", id: "c" }, command: "d" } },
          { cancel: { timer: "t" } },
        ],
      },
      { n: 1, refusal: { code: "c", message: "m", details: { x: 1 } } },
      { n: 2, fault: { message: "boom" } },
      { n: 3, skipped: true },
      { n: 4, reply: null },
      { n: 5 },
    ],
  },
  { n: 1, state: null, outcomes: [{ n: 0 }] },
];

interface Decoded {
  readonly results: EntityResult[];
  readonly end: InvocationEnd;
}

function run(kind: "document" | "stream", chunks: readonly Uint8Array[], cut: string | null = null): Decoded {
  const given: EntityResult[] = [];
  const sink = new Results(request, (result) => given.push(result));
  const decoder = kind === "document" ? protobufDocumentDecoder(sink, 1 << 20) : new ProtobufStreamDecoder(sink, 1 << 20);
  for (const chunk of chunks) {
    const end = decoder.push(chunk);
    if (end !== null) return { results: given, end };
  }
  return { results: given, end: decoder.finish(cut) };
}

function joined(...parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

/** Buffers and plain arrays are the same bytes. */
function plain(value: unknown): unknown {
  return JSON.parse(
    JSON.stringify(value, (_, content) =>
      content?.type === "Buffer" ? [...content.data] : ArrayBuffer.isView(content) ? [...(content as Uint8Array)] : content,
    ),
  );
}

/** What the JSON form makes of the same results. */
const expected = plain(
  readAnswerDocument(
    new JsonScanner(bytesOf(answerText("7f.1", results)), 0, bytesOf(answerText("7f.1", results)).length),
    "7f.1",
  ),
);
const stream = joined(...results.map(entityFrame), endFrame(2));

describe("the protobuf form", () => {
  it("gives a function the same request as the JSON form does", () => {
    const fromJson = JSON.parse(new TextDecoder().decode(encodeJsonInvocation(request)));
    assert.deepEqual(parseProtobufInvocation(encodeProtobufInvocation(request)), fromJson);
  });

  it("gives the router the same results as the JSON form does, in one message and streamed", () => {
    for (const decoded of [run("document", [answerMessage("7f.1", results)]), run("stream", [stream])]) {
      assert.deepEqual(decoded.end, { kind: "complete" });
      assert.deepEqual(plain(decoded.results), expected);
    }
  });

  it("writes what function.proto describes: nothing is unknown to it, and it writes the same bytes", () => {
    const pairs: readonly (readonly [string, Uint8Array])[] = [
      ["Invocation", encodeProtobufInvocation(request)],
      ["Answer", answerMessage("7f.1", results)],
    ];
    for (const [name, bytes] of pairs) {
      const type = messageType(name);
      const object = type.toObject(type.decode(bytes), { longs: Number });
      assert.deepEqual([...type.encode(type.fromObject(object)).finish()], [...bytes], name);
    }
    const frame = messageType("AnswerFrame").decodeDelimited(endFrame(2)).toJSON();
    assert.deepEqual(frame, { end: 2 });
  });

  it("reads what function.proto writes, the reserved kinds too", () => {
    const answerOf = (outcome: object): EntityResult | undefined => {
      const type = messageType("Answer");
      const object = { invocation: "7f.1", entities: [{ n: 1, state: bytesOf("1"), outcomes: [outcome] }] };
      return run("document", [type.encode(type.fromObject(object)).finish()]).results[0];
    };
    const send = { to: { type: "a", id: "b" }, command: "c" };
    const kinds: readonly (readonly [object, string, RegExp?])[] = [
      [{ done: {} }, "done"],
      [{ done: { effects: [{ send }] } }, "done"],
      [{ done: { effects: [{ egress: {} }] } }, "faulted", /'egress' is reserved/],
      [{ done: { effects: [{}] } }, "faulted", /no kind/],
      [{ needsState: {} }, "faulted", /'needs_state' is reserved/],
      [{}, "faulted", /no kind/],
      [{ done: { reply: bytesOf("{") } }, "faulted", /'reply' is no JSON/],
      [{ done: { events: [{}] } }, "faulted", /'name' of an event/],
      [{ refusal: { message: "m" } }, "faulted", /'refusal.code'/],
      [{ fault: {} }, "faulted", /no message/],
      [{ done: { effects: [{ send: { ...send, to: {} } }] } }, "faulted", /needs 'type' and 'id'/],
    ];
    for (const [outcome, kind, message] of kinds) {
      const [first] = answerOf(outcome)?.outcomes ?? [];
      assert.equal(first?.kind, kind, JSON.stringify(outcome));
      if (message !== undefined) assert.match(first?.kind === "faulted" ? first.message : "", message);
    }
    assert.equal("state" in (answerOf({ needsState: {} }) ?? {}), false);
  });

  it("refuses an unknown kind of effect, and ignores unknown fields elsewhere", () => {
    // An outcome with a done that holds one effect (field 3) with the unknown field 9, and with the unknown field 15.
    const unknownEffect = [0x1a, 0x02, 0x4a, 0x00];
    const unknownField = [0x7a, 0x01, 0x00, 0x78, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
    const answer = (done: readonly number[]): Uint8Array => {
      const outcome = [0x12, done.length, ...done];
      const entity = [0x08, 1, 0x22, outcome.length, ...outcome];
      return Uint8Array.from([0x0a, 4, ...bytesOf("7f.1"), 0x12, entity.length, ...entity]);
    };
    const [refused] = run("document", [answer(unknownEffect)]).results[0]?.outcomes ?? [];
    assert.match(refused?.kind === "faulted" ? refused.message : "", /unknown kind of effect: field 9/);
    assert.equal(run("document", [answer(unknownField)]).results[0]?.outcomes[0]?.kind, "done");
  });

  it("refuses an outcome of two kinds, and a field that reaches beyond its message", () => {
    const answer = (entity: readonly number[]): Uint8Array =>
      Uint8Array.from([0x0a, 4, ...bytesOf("7f.1"), 0x12, entity.length, ...entity]);
    const twice = run("document", [answer([0x08, 1, 0x22, 4, 0x12, 0, 0x2a, 0])]);
    const [first] = twice.results[0]?.outcomes ?? [];
    assert.match(first?.kind === "faulted" ? first.message : "", /more than one kind/);
    // The entity says 2 bytes, its state takes 3 more; what follows would make it whole again.
    const beyond = Uint8Array.from([0x0a, 4, ...bytesOf("7f.1"), 0x12, 2, 0x12, 3, 0x31, 0x32, 0x33]);
    const { end } = run("document", [beyond]);
    assert.equal(end.kind === "malformed" && end.code, "answer_not_protobuf");
  });

  it("does not depend on where a stream's chunks are cut, and gives what was complete of a cut one", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(stream.length), { maxLength: 9 }), fc.nat(stream.length - 1), (cuts, length) => {
        const places = [0, ...cuts.sort((a, b) => a - b), stream.length];
        const chunks = places.slice(1).map((to, index) => stream.slice(places[index], to));
        assert.deepEqual(plain(run("stream", chunks)), plain(run("stream", [stream])));
        const half = run("stream", [stream.slice(0, length)], "reset");
        assert.deepEqual(half.end, { kind: "cut", message: "reset" });
        assert.ok(half.results.length <= 2);
      }),
    );
    assert.equal(run("stream", [joined(entityFrame({ n: 1, outcomes: [] }), Uint8Array.of(9))], "reset").results.length, 1);
  });

  it("names what is wrong with the frame", () => {
    const codes: readonly (readonly ["document" | "stream", Uint8Array, string])[] = [
      ["document", NONE, "answer_empty"],
      ["stream", NONE, "answer_empty"],
      ["document", answerMessage("other", results), "answer_wrong_invocation"],
      ["document", answerMessage("7f.1", [{ n: 7, outcomes: [] }]), "answer_wrong_entity"],
      [
        "document",
        answerMessage("7f.1", [
          { n: 1, outcomes: [] },
          { n: 1, outcomes: [] },
        ]),
        "answer_entity_twice",
      ],
      ["document", Uint8Array.of(0x0b), "answer_not_protobuf"],
      ["document", Uint8Array.of(0x0a, 0xff, 0xff, 0x03), "answer_not_protobuf"],
      ["document", Uint8Array.of(0x00, 0x01), "answer_not_protobuf"],
      ["stream", endFrame(3), "answer_count_mismatch"],
      ["stream", Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0xff), "answer_not_protobuf"],
      ["stream", Uint8Array.of(0xff, 0xff, 0xff, 0x7f), "answer_too_large"],
      ["stream", Uint8Array.of(0x00), "answer_shape"],
    ];
    for (const [kind, bytes, code] of codes) {
      const { end } = run(kind, [bytes]);
      assert.equal(end.kind === "malformed" && end.code, code, [...bytes].join(" "));
    }
  });

  it("never throws, whatever the bytes", () => {
    const source = answerMessage("7f.1", results);
    const mutation = fc.tuple(fc.nat(), fc.nat(255), fc.constantFrom("flip", "drop", "cut"));
    fc.assert(
      fc.property(
        fc.constantFrom("document" as const, "stream" as const),
        fc.array(mutation, { minLength: 1, maxLength: 4 }),
        (kind, mutations) => {
          let bytes = [...(kind === "document" ? source : stream)];
          for (const [place, byte, what] of mutations) {
            const at = place % Math.max(1, bytes.length);
            if (what === "flip") bytes[at] = byte;
            else if (what === "drop") bytes.splice(at, 1);
            else bytes = bytes.slice(0, at);
          }
          const decoded = run(kind, [Uint8Array.from(bytes)]);
          assert.ok(decoded.results.every(({ n }) => n === 0 || n === 1));
        },
      ),
      { numRuns: 5000 },
    );
    const asked = encodeProtobufInvocation(request);
    const mutated = fc
      .tuple(fc.nat(asked.length - 1), fc.nat(255))
      .map(([at, byte]) => Uint8Array.from(asked).fill(byte, at, at + 1));
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 64 }), mutated), (bytes) => {
        run("document", [bytes]);
        run("stream", [bytes]);
        try {
          parseProtobufInvocation(bytes);
        } catch (error) {
          assert.ok(error instanceof BadFunctionRequest);
        }
      }),
      { numRuns: 2000 },
    );
  });
});
