/**
 * `node dist/test/power-cut/main.js [--cuts 1000] [--seed N] [--mutant NAME]`
 * Exit codes: 0 when every promise held and every kind of loss came up (with `--mutant`: when a violation was found).
 */
import { parseArgs } from "node:util";
import { MUTANTS } from "./mutants.js";
import { missingLosses, runPowerCuts } from "./power-cuts.js";

const MUTANT_MS = 60_000;

const { values } = parseArgs({
  options: { cuts: { type: "string", default: "1000" }, seed: { type: "string" }, mutant: { type: "string" } },
});
const cuts = Number(values.cuts);
const seed = values.seed === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(values.seed);
const mutant = values.mutant;

if (mutant === undefined) process.exitCode = await runTrue();
else process.exitCode = await runMutant(mutant);

async function runTrue(): Promise<number> {
  const { counters, cases, failure } = await runPowerCuts(cuts, seed, (files) => files);
  console.log(`power cuts from seed ${seed}: ${counters.get("cuts")} cuts in ${cases} cases, ${seconds()} s`);
  for (const line of counters.lines()) console.log(line);
  if (failure !== null) {
    console.log(`VIOLATION in seed ${failure.seed}: ${failure.message}`);
    console.log(`rerun: node dist/test/power-cut/main.js --seed ${failure.seed} --cuts 1`);
    return 1;
  }
  const missing = cuts < 100 ? [] : missingLosses(counters, cuts);
  for (const line of missing) console.log(`TOO FEW: ${line}`);
  return missing.length === 0 ? 0 : 1;
}

async function runMutant(name: string): Promise<number> {
  const wrap = MUTANTS[name];
  if (wrap === undefined) {
    console.log(`there is no mutant ${name}; there are ${Object.keys(MUTANTS).join(", ")}`);
    return 2;
  }
  const { counters, failure } = await runPowerCuts(Number.POSITIVE_INFINITY, seed, wrap, performance.now() + MUTANT_MS);
  if (failure === null) {
    console.log(`mutant ${name} SURVIVED ${counters.get("cuts")} cuts, ${seconds()} s`);
    return 1;
  }
  console.log(`mutant ${name} killed after ${counters.get("cuts")} cuts, ${seconds()} s, by: ${failure.message}`);
  return 0;
}

function seconds(): string {
  return (performance.now() / 1000).toFixed(1);
}
