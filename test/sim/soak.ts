/** `npm run soak -- --minutes N [--from SEED]`: fresh seeds until the time is over; stops at the first that fails. */
import { availableParallelism } from "node:os";
import { runSeeds } from "./batch.js";
import { printReport } from "./print-report.js";

function option(name: string, otherwise: number): number {
  const at = process.argv.indexOf(name);
  return at < 0 ? otherwise : Number(process.argv[at + 1]);
}

const untilMs = Date.now() + option("--minutes", 10) * 60_000;
let seed = option("--from", Math.floor(Math.random() * 2 ** 31));
const { reports, failed } = await runSeeds(() => (Date.now() < untilMs ? seed++ : null), Math.max(2, availableParallelism()), {
  isStopping: (report) => report.violations.length > 0,
});
for (const report of failed) printReport({ ...report, counts: new Map(report.counts) }, { isVerbose: false });
console.log(`${reports.length - failed.length} seeds passed, ${failed.length} failed`);
process.exitCode = failed.length === 0 ? 0 : 1;
