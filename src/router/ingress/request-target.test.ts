import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { idProblem } from "../../core/entity/address.js";
import { outcomePath, parseTarget } from "./request-target.js";

describe("request targets", () => {
  it("give back every allowed id that was percent-encoded", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme", maxLength: 60 }), (id) => {
        fc.pre(idProblem(id) === null);
        const target = parseTarget(`/shop/cart/${encodeURIComponent(id)}/add?x=1`);
        assert.deepEqual(target, { kind: "call", type: "shop/cart", id, name: "add", query: "x=1" });
      }),
    );
  });

  it("are total: anything is a target or is refused, and no accepted id is one that addresses refuse", () => {
    const piece = fc.oneof(
      fc.constantFrom("/", "%", "%2F", "%00", "$", "?", "..", "%ED%A0%80", "a", "é"),
      fc.string({ maxLength: 5 }),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        const target = parseTarget(`/${pieces.join("")}`);
        if (target.kind !== "bad" && target.kind !== "error") assert.equal(idProblem(target.id), null);
      }),
      { numRuns: 2_000 },
    );
  });

  it("find the outcome where Location says it is", () => {
    const target = parseTarget(outcomePath("shop/cart", "a/b c", "k-1"));
    assert.deepEqual(target, { kind: "outcome", type: "shop/cart", id: "a/b c", commandId: "k-1", query: "" });
  });

  it("begin behind a prefix where one is given", () => {
    const target = parseTarget("/v1/state/shop/cart/c1?x", "/v1/state".length);
    assert.deepEqual(target, { kind: "entity", type: "shop/cart", id: "c1", query: "x" });
  });
});
