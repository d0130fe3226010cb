/** `npm run sim -- --seed N [--trace]`: runs one seed and prints what came of it. */

import { printReport } from "./print-report.js";
import { simulate } from "./simulation.js";

const seed = Number(process.argv[process.argv.indexOf("--seed") + 1] ?? 1);
const beganAtMs = performance.now();
const report = simulate(seed, process.argv.includes("--trace"));
printReport(report, { isVerbose: true });
console.log(`${((performance.now() - beganAtMs) / 1000).toFixed(2)} s`);
process.exitCode = report.violations.length === 0 ? 0 : 1;
