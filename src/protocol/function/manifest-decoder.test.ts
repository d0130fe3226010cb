import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import type { Manifest } from "./manifest.js";
import { decodeManifest, preferredEncoding } from "./manifest-decoder.js";
import { manifestText } from "./server-json.js";

const decode = (value: unknown) =>
  decodeManifest(new TextEncoder().encode(typeof value === "string" ? value : JSON.stringify(value)));

const full: Manifest = {
  holdfast: "1",
  contracts: ["1", "2"],
  encodings: ["json", "protobuf"],
  types: [
    {
      type: "shop/cart",
      kind: "event-sourced",
      stateVersion: 3,
      commands: [{ name: "add", exposure: "internal", input: { type: "object" }, reply: true }],
      queries: [{ name: "view", exposure: "public", input: null, reply: { type: "array" } }],
      replies: ["reserved"],
      events: [{ name: "added", version: 2 }],
      wishes: {
        history: "30d",
        idempotencyRetention: "24h",
        stateTtl: "none",
        stateBytesMax: 1000,
        mailboxMax: 10,
        expose: ["state", "events"],
        colocation: { prefix: ":" },
        onPoison: "pause",
      },
    },
  ],
};

describe("a manifest", () => {
  it("is read whole", () => {
    assert.deepEqual(decode(manifestText(full)), { kind: "manifest", manifest: full });
  });

  it("needs no more than a type and its kind", () => {
    const outcome = decode({ holdfast: "1", types: [{ type: "demo/counter", kind: "value", commands: [{ name: "add" }] }] });
    assert.ok(outcome.kind === "manifest");
    assert.deepEqual(outcome.manifest.encodings, ["json"]);
    assert.deepEqual(outcome.manifest.types[0], {
      type: "demo/counter",
      kind: "value",
      stateVersion: 1,
      commands: [{ name: "add", exposure: "public", input: null, reply: null }],
      queries: [],
      replies: [],
      events: [],
      wishes: {},
    });
  });

  it("is refused when it speaks no version that the router speaks", () => {
    for (const manifest of [{ holdfast: "2", types: [] }, { ...full, contracts: ["2"] }, {}]) {
      const outcome = decode(manifest);
      assert.equal(outcome.kind === "refused" && outcome.code, "manifest_version");
    }
  });

  it("is refused with each problem and its place", () => {
    const type = { type: "a/b", kind: "value" };
    const cases: readonly (readonly [unknown, string])[] = [
      [{ holdfast: "1" }, "types must be a list"],
      [{ holdfast: "1", types: [1] }, "types[0] must be an object"],
      [{ holdfast: "1", types: [{ kind: "value" }] }, "types[0].type must be a text that is not empty"],
      [{ holdfast: "1", types: [{ type: "a/b" }] }, "types[0].kind must be 'event-sourced' or 'value' or 'action'"],
      [{ holdfast: "1", types: [type, type] }, "types names 'a/b' twice"],
      [{ holdfast: "1", types: [], encodings: ["avro"] }, "encodings must name 'json' or 'protobuf'"],
      [{ holdfast: "1", types: [{ ...type, stateVersion: 0 }] }, "types[0].stateVersion must be a whole number from 1 on"],
      [
        { holdfast: "1", types: [{ ...type, commands: [{ name: "a" }], queries: [{ name: "a" }] }] },
        "types[0].commands names 'a' twice",
      ],
      [
        { holdfast: "1", types: [{ ...type, commands: [{ name: "a", exposure: "x" }] }] },
        "types[0].commands[0].exposure must be 'public' or 'internal'",
      ],
      [
        { holdfast: "1", types: [{ ...type, commands: [{ name: "a", input: 5 }] }] },
        "types[0].commands[0].input must be a JSON Schema: an object, true or false",
      ],
      [
        { holdfast: "1", types: [{ ...type, wishes: { stateTtl: "soon" } }] },
        "types[0].wishes.stateTtl must be a duration such as '30s', '24h' or '366d', or 'none'",
      ],
      [
        { holdfast: "1", types: [{ ...type, wishes: { expose: ["all"] } }] },
        "types[0].wishes.expose[0] must be 'state' or 'events'",
      ],
      [
        { holdfast: "1", types: [{ ...type, wishes: { colocation: {} } }] },
        "types[0].wishes.colocation.prefix must be a text that is not empty",
      ],
    ];
    for (const [manifest, problem] of cases) {
      const outcome = decode(manifest);
      assert.equal(outcome.kind === "refused" && outcome.code, "manifest_malformed", problem);
      assert.ok(outcome.kind === "refused" && outcome.problems.includes(problem), JSON.stringify(outcome));
    }
  });

  it("is never read from a prototype, and never makes the decoder throw", () => {
    assert.equal(decode(`{"__proto__":{"holdfast":"1","types":[]}}`).kind, "refused");
    fc.assert(fc.property(fc.oneof(fc.json(), fc.string()), (text) => decode(text).kind === "refused"));
    const problems = decode({ holdfast: "1", types: Array(500).fill({}) });
    assert.equal(problems.kind === "refused" && problems.problems.length, 20);
  });

  it("is called in JSON where it can be", () => {
    assert.equal(preferredEncoding(full), "json");
    assert.equal(preferredEncoding({ ...full, encodings: ["protobuf"] }), "protobuf");
  });
});
