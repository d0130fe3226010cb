/** Records that the journal refuses for ever: whose it was is found out, and everybody else goes on (RULES.md 12). */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Effect } from "../../src/core/effect.js";
import { RefusedCommands } from "../../src/core/log/refused-commands.js";
import { CoreBench } from "./core-bench.js";
import { codec, Storage } from "./storage.js";

const IDS = Array.from({ length: 6 }, (_, index) => `c${index}`);
const BAD = "c3";

/** Entities of which the record holds an entry. */
function entitiesIn(effect: Effect & { readonly kind: "append" }): string[] {
  const record = codec.decode(effect.body);
  if (record.kind !== "entries") return [];
  return record.entries.flatMap((entry) => ("body" in entry && entry.body.kind === "effects" ? [entry.body.entity.id] : []));
}

/** A journal that refuses for ever what holds an entry of BAD. Gives what it has refused. */
function picky(storage: Storage): string[][] {
  const refused: string[][] = [];
  storage.intercept = (effect) => {
    if (effect.kind !== "append") return undefined;
    const entities = entitiesIn(effect);
    if (!entities.includes(BAD)) return undefined;
    refused.push(entities);
    const { log, position } = effect;
    const outcome = { kind: "refused", isPermanent: true, message: "never", retryAfterMs: null } as const;
    return { kind: "appendEnded", log, position, outcome };
  };
  return refused;
}

test("all commands of a refused record run again, each in a record of its own; who is refused there is told so and runs no more", () => {
  const storage = new Storage();
  const refused = picky(storage);
  const memory = new RefusedCommands();
  const first = CoreBench.started("a-1", storage, {}, memory);
  const commands = IDS.map((id) => first.commandTo(id));
  for (const command of commands) first.give(command);
  first.run();
  assert.deepEqual(refused, [IDS], "they share a record");
  assert.ok(first.ended?.kind === "fenced" && first.ended.isLearned === true);

  const second = CoreBench.started("a-2", storage, {}, memory);
  for (const command of commands) second.give(command);
  second.run();
  assert.deepEqual(refused[1], [BAD], "it is alone now");
  assert.ok(second.ended?.kind === "fenced" && second.ended.isLearned === true);
  const told = second.answers.get(commands[IDS.indexOf(BAD)]?.request ?? 0);
  assert.equal(told?.kind === "problem" && told.problem.code, "unstorable");

  const third = CoreBench.started("a-3", storage, {}, memory);
  for (const command of commands) third.give(command);
  third.run();
  assert.equal(refused.length, 2, "it does not run a third time");
  assert.equal(third.ended, null);
  for (const { request, to } of commands) {
    const answer = third.answers.get(request);
    if (to.id === BAD) assert.equal(answer?.kind === "problem" && answer.problem.code, "unstorable");
    else assert.equal(answer?.kind, "outcome");
  }
  for (const id of IDS) assert.equal(third.versionOf(id), id === BAD ? 0 : 1, "once");
  storage.intercept = () => undefined;
  const other = third.put(BAD);
  third.run();
  assert.equal(third.answers.get(other)?.kind, "outcome", "the entity goes on");
});

test("the log is sealed where the record was refused, so that the next owner finds its end", () => {
  const storage = new Storage();
  picky(storage);
  const bench = CoreBench.started("a-1", storage);
  bench.put("c0");
  bench.run();
  bench.put(BAD);
  bench.run();
  assert.equal(bench.ended?.kind, "fenced");
  assert.equal(codec.decode(storage.at("a-1", 2) ?? assert.fail()).kind, "seal");
});

test("nobody is accused where an earlier try of the record may have landed: its commands may have taken effect", () => {
  const storage = new Storage();
  const memory = new RefusedCommands();
  const bench = CoreBench.started("a-1", storage, {}, memory);
  let tries = 0;
  storage.intercept = (effect) => {
    if (effect.kind !== "append" || entitiesIn(effect).length === 0) return undefined;
    const { log, position } = effect;
    const outcome =
      tries++ === 0
        ? ({ kind: "unknown", message: "timed out" } as const)
        : ({ kind: "refused", isPermanent: true, message: "never", retryAfterMs: null } as const);
    return { kind: "appendEnded", log, position, outcome };
  };
  const request = bench.put(BAD);
  bench.run(1_000);
  assert.equal(tries, 2);
  assert.ok(bench.ended?.kind === "fenced" && bench.ended.isLearned === false);
  assert.equal(bench.answers.has(request), false);
  assert.equal(memory.isEmpty, true);
});
