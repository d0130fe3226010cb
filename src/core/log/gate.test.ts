import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Effect } from "../effect.js";
import { Gate } from "./gate.js";

const output = (request: number): Effect => ({ kind: "answer", request, answer: { kind: "done" } });

function requests(effects: readonly Effect[]): number[] {
  return effects.map((effect) => (effect.kind === "answer" ? effect.request : assert.fail(effect.kind)));
}

test("an output leaves at once where its position is durable, else when it becomes so", () => {
  const gate = new Gate();
  const effects: Effect[] = [];
  gate.pass(0, output(1), effects);
  assert.deepEqual(requests(effects), [1], "it saw nothing that could be lost");
  gate.pass(2, output(2), effects);
  gate.release(1, effects);
  assert.deepEqual(requests(effects), [1]);
  assert.equal(gate.held, 1);
  gate.release(2, effects);
  gate.pass(2, output(3), effects);
  assert.deepEqual(requests(effects), [1, 2, 3]);
  assert.equal(gate.held, 0);
});

test("outputs leave in the order of positions, and of one position in the order they came; each once", () => {
  fc.assert(
    fc.property(fc.array(fc.nat({ max: 12 }), { maxLength: 60 }), fc.array(fc.nat({ max: 12 })), (positions, releases) => {
      const gate = new Gate();
      const effects: Effect[] = [];
      for (const [request, position] of positions.entries()) gate.pass(position, output(request), effects);
      const atOnce = positions.flatMap((position, request) => (position === 0 ? [request] : []));
      assert.deepEqual(requests(effects), atOnce);
      for (const durable of [...releases, 12, 12]) gate.release(durable, effects);
      const held = positions.map((position, request) => ({ position, request })).filter(({ position }) => position > 0);
      held.sort((left, right) => left.position - right.position || left.request - right.request);
      assert.deepEqual(requests(effects), [...atOnce, ...held.map(({ request }) => request)]);
      assert.equal(gate.held, 0);
    }),
  );
});

test("a durable tail that seems to shrink closes nothing again", () => {
  const gate = new Gate();
  const effects: Effect[] = [];
  gate.release(5, effects);
  gate.release(3, effects);
  gate.pass(5, output(1), effects);
  assert.deepEqual(requests(effects), [1]);
});

test("without a lease an output waits although its position is durable, unless its record goes out after it was made", () => {
  const gate = new Gate();
  const effects: Effect[] = [];
  gate.issued(5);
  gate.release(4, effects);
  gate.lease(false, effects);
  gate.pass(4, output(1), effects);
  gate.pass(5, output(2), effects);
  gate.pass(6, output(3), effects);
  assert.equal(gate.held, 3);
  gate.release(6, effects);
  assert.deepEqual(requests(effects), [3], "its own record proves that nobody had sealed the log");
  gate.lease(true, effects);
  assert.deepEqual(requests(effects), [3, 1, 2]);
  assert.equal(gate.held, 0);
  assert.equal(gate.bytes, 0);
});

test("a feed keeps its order across a lease that lapsed", () => {
  const gate = new Gate();
  const effects: Effect[] = [];
  const feed = (version: number): Effect => ({
    kind: "feed",
    request: version,
    ended: null,
    events: [{ version, atMs: 0, name: "e", eventVersion: 1, data: new Uint8Array(1) }],
  });
  gate.lease(false, effects);
  gate.pass(0, feed(1), effects);
  gate.pass(1, feed(2), effects);
  gate.release(1, effects);
  assert.equal(effects.length, 0);
  gate.lease(true, effects);
  assert.deepEqual(
    effects.map((effect) => (effect.kind === "feed" ? effect.request : assert.fail(effect.kind))),
    [1, 2],
  );
});

const said = (request: number): Effect => ({ kind: "peerSend", to: "b-1", frame: { kind: "askerLeft", request } });

test("what other routers are told waits for its position and for no lease: it is a fact of the log", () => {
  const gate = new Gate();
  const effects: Effect[] = [];
  gate.lease(false, effects);
  gate.issued(3);
  gate.pass(0, said(1), effects);
  assert.deepEqual(effects.splice(0), [said(1)]);
  gate.pass(3, said(2), effects);
  gate.pass(3, output(9), effects);
  assert.deepEqual(effects, []);
  gate.release(3, effects);
  assert.deepEqual(effects.splice(0), [said(2)], "the answer saw what had gone out before, and waits for the lease");
  gate.pass(2, said(3), effects);
  assert.deepEqual(effects.splice(0), [said(3)]);
  gate.lease(true, effects);
  assert.deepEqual(requests(effects), [9]);
  assert.equal(gate.held, 0);
  assert.equal(gate.bytes, 0);
});
