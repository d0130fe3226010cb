import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { EntityResult, InvocationEntity } from "../../src/core/entity/invocation.js";
import { CART, CoreBench, LEDGER, written } from "./core-bench.js";

/** Emits an event for every command, and gives its state as `state` says: never with a command. */
function eventful(state: Uint8Array | undefined): (entity: InvocationEntity) => Omit<EntityResult, "n"> {
  return (entity) => {
    if (entity.commands.length === 0) return state === undefined ? { outcomes: [] } : { outcomes: [], state };
    const events = [{ name: "added", eventVersion: 1, data: new Uint8Array(0) }];
    return { outcomes: written(entity).outcomes.map((outcome) => ({ ...outcome, events })) };
  };
}

function withEvent(): CoreBench {
  const bench = CoreBench.started("a-1");
  bench.answerOf = eventful(undefined);
  bench.put("l", LEDGER);
  bench.run();
  return bench;
}

describe("a read of a state that the function has to fold first", () => {
  test("is answered when the function has folded it", () => {
    const bench = withEvent();
    bench.answerOf = eventful(Uint8Array.of(7));
    const request = bench.askState("l", LEDGER, 1_000);
    bench.run();
    assert.deepEqual(bench.answers.get(request), { kind: "state", version: 1, state: Uint8Array.of(7) });
  });

  test("ends at its deadline with what was wrong when the function answers without a state", () => {
    const bench = withEvent();
    const request = bench.askState("l", LEDGER, 2_000);
    bench.run(1_500);
    assert.equal(bench.codeOf(request), null, "until then it is tried again");
    bench.run(1_000);
    const answer = bench.answers.get(request);
    assert.ok(answer?.kind === "problem");
    assert.equal(answer.problem.code, "function_faulted");
    assert.match(answer.problem.message, /answered without a state/);
    assert.equal(bench.core.snapshot().slots, 0, "nothing of it is left behind");
  });

  test("ends at its deadline while the function is still at work, and does not wait for others that have longer", () => {
    const bench = withEvent();
    bench.isFunctionSilent = true;
    const short = bench.askState("l", LEDGER, 500);
    const long = bench.askState("l", LEDGER, 900);
    bench.run(800);
    assert.equal(bench.codeOf(short), "deadline_exceeded");
    assert.equal(bench.codeOf(long), null);
    bench.run(400);
    assert.equal(bench.codeOf(long), "deadline_exceeded");
  });

  test("does not ask the function again without a pause when folding crashes it", () => {
    const bench = withEvent();
    let asked = 0;
    bench.answerOf = () => {
      asked++;
      return null;
    };
    const request = bench.askState("l", LEDGER, 2_000);
    bench.run(2_500);
    assert.ok(asked > 1 && asked <= 25, `asked ${asked} times in two seconds, 100 ms apart`);
    assert.equal(bench.codeOf(request), "function_faulted");
  });
});

test("a read ends at its deadline while the storage does not give what is needed, and says so", () => {
  const ids = ["c0", "c1", "c2", "c3", "c4", "c5"];
  const bench = CoreBench.started("a-1");
  // As large as a block: what a start reads of the segment holds none of them.
  bench.answerOf = (entity) => ({ ...written(entity), state: new Uint8Array(80_000) });
  for (const id of ids) bench.put(id);
  bench.run(11_000);
  const next = CoreBench.started("b-1", bench.storage);
  next.storage.intercept = (effect) => (effect.kind === "store" && effect.effect.kind === "readObject" ? null : undefined);
  const requests = ids.map((id) => next.askState(id, CART, 1_000));
  next.run(1_500);
  assert.deepEqual(new Set(requests.map((request) => next.codeOf(request))), new Set(["storage_slow"]));
});
