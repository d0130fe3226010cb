import assert from "node:assert/strict";
import { test } from "node:test";
import { MUTANTS } from "./mutants.js";
import { missingLosses, runPowerCuts } from "./power-cuts.js";

test("what the local adapters acknowledged survives 300 power cuts, and every kind of loss came up", async () => {
  const { counters, failure } = await runPowerCuts(300, 20_261_120, (files) => files);
  assert.equal(failure, null, `rerun: node dist/test/power-cut/main.js --seed ${failure?.seed} --cuts 1`);
  assert.deepEqual(missingLosses(counters, 300), []);
});

for (const [name, wrap] of Object.entries(MUTANTS)) {
  test(`the power cuts find the mutant ${name}`, async () => {
    const { failure } = await runPowerCuts(2000, 1, wrap);
    assert.notEqual(failure, null);
  });
}
