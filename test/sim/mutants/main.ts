/**
 * `npm run sim:mutants [-- NAME...]`: breaks the core in every way of mutants.ts, one at a time, and simulates it until a
 * violation shows. Then the seeds that killed run over the true core: they must hold there, or they have proven nothing.
 * Exit code 0: every mutant was killed in time.
 */
import { execFile } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Mutant } from "./mutant.js";
import { MUTANTS, POWER_CUT_MUTANTS } from "./mutants.js";
import { Copy, type Verdict } from "./trial.js";

/**
 * Of processor time: a minute where nothing else runs, and a machine may be three times as slow as that. Where much else runs,
 * a seed takes two to four times its processor time.
 */
const LIMIT_MS = 180_000;
const LANES = 2;
/** For all killing seeds together. */
const TRUE_LIMIT_MS = 120_000;
/** The power cuts stop by themselves after a minute. */
const POWER_CUT_LIMIT_MS = 90_000;
const MESSAGE_SHOWN = 200;

const repository = join(dirname(fileURLToPath(import.meta.url)), "..", "..", "..", "..");
let passed = 0;
let failed = 0;
process.exitCode = await main(process.argv.slice(2));

async function main(names: readonly string[]): Promise<number> {
  const chosen = MUTANTS.filter(({ name }) => names.length === 0 || names.includes(name));
  const powerCuts = POWER_CUT_MUTANTS.filter((name) => names.length === 0 || names.includes(name));
  if (chosen.length + powerCuts.length < Math.max(1, names.length)) {
    console.log(`there are ${[...MUTANTS.map(({ name }) => name), ...POWER_CUT_MUTANTS].join(", ")}`);
    return 2;
  }
  const beganAtMs = performance.now();
  const copies = await Promise.all(Array.from({ length: LANES }, () => Copy.of(repository)));
  try {
    const killers = new Set<number>();
    const waiting = [
      ...chosen.map((mutant) => (copy: Copy) => trial(copy, mutant, killers)),
      ...powerCuts.map((name) => () => powerCut(name)),
    ];
    await Promise.all(
      copies.map(async (copy) => {
        for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) await next(copy);
      }),
    );
    if (killers.size > 0) await trueRun(copies[0] as Copy, [...killers]);
  } finally {
    await Promise.all(copies.map((copy) => copy.remove()));
  }
  console.log(`${((performance.now() - beganAtMs) / 1_000).toFixed(0)} s`);
  console.log(`# pass ${passed}`);
  console.log(`# fail ${failed}`);
  return failed === 0 ? 0 : 1;
}

async function trial(copy: Copy, mutant: Mutant, killers: Set<number>): Promise<void> {
  const verdict = await copy.try(mutant, LIMIT_MS);
  if (verdict.kind === "killed") killers.add(verdict.seed);
  report(verdict.kind === "killed", mutant.name, textOf(verdict));
}

function textOf(verdict: Verdict): string {
  switch (verdict.kind) {
    case "killed": {
      const first = (verdict.message.split("\n")[0] as string).slice(0, MESSAGE_SHOWN);
      return `killed by seed ${verdict.seed} in ${(verdict.cpuMs / 1_000).toFixed(1)} s: ${first}`;
    }
    case "survived":
      return verdict.isHung ? `HUNG in its seed number ${verdict.seeds}` : `SURVIVED ${verdict.seeds} seeds`;
    case "failed":
      return `was not tried: ${verdict.message}`;
  }
}

function powerCut(name: string): Promise<void> {
  const program = join(repository, "dist", "test", "power-cut", "main.js");
  return new Promise((resolve) => {
    execFile(process.execPath, [program, "--mutant", name], { timeout: POWER_CUT_LIMIT_MS }, (error, stdout) => {
      report(error === null, name, stdout.trim().split("\n").at(-1) ?? "");
      resolve();
    });
  });
}

/** A seed that shows a violation in the true core as well has not killed its mutant. */
async function trueRun(copy: Copy, seeds: readonly number[]): Promise<void> {
  const verdict = await copy.run(seeds, TRUE_LIMIT_MS);
  const isHeld = verdict.kind === "survived" && verdict.seeds === seeds.length;
  report(isHeld, "the true core", isHeld ? `holds in the ${seeds.length} seeds that killed` : textOf(verdict));
}

function report(isGood: boolean, name: string, text: string): void {
  if (isGood) passed++;
  else failed++;
  console.log(`${isGood ? "ok" : "NOT OK"} ${name}: ${text}`);
}
