import assert from "node:assert/strict";
import { test } from "node:test";
import type { Effect } from "../../src/core/effect.js";
import { BY_ENTITY, placementHash, shardOfHash } from "../../src/core/entity/address.js";
import type { EntityResult, InvocationEntity } from "../../src/core/entity/invocation.js";
import type { Input } from "../../src/core/input.js";
import { CART, CoreBench, written } from "./core-bench.js";
import { codec } from "./storage.js";

const IN_SHARD_1 = Array.from({ length: 32 }, (_, index) => `c${index}`).filter(
  (id) => shardOfHash(placementHash({ type: CART, id }, BY_ENTITY), 2) === 1,
);
const [FIRST = "", SECOND = "", THIRD = ""] = IN_SHARD_1;

/** A function whose entities send on along the chain, and write a state. */
function chained(entity: InvocationEntity): Omit<EntityResult, "n"> {
  const next = entity.id === FIRST ? SECOND : entity.id === SECOND ? THIRD : null;
  const { state, outcomes } = written(entity);
  if (next === null) return { state: state ?? null, outcomes };
  const send = { kind: "send", to: { type: CART, id: next }, command: "put", input: new Uint8Array(0) } as const;
  const effects = [{ ...send, replyTo: null, afterMs: 0, timer: null }];
  return { state: state ?? null, outcomes: outcomes.map((one) => ({ ...one, effects })) };
}

/** Keeps the journal's answers to appends at `from` and behind until they are let go. */
function holdAppends(bench: CoreBench, from: number): () => void {
  const held: Effect[] = [];
  bench.storage.intercept = (effect) => {
    if (effect.kind !== "append" || effect.position < from) return undefined;
    held.push(effect);
    return null;
  };
  return () => {
    bench.storage.intercept = () => undefined;
    const inputs = held.map((effect) => bench.storage.performed(effect)).filter((input) => input !== null);
    bench.give(...inputs);
  };
}

function isSealAsked(bench: CoreBench, log: string): boolean {
  return bench.storage.asked.some(
    (effect) => effect.kind === "append" && effect.log === log && codec.decode(effect.body).kind === "seal",
  );
}

test("a stop goes on with what calls have caused until the last answer is out, also one that only waits to be durable", () => {
  const bench = CoreBench.started("a-1");
  const ran: string[] = [];
  bench.answerOf = (entity) => {
    ran.push(entity.id);
    return chained(entity);
  };
  const release = holdAppends(bench, 1);
  const request = bench.put(FIRST);
  bench.give({ kind: "stopAsked" });
  bench.run();
  assert.equal(bench.answers.size, 0, "the answer waits for its record");
  assert.deepEqual(ran, [FIRST, SECOND, THIRD]);
  release();
  bench.run(5_000);
  assert.equal(bench.answers.get(request)?.kind, "outcome");
  assert.deepEqual(bench.ended, { kind: "stopped" });
});

test("the log is not sealed while a record of a shard that was refused meanwhile may still land", () => {
  const bench = CoreBench.started("a-1");
  // As large as a block, so that it is read when it is first needed.
  bench.answerOf = (entity) => ({ ...written(entity), state: new Uint8Array(80_000) });
  for (const id of IN_SHARD_1) bench.put(id);
  bench.run(11_000);
  const next = CoreBench.started("b-1", bench.storage);
  next.answerOf = (entity) => (entity.id === SECOND ? written(entity) : chained(entity));
  const release = holdAppends(next, 2);
  next.put(FIRST);
  next.run();
  assert.equal(next.answers.size, 1, "the call is answered; what it has sent is in a record under way");
  const passes = next.storage.intercept;
  next.storage.intercept = (effect) => missing(effect) ?? passes(effect);
  const refused = [next.put(THIRD), next.askState(THIRD)];
  next.run();
  assert.equal(next.core.snapshot().refusedShards.length, 1);
  for (const request of refused) assert.equal(next.codeOf(request), "shard_refused", "nobody waits for a refused shard");
  next.give({ kind: "stopAsked" });
  next.run(1_000);
  assert.equal(next.ended, null);
  assert.ok(!isSealAsked(next, "b-1"));
  release();
  next.run(1_000);
  assert.deepEqual(next.ended, { kind: "stopped" });
  assert.ok(isSealAsked(next, "b-1"));
});

/** A read of a segment that finds no object. */
function missing(effect: Effect): Input | undefined {
  if (effect.kind !== "store" || effect.effect.kind !== "readObject") return undefined;
  return {
    kind: "store",
    shard: effect.shard,
    input: { kind: "objectRead", request: effect.effect.request, result: { kind: "absent" } },
  };
}
