/** Runs one seed for each message. */
import { parentPort } from "node:worker_threads";
import { simulate } from "./simulation.js";

parentPort?.on("message", (seed: number) => {
  const report = simulate(seed);
  parentPort?.postMessage({ ...report, counts: [...report.counts] });
});
