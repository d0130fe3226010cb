import assert from "node:assert/strict";
import { test } from "node:test";
import type { Asked } from "../request.js";
import { Served } from "./served.js";

const of = { type: "shop/cart", id: "c1" };

function asked(request: number): Asked {
  return { kind: "timersAsked", request, of, limit: 1 };
}

test("requests of several nodes have numbers of their own, below zero, and are answered under the numbers that they had", () => {
  const served = new Served();
  const [one, other] = [served.adopt("a-1", asked(7)).request, served.adopt("b-1", asked(7)).request];
  assert.ok(one < 0 && other < 0 && one !== other);
  const answer = { kind: "done" } as const;
  const said = served.outputOf({ kind: "answer", request: other, answer });
  assert.deepEqual(said, { kind: "peerSend", to: "b-1", frame: { kind: "answered", request: 7, answer } });
  assert.equal(served.open, 1);
  assert.equal(served.outputOf({ kind: "answer", request: other, answer }), null, "there is one answer for each");
});

test("a feed goes on until it ends", () => {
  const served = new Served();
  const { request } = served.adopt("a-1", asked(3));
  const fed = served.outputOf({ kind: "feed", request, events: [], ended: null });
  assert.deepEqual(fed, { kind: "peerSend", to: "a-1", frame: { kind: "fed", request: 3, events: [], ended: null } });
  served.outputOf({ kind: "feed", request, events: [], ended: "moved" });
  assert.equal(served.open, 0);
});

test("what is turned away is told with its shard, and over", () => {
  const served = new Served();
  const { request } = served.adopt("a-1", asked(3));
  const frame = { kind: "turnedAway", request: 3, shard: 5 } as const;
  assert.deepEqual(served.turnedAway(request, 5), { kind: "peerSend", to: "a-1", frame });
  assert.equal(served.turnedAway(request, 5), null);
});

test("an asker that left, or a node that is lost, gets nothing any more; what it had asked is given to be let go", () => {
  const served = new Served();
  const numbers = [1, 2, 3].map((request) => served.adopt("a-1", asked(request)).request);
  const kept = served.adopt("b-1", asked(1)).request;
  assert.equal(served.left("a-1", 2), numbers[1]);
  assert.equal(served.left("a-1", 2), null);
  assert.equal(served.left("b-1", 9), null);
  assert.deepEqual(served.lost("a-1"), [numbers[0], numbers[2]]);
  assert.equal(served.outputOf({ kind: "answer", request: numbers[0] ?? 0, answer: { kind: "done" } }), null);
  assert.notEqual(served.outputOf({ kind: "answer", request: kept, answer: { kind: "done" } }), null);
  assert.equal(served.open, 0);
});
