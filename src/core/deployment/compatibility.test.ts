import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { DEFAULT_POLICY, type EntityType } from "../entity/entity-type.js";
import { incompatibilities, needsOf, withNeedsOf } from "./compatibility.js";

function cart(changes: Partial<EntityType> = {}, events: Record<string, number> = { added: 1 }): EntityType {
  const spec = (name: string) => [name, { name, exposure: "public", inputSchema: null, replySchema: null }] as const;
  return {
    name: "shop/cart",
    kind: "event-sourced",
    stateVersion: 2,
    commands: new Map([spec("add"), spec("expire")]),
    queries: new Map([spec("view")]),
    replies: new Set(["reserved"]),
    events: new Map(Object.entries(events).map(([name, eventVersion]) => [name, { name, eventVersion }])),
    policy: DEFAULT_POLICY,
    ...changes,
  };
}

const codes = (next: EntityType, needs = needsOf(cart())) => incompatibilities(needs, next).map(({ code }) => code);

describe("compatibility of a new version of a type", () => {
  it("holds for the same version, and for one that knows more", () => {
    assert.deepEqual(codes(cart()), []);
    assert.deepEqual(codes(cart({ stateVersion: 3, queries: new Map() }, { added: 2, removed: 1 })), []);
  });

  it("misses each thing that what is stored may need", () => {
    assert.deepEqual(codes(cart({ stateVersion: 1 })), ["state_version_lower"]);
    assert.deepEqual(codes(cart({}, {})), ["event_missing"]);
    assert.deepEqual(codes(cart({ commands: new Map() })), ["command_missing", "command_missing"]);
    assert.deepEqual(codes(cart({ replies: new Set() })), ["reply_missing"]);
    const needs = needsOf(cart({}, { added: 2 }));
    assert.deepEqual(codes(cart(), needs), ["event_version_lower"]);
  });

  it("cannot be forced where the stored could not be told apart or found", () => {
    const value = incompatibilities(needsOf(cart()), cart({ kind: "value" }));
    assert.deepEqual([value[0]?.code, value[0]?.canBeForced], ["kind_changed", false]);
    const policy = { ...DEFAULT_POLICY, colocation: { kind: "prefix", separator: ":" } as const };
    const moved = incompatibilities(needsOf(cart()), cart({ policy }));
    assert.deepEqual([moved[0]?.code, moved[0]?.canBeForced], ["colocation_changed", false]);
    const wasAction = incompatibilities(needsOf(cart({ kind: "action" })), cart());
    assert.deepEqual([wasAction[0]?.code, wasAction[0]?.canBeForced], ["kind_changed", true]);
  });

  it("remembers what every earlier version left behind", () => {
    const needs = withNeedsOf(
      needsOf(cart({}, { added: 3 })),
      cart({ stateVersion: 1, replies: new Set(["charged"]) }, { removed: 1 }),
    );
    assert.deepEqual(codes(cart({}, { removed: 1 }), needs), ["event_missing", "reply_missing"]);
    assert.equal(needs.stateVersion, 2);
    assert.equal(needs.events.get("added"), 3);
  });
});
