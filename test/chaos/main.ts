/** `npm run chaos`: routers under faults, clients that keep accounts, and everything compared in the end. See docs/testing.md. */
import { type ChaosReport, COMMAND_KINDS, runChaos } from "./chaos-run.js";
import { SPLIT } from "./faults/fault-driver.js";
import { FAULT_KINDS } from "./faults/fault-kinds.js";
import { chaosOptions, reproducing } from "./options.js";

const VIOLATIONS_SHOWN = 50;

const options = chaosOptions(process.argv.slice(2), process.env);
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(130));
const beganAtMs = performance.now();
const log = (line: string): void => console.log(`${((performance.now() - beganAtMs) / 1_000).toFixed(1).padStart(6)} s  ${line}`);

console.log(reproducing(options));
const report = await runChaos(options, log);
print(report);
process.exit(report.violations.length === 0 ? 0 : 1);

function print({ violations, commands, faults, storeFaults, indefinite, notes, figures, folder }: ChaosReport): void {
  table(
    "commands",
    COMMAND_KINDS.map(({ name }) => [name, commands.get(name) ?? 0]),
  );
  table(
    "faults",
    [...FAULT_KINDS.map(({ name }) => name), SPLIT].map((name) => [name, faults.get(name) ?? 0]),
  );
  table("requests to the store that something happened to", [...storeFaults].sort());
  table("answers that were not definite", [...indefinite].sort());
  table("to be looked at", [...notes]);
  table("figures", Object.entries(figures));
  for (const violation of violations.slice(0, VIOLATIONS_SHOWN)) console.log(`VIOLATED  ${violation}`);
  if (violations.length > VIOLATIONS_SHOWN) console.log(`... and ${violations.length - VIOLATIONS_SHOWN} more`);
  if (violations.length > 0) console.log(`logs: ${folder}\nagain: ${reproducing(options)}`);
  console.log(violations.length === 0 ? "nothing was lost, nothing came twice" : `${violations.length} violations`);
}

function table(title: string, rows: readonly (readonly [what: string, count: string | number])[]): void {
  console.log(`\n${title}`);
  for (const [what, count] of rows) console.log(`  ${what.padEnd(52)} ${String(count).padStart(8)}`);
}
