import assert from "node:assert/strict";
import { test } from "node:test";
import { RefusedCommands } from "./refused-commands.js";

test("commands of a refused record are suspects; one that is refused again alone is convicted", () => {
  const refused = new RefusedCommands();
  assert.equal(refused.isEmpty, true);
  assert.equal(refused.accuse(["a", "b"]), true);
  assert.deepEqual(
    ["a", "b", "c"].map((id) => refused.isKnown(id)),
    [true, true, false],
  );
  assert.equal(refused.isConvicted("a"), false);
  assert.equal(refused.accuse(["a"]), true);
  assert.equal(refused.isConvicted("a"), true);
  assert.equal(refused.isConvicted("b"), false);
});

test("a command that was alone from the beginning is convicted the second time", () => {
  const refused = new RefusedCommands();
  refused.accuse(["a"]);
  assert.equal(refused.isConvicted("a"), false);
  refused.accuse(["a"]);
  assert.equal(refused.isConvicted("a"), true);
});

test("suspects that are refused together again, convicts, and records of no command tell nothing new", () => {
  const refused = new RefusedCommands();
  refused.accuse(["a", "b"]);
  assert.equal(refused.accuse(["a", "b"]), false);
  assert.equal(refused.accuse(["b", "c"]), true, "c is new");
  refused.accuse(["a"]);
  assert.equal(refused.accuse(["a"]), false);
  assert.equal(refused.accuse([]), false);
});

test("who is acquitted begins anew", () => {
  const refused = new RefusedCommands();
  refused.accuse(["a"]);
  refused.accuse(["a"]);
  refused.acquit("a");
  assert.equal(refused.isEmpty, true);
  refused.accuse(["a"]);
  assert.equal(refused.isConvicted("a"), false);
});

test("no more are remembered than a limit, the latest", () => {
  const refused = new RefusedCommands();
  for (let n = 0; n < 10_001; n++) refused.accuse([`c${n}`]);
  assert.equal(refused.isKnown("c0"), false);
  assert.equal(refused.isKnown("c1"), true);
  assert.equal(refused.isKnown("c10000"), true);
});
