import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Answer } from "../../core/answer.js";
import type { RequestListener } from "./core-link.js";
import { RequestTable } from "./request-table.js";

const DONE: Answer = { kind: "done" };
const PROBLEM: Answer = { kind: "problem", problem: { code: "stopping", message: "", retryAfterMs: null } };

function listener(): RequestListener & { readonly heard: string[] } {
  const heard: string[] = [];
  return { heard, answered: ({ kind }) => heard.push(kind), fed: (_, ended) => heard.push(`fed ${ended}`) };
}

describe("the table of requests", () => {
  it("answers each request once", () => {
    const table = new RequestTable();
    const one = listener();
    const request = table.open(one, false);
    assert.equal(table.answer(request, DONE), true);
    assert.equal(table.answer(request, DONE), false);
    assert.deepEqual([one.heard, table.size], [["done"], 0]);
  });

  it("never gives a late answer to whoever has the slot now", () => {
    const table = new RequestTable();
    const [first, second] = [listener(), listener()];
    const old = table.open(first, false);
    table.leave(old);
    const request = table.open(second, false);
    assert.notEqual(request, old);
    assert.equal(table.answer(old, DONE), false);
    assert.equal(table.feed(old, [], null), false);
    assert.equal(table.leave(old), false);
    assert.equal(table.answer(request, DONE), true);
    assert.deepEqual([first.heard, second.heard], [[], ["done"]]);
  });

  it("feeds a followed request until its feed ends, or a problem does", () => {
    const table = new RequestTable();
    const one = listener();
    const request = table.open(one, true);
    table.answer(request, DONE);
    table.feed(request, [], null);
    table.feed(request, [], "stopping");
    assert.equal(table.feed(request, [], null), false);
    assert.deepEqual([one.heard, table.size], [["done", "fed null", "fed stopping"], 0]);
    table.answer(table.open(one, true), PROBLEM);
    assert.equal(table.size, 0);
  });

  it("keeps all numbers apart, whatever comes and goes", () => {
    const table = new RequestTable();
    const open = new Set<number>();
    const seen = new Set<number>();
    let seed = 1;
    for (let count = 0; count < 10_000; count++) {
      seed = (seed * 16_807) % 2_147_483_647;
      const [first] = open;
      if (seed % 2 === 0 || first === undefined) {
        const request = table.open(listener(), false);
        assert.ok(!seen.has(request) && Number.isSafeInteger(request));
        seen.add(request);
        open.add(request);
      } else {
        open.delete(first);
        assert.equal(table.answer(first, DONE), true);
      }
      assert.equal(table.size, open.size);
    }
  });

  it("gives everybody who waits the same answer", () => {
    const table = new RequestTable();
    const waiting = [listener(), listener(), listener()];
    for (const one of waiting) table.open(one, false);
    table.answerAll(PROBLEM);
    assert.deepEqual(
      waiting.map(({ heard }) => heard),
      [["problem"], ["problem"], ["problem"]],
    );
  });
});
