/** Commands that were accepted and that nobody serves any more when their turn comes: dead letters, whatever their entity is like. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { EntityType } from "../../src/core/entity/entity-type.js";
import { CART, CoreBench, cart, limits, written } from "./core-bench.js";
import { codec, Storage } from "./storage.js";

test("a command that is unknown when its entity is still being read is buried at the entity's own version", () => {
  const storage = new Storage();
  const first = CoreBench.started("a-1", storage);
  // More than a block holds, so that reading the inbox does not bring every cell along.
  first.answerOf = (entity) => ({ ...written(entity), state: new Uint8Array(4_000).fill(1) });
  for (let n = 0; n < 3; n++) {
    for (let id = 0; id < 100; id++) first.put(`c${id}`);
    first.run();
  }
  first.stop();
  const second = CoreBench.started("a-2", storage);
  second.isFunctionSilent = true;
  const sent = { ...second.commandTo("c1"), mode: "send" } as const;
  second.give(sent);
  second.run();
  assert.equal(second.answers.get(sent.request)?.kind, "accepted");

  const third = new CoreBench("a-3", storage);
  const types: readonly EntityType[] = [{ ...cart, commands: new Map() }];
  third.give({ kind: "deploymentsChanged", deployments: [{ id: "d-2", types, limits }], placements: [] });
  third.run();
  const to = { type: CART, id: "c1" };
  const request = third.nextRequest();
  third.give({ kind: "outcomeAsked", request, of: to, commandId: sent.id, untilMs: 0 });
  third.run();
  const answer = third.answers.get(request);
  assert.ok(answer?.kind === "outcome" && answer.outcome.kind === "failed", JSON.stringify(answer));
  assert.deepEqual([answer.outcome.code, answer.version], ["unknown_command", 3]);
  assert.equal(third.versionOf("c1"), 3);

  const record = codec.decode(storage.at("a-3", 1) ?? assert.fail("nothing was written"));
  assert.ok(record.kind === "entries");
  const bodies = record.entries.flatMap((entry) => ("body" in entry && entry.body.kind === "effects" ? [entry.body] : []));
  assert.deepEqual(
    bodies.map(({ previousVersion, version, consumed }) => [previousVersion, version, consumed[0]?.commandId]),
    [[3, 3, sent.id]],
    "once",
  );
});
