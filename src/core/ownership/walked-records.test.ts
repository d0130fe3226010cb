import assert from "node:assert/strict";
import { test } from "node:test";
import { WalkedRecords } from "./walked-records.js";

const MB = 1 << 20;

function bodies(count: number, bytes = 1): Uint8Array[] {
  return Array.from({ length: count }, (_, at) => new Uint8Array(bytes).fill(at));
}

test("what was walked is given from any position on, as many as are asked for", () => {
  const walked = new WalkedRecords();
  const [first, second] = [bodies(3), bodies(2)];
  walked.add("a-1", 5, first);
  walked.add("a-1", 8, second);
  assert.deepEqual(walked.from("a-1", 5, 10), [...first, ...second]);
  assert.deepEqual(walked.from("a-1", 7, 2), [first[2], second[0]]);
  for (const position of [4, 10]) assert.deepEqual(walked.from("a-1", position, 10), []);
  assert.deepEqual(walked.from("b-1", 5, 10), []);
  walked.forget("a-1");
  assert.deepEqual(walked.from("a-1", 5, 10), []);
});

test("a walk that begins anew adds nothing twice, and nothing stands at another's position", () => {
  const walked = new WalkedRecords();
  const first = bodies(3);
  walked.add("a-1", 5, first);
  walked.add("a-1", 5, bodies(3));
  walked.add("a-1", 9, bodies(1));
  assert.deepEqual(walked.from("a-1", 5, 10), first);
});

test("the beginning of a long walk is kept, and what was walked before makes room", () => {
  const walked = new WalkedRecords();
  walked.add("a-1", 1, bodies(2, MB));
  walked.add("b-1", 1, bodies(10, MB));
  walked.add("b-1", 11, bodies(1));
  assert.equal(walked.from("a-1", 1, 10).length, 0);
  assert.equal(walked.from("b-1", 1, 20).length, 8);
  walked.forget("b-1");
  walked.add("c-1", 1, bodies(8, MB));
  assert.equal(walked.from("c-1", 1, 20).length, 8);
});
