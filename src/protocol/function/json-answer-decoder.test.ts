import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { type AnswerDecoder, Results } from "./answer-decoder.js";
import type { EntityResult, InvocationEnd, InvocationRequest } from "./contract.js";
import { JsonStreamDecoder, jsonDocumentDecoder } from "./json-answer-decoder.js";

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
const textOf = (bytes: Uint8Array | null | undefined): string =>
  bytes == null ? String(bytes) : new TextDecoder().decode(bytes);

function requestOf(entities: number): InvocationRequest {
  const one = (_: unknown, n: number) => ({
    n,
    type: "a/b",
    id: `${n}`,
    version: 0,
    stateVersion: 1,
    state: null,
    events: [],
    commands: [],
  });
  return { invocation: "i.1", deadlineMs: 1000, entities: Array.from({ length: entities }, one) };
}

interface Decoded {
  readonly results: EntityResult[];
  readonly end: InvocationEnd;
}

function run(
  kind: "document" | "stream",
  chunks: readonly Uint8Array[],
  options: { entities?: number; bytesMax?: number; cut?: string } = {},
): Decoded {
  const results: EntityResult[] = [];
  const sink = new Results(requestOf(options.entities ?? 2), (result) => results.push(result));
  const bytesMax = options.bytesMax ?? 1 << 20;
  const decoder: AnswerDecoder =
    kind === "document" ? jsonDocumentDecoder(sink, bytesMax) : new JsonStreamDecoder(sink, bytesMax);
  for (const chunk of chunks) {
    const end = decoder.push(chunk);
    if (end !== null) return { results, end };
  }
  return { results, end: decoder.finish(options.cut ?? null) };
}

const documentOf = (entities: string): string => `{"holdfast":"1","invocation":"i.1","entities":[${entities}]}`;
const decode = (text: string, options = {}): Decoded => run("document", [bytesOf(text)], options);
const stream = (text: string, options = {}): Decoded => run("stream", [bytesOf(text)], options);
const outcome = (text: string) => decode(documentOf(`{"n":0,"state":1,"outcomes":[${text}]}`)).results[0]?.outcomes[0];

function endCode(decoded: Decoded): string {
  return decoded.end.kind === "malformed" ? decoded.end.code : decoded.end.kind;
}

describe("an answer in one JSON document", () => {
  it("is read as the contract has it", () => {
    const { results, end } = decode(
      `{"holdfast":"1","invocation":"i.1","entities":[{"n":0,"state":{"count":42},"outcomes":[{"n":0,"reply":42,"effects":[` +
        `{"send":{"to":{"type":"demo/log","id":"x"},"command":"note","input":{},"replyTo":null,"afterMs":0,"timer":null}}]},` +
        `{"n":1,"refusal":{"code":"negative","message":"by must be positive"}}]}]}`,
    );
    assert.deepEqual(end, { kind: "complete" });
    assert.equal(textOf(results[0]?.state), `{"count":42}`);
    const [done, refused] = results[0]?.outcomes ?? [];
    assert.ok(done?.kind === "done" && refused?.kind === "refused");
    assert.equal(textOf(done.reply), "42");
    const effect = done.effects[0];
    assert.ok(effect?.kind === "send");
    assert.deepEqual(
      { ...effect, input: textOf(effect.input) },
      {
        kind: "send",
        to: { type: "demo/log", id: "x" },
        command: "note",
        input: "{}",
        replyTo: null,
        afterMs: 0,
        timer: null,
      },
    );
    assert.deepEqual([refused.code, refused.message, refused.details.length], ["negative", "by must be positive", 0]);
  });

  it("hands payloads back byte for byte", () => {
    const odd = [
      `12345678901234567890`,
      `1e999`,
      `1.10`,
      `{"a":1,"a":2}`,
      `{"__proto__":{"x":1}}`,
      `"\\ud800"`,
      `[ 1 ,2 ]`,
      `"é😀"`,
    ];
    for (const text of odd) {
      const { results } = decode(
        documentOf(
          `{"n":0,"state": ${text} ,"outcomes":[{"n":0,"reply":${text},"events":[{"name":"e","data":${text}}],"effects":[{"send":{` +
            `"to":{"type":"a/b","id":"c"},"command":"d","input":${text},"replyTo":{"handler":"h","context":${text}}}}]},` +
            `{"n":1,"refusal":{"code":"c","message":"m","details":${text}}}]}`,
        ),
      );
      const [done, refused] = results[0]?.outcomes ?? [];
      assert.ok(done?.kind === "done" && refused?.kind === "refused");
      const send = done.effects[0];
      assert.ok(send?.kind === "send");
      const payloads = [results[0]?.state, done.reply, done.events[0]?.data, send.input, send.replyTo?.context, refused.details];
      assert.deepEqual(payloads.map(textOf), [text, text, text, text, text, text]);
    }
  });

  it("tells an unchanged state, a deleted one and none of a reply from a reply that is null", () => {
    const { results } = decode(documentOf(`{"n":0,"outcomes":[{"n":0}]},{"n":1,"state":null,"outcomes":[{"n":0,"reply":null}]}`));
    assert.equal("state" in (results[0] as object), false);
    assert.equal(results[1]?.state, null);
    const replies = results.map(({ outcomes: [first] }) => (first?.kind === "done" ? textOf(first.reply) : "?"));
    assert.deepEqual(replies, ["", "null"]);
  });

  it("reads every kind of outcome", () => {
    assert.deepEqual(outcome(`{"n":7,"fault":{"message":"boom"}}`), { n: 7, kind: "faulted", message: "boom" });
    assert.deepEqual(outcome(`{"n":7,"skipped":true}`), { n: 7, kind: "skipped" });
    assert.equal(
      outcome(`{"n":7,"reply":null,"refusal":null,"fault":null,"skipped":false,"needsState":null,"events":null,"effects":null}`)
        ?.kind,
      "done",
    );
    assert.equal(outcome(`{"n":7,"reply":null,"refusal":{"code":"c","message":"m"}}`)?.kind, "refused");
  });

  it("reads its own fields however they are spelled, and ignores what it does not know", () => {
    assert.deepEqual(outcome(`{"\\u006e":2.0,"new":{"n":[1]},"f\\u0061ult":{"message":"a\\u00e9","n":1}}`), {
      n: 2,
      kind: "faulted",
      message: "aé",
    });
    const cancel = outcome(`{"n":0,"effects":[ { "cancel" : { "timer" : "t" , "why":{} } } ]}`);
    assert.deepEqual(cancel?.kind === "done" && cancel.effects, [{ kind: "cancel", timer: "t" }]);
  });

  it("reads whole numbers in every spelling of JSON, and no others", () => {
    const timer = (afterMs: string) => {
      const sent = outcome(`{"n":0,"effects":[{"send":{"to":{"type":"a","id":"b"},"command":"c","afterMs":${afterMs}}}]}`);
      const effect = sent?.kind === "done" ? sent.effects[0] : undefined;
      return effect?.kind === "send" ? effect.afterMs : sent?.kind;
    };
    const whole = ["0", "7", "10", "1234567890", "999999999999999", "9007199254740991", "1.0", "12e3", "1.5e1", "0e9", "-0"];
    for (const text of whole) assert.equal(timer(text) === Number(text) || (timer(text) === 0 && text === "-0"), true, text);
    for (const text of ["9007199254740992", "-1", "1.5", "1e99", "true", '"1"']) assert.equal(timer(text), "faulted", text);
  });

  it("faults every outcome of an entity of which one breaks the contract, drops its state, and keeps the other entities", () => {
    const broken: readonly (readonly [string, RegExp])[] = [
      [`{"n":1,"effects":[{"egress":{}}]}`, /outcome 1: the effect 'egress' is reserved/],
      [`{"n":1,"effects":[{"explode":{"n":5}}]}`, /unknown kind of effect: 'explode'/],
      [`{"n":1,"effects":[{"cancel":{"timer":"t"},"explode":{}}]}`, /more than one kind/],
      [`{"n":1,"effects":[{}]}`, /no kind/],
      [`{"n":1,"effects":{}}`, /'effects' must be a list/],
      [`{"n":1,"effects":[{"cancel":{}}]}`, /'cancel.timer' is missing/],
      [`{"n":1,"effects":[{"send":{"command":"a"}}]}`, /'send.to' is missing/],
      [`{"n":1,"effects":[{"send":{"to":{"type":"a"},"command":"a"}}]}`, /needs 'type' and 'id'/],
      [`{"n":1,"effects":[{"send":{"to":{"type":"a","id":"\\ud800"},"command":"a"}}]}`, /lone surrogate/],
      [`{"n":1,"effects":[{"send":{"to":{"type":"a","id":"b"},"command":"a","afterMs":-1}}]}`, /'send.afterMs' must be/],
      [`{"n":1,"effects":[{"send":{"to":{"type":"a","id":"b"},"command":"a","afterMs":1e999}}]}`, /'send.afterMs' must be/],
      [`{"n":1,"effects":[{"send":{"to":{"type":"a","id":"${"x".repeat(1025)}"},"command":"a"}}]}`, /longer than 1024/],
      [`{"n":1,"needsState":true}`, /'needsState' is reserved/],
      [`{"n":1,"reply":1,"refusal":{"code":"c","message":"m"}}`, /more than one of/],
      [`{"n":1,"skipped":true,"fault":{"message":"m"}}`, /more than one of/],
      [`{"n":1,"refusal":{"message":"m"}}`, /'refusal.code' is missing/],
      [`{"n":1,"refusal":{"code":"c","message":"m"},"events":[{"name":"e"}]}`, /only a command that was done/],
      [`{"n":1,"events":[{"data":1}]}`, /'name' of an event/],
      [`{"n":1,"reply":1,"reply":2}`, /'reply' is given twice/],
      [`{"fault":5,"n":1}`, /'fault' must be an object/],
    ];
    for (const [text, message] of broken) {
      const { results, end } = decode(
        documentOf(`{"n":0,"state":1,"outcomes":[{"n":0,"reply":1},${text}]},{"n":1,"outcomes":[]}`),
      );
      assert.deepEqual(end, { kind: "complete" }, text);
      assert.equal("state" in (results[0] as object), false, text);
      assert.deepEqual(
        results[0]?.outcomes.map(({ n, kind }) => `${n} ${kind}`),
        ["0 faulted", "1 faulted"],
        text,
      );
      const first = results[0]?.outcomes[0];
      assert.match(first?.kind === "faulted" ? first.message : "", message);
      assert.equal(results[1]?.n, 1);
    }
  });

  it("is malformed as a whole when its frame is", () => {
    const entity = `{"n":0,"outcomes":[]}`;
    const codes: readonly (readonly [string, string])[] = [
      ["", "answer_empty"],
      ["  ", "answer_not_json"],
      ["null", "answer_shape"],
      ["[]", "answer_shape"],
      [documentOf("").slice(0, -1), "answer_not_json"],
      [`${documentOf("")}x`, "answer_not_json"],
      [documentOf(`{"n":0,"state":{"a":tru},"outcomes":[]}`), "answer_not_json"],
      [documentOf(`{"n":0,"state":${"[".repeat(129)}${"]".repeat(129)},"outcomes":[]}`), "answer_not_json"],
      [documentOf(entity).replace('"1"', '"2"'), "answer_version"],
      [`{"invocation":"i.1","entities":[]}`, "answer_version"],
      [documentOf(entity).replace("i.1", "i.2"), "answer_wrong_invocation"],
      [`{"holdfast":"1","entities":[]}`, "answer_shape"],
      [`{"holdfast":"1","invocation":"i.1"}`, "answer_shape"],
      [documentOf(`{"n":2,"outcomes":[]}`), "answer_wrong_entity"],
      [documentOf(`${entity},${entity}`), "answer_entity_twice"],
      [documentOf(`{"outcomes":[]}`), "answer_shape"],
      [documentOf(`{"n":0}`), "answer_shape"],
      [documentOf(`{"n":0,"outcomes":[{"reply":1}]}`), "answer_shape"],
      [documentOf(`{"n":-1,"outcomes":[]}`), "answer_shape"],
      [documentOf(`{"n":0,"n":1,"outcomes":[]}`), "answer_shape"],
      [documentOf(`{"n":0,"outcomes":[],"end":1}`), "complete"],
    ];
    for (const [text, code] of codes) assert.equal(endCode(decode(text)), code, text);
  });

  it("gives nothing when one of its entities is wrong", () => {
    assert.deepEqual(decode(documentOf(`{"n":0,"outcomes":[]},{"n":9,"outcomes":[]}`)).results, []);
  });

  it("is cut when the transport says so, and too large beyond its limit", () => {
    assert.deepEqual(decode(documentOf(""), { cut: "reset" }).end, { kind: "cut", message: "reset" });
    assert.equal(endCode(decode(documentOf(""), { bytesMax: 10 })), "answer_too_large");
  });

  it("repairs messages for people, and bounds them", () => {
    const message = (text: string) => {
      const result = outcome(`{"n":0,"fault":{"message":"${text}"}}`);
      return result?.kind === "faulted" ? result.message : "";
    };
    assert.equal(message("a\\ud800b\\ud83d\\ude00"), "a\ufffdb😀");
    assert.equal(message("x".repeat(10_000)).length, 4096);
  });
});

describe("a streamed JSON answer", () => {
  const lines = `{"n":1,"state":{"a":1},"outcomes":[{"n":0,"reply":1}]}\n{"n":0,"outcomes":[{"n":0,"skipped":true}]}\n{"end":2}\n`;

  it("gives each entity as its line ends, and completes with its last line", () => {
    const { results, end } = stream(lines);
    assert.deepEqual(
      results.map(({ n }) => n),
      [1, 0],
    );
    assert.deepEqual(end, { kind: "complete" });
    assert.deepEqual(stream(lines.replaceAll("\n", "\r\n\n")).end, { kind: "complete" });
    assert.deepEqual(stream(lines.trimEnd()).end, { kind: "complete" });
  });

  it("gives what was complete of a cut stream", () => {
    for (let length = 0; length < lines.length - 10; length++) {
      const { results, end } = stream(lines.slice(0, length), { cut: "reset" });
      assert.deepEqual(end, { kind: "cut", message: "reset" });
      const whole = lines.slice(0, length + 1).match(/\}\n/g)?.length ?? 0;
      assert.equal(results.length, whole, `${length}`);
    }
    assert.match((stream(lines.slice(0, 60)).end as { message: string }).message, /before its last line/);
  });

  it("is malformed from the line that is, and keeps what came before", () => {
    const first = `{"n":1,"outcomes":[]}\n`;
    const codes: readonly (readonly [string, string])[] = [
      [`${first}nonsense\n`, "answer_not_json"],
      [`${first}{"end":2}\n`, "answer_count_mismatch"],
      [`${first}${first}`, "answer_entity_twice"],
      [`${first}{"n":5,"outcomes":[]}\n`, "answer_wrong_entity"],
      [`${first}{"invocation":"other","n":0,"outcomes":[]}\n`, "answer_wrong_invocation"],
      [`${first}{"outcomes":[]}\n`, "answer_shape"],
      [`${first}{"end":"x"}\n`, "answer_shape"],
      [`${first}{}`, "answer_shape"],
    ];
    for (const [text, code] of codes) {
      const decoded = stream(text);
      assert.equal(endCode(decoded), code, text);
      assert.equal(decoded.results.length, 1, text);
    }
    assert.equal(endCode(stream("")), "answer_empty");
    assert.equal(endCode(stream(lines, { bytesMax: 60 })), "answer_too_large");
    assert.equal(endCode(stream(`{"n":0,"outcomes":[],"x":"${"y".repeat(5000)}`, { bytesMax: 999 })), "answer_too_large");
  });

  it("does not depend on where chunks are cut", () => {
    const expected = stream(lines);
    const bytes = bytesOf(lines.replace(`"a"`, `"aé😀"`));
    fc.assert(
      fc.property(fc.array(fc.nat(bytes.length), { maxLength: 12 }), (cuts) => {
        const places = [0, ...cuts.sort((a, b) => a - b), bytes.length];
        const chunks = places.slice(1).map((to, index) => bytes.slice(places[index], to));
        const { results, end } = run("stream", chunks);
        assert.deepEqual(end, expected.end);
        assert.equal(textOf(results[0]?.state), `{"aé😀":1}`);
        assert.deepEqual(
          results.map(({ n, outcomes }) => [n, outcomes]),
          expected.results.map(({ n, outcomes }) => [n, outcomes]),
        );
      }),
    );
  });
});

describe("hostile bytes", () => {
  const text = documentOf(
    `{"n":0,"state":{"a":[1,"x"]},"outcomes":[{"n":0,"reply":42,"events":[{"name":"e","version":1,"data":{}}],"effects":[{"send":{` +
      `"to":{"type":"demo/log","id":"x"},"command":"note","input":{},"replyTo":{"handler":"h","context":1},"afterMs":5,"timer":"t"}},` +
      `{"cancel":{"timer":"t"}}]},{"n":1,"refusal":{"code":"c","message":"m","details":{}}},{"n":2,"fault":{"message":"m"}}]}`,
  );

  it("never make a decoder throw, and never give an entity that was not asked for, or one twice", () => {
    const mutation = fc.tuple(fc.nat(), fc.nat(255), fc.constantFrom("flip", "drop", "double", "cut"));
    const source = bytesOf(text);
    const lines = bytesOf(`${text.slice(text.indexOf("[") + 1, -2)}\n{"end":1}\n`);
    fc.assert(
      fc.property(fc.boolean(), fc.array(mutation, { minLength: 1, maxLength: 4 }), fc.nat(), (isStream, mutations, split) => {
        let bytes = [...(isStream ? lines : source)];
        for (const [place, byte, kind] of mutations) {
          const at = place % Math.max(1, bytes.length);
          if (kind === "flip") bytes[at] = byte;
          else if (kind === "drop") bytes.splice(at, 1 + (byte % 9));
          else if (kind === "double") bytes.splice(at, 0, ...bytes.slice(at, at + byte));
          else bytes = bytes.slice(0, at);
        }
        const mutated = Uint8Array.from(bytes);
        const half = split % (mutated.length + 1);
        const { results } = run(isStream ? "stream" : "document", [mutated.slice(0, half), mutated.slice(half)]);
        assert.ok(results.every(({ n }) => n === 0 || n === 1));
        assert.equal(new Set(results.map(({ n }) => n)).size, results.length);
      }),
      { numRuns: 5000 },
    );
  });
});
