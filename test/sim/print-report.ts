import type { Report } from "./simulation.js";

/** A failure begins with the one line that reproduces it. */
export function printReport(report: Report, { isVerbose }: { readonly isVerbose: boolean }): void {
  const { seed, violations, counts, mix, shape } = report;
  if (isVerbose) {
    console.log(
      `seed ${seed}: ${(report.simulatedMs / 1000).toFixed(1)} simulated seconds, trace ${report.traceHash.toString(16)}`,
    );
    console.log(`shape: ${JSON.stringify(shape)}`);
    console.log(`faults: ${JSON.stringify(mix)}`);
    for (const [name, count] of [...counts].sort()) console.log(`  ${name}: ${count}`);
  }
  if (violations.length === 0) return;
  for (const line of report.traceTail) console.log(line);
  for (const violation of violations.slice(0, 10)) console.log(`VIOLATION ${violation}`);
  console.log(`seed ${seed} failed with ${violations.length} violations; again: npm run sim -- --seed ${seed}`);
}
