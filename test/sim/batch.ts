/** Many seeds on several threads: what all of them met, and which of them failed. */
import { Worker } from "node:worker_threads";
import type { FaultMix } from "./faults.js";
import type { Report } from "./simulation.js";

/** A report as it comes from a worker. */
export interface PlainReport extends Omit<Report, "counts"> {
  readonly counts: readonly (readonly [string, number])[];
  readonly mix: FaultMix;
}

export interface Batch {
  readonly reports: readonly PlainReport[];
  readonly counts: ReadonlyMap<string, number>;
  readonly failed: readonly PlainReport[];
}

/** Runs seeds as they come from `next` (null: no more), on as many threads; `modules` is the folder of the compiled program. */
export async function runSeeds(
  next: () => number | null,
  threads: number,
  options: { readonly isStopping?: (report: PlainReport) => boolean; readonly worker?: URL } = {},
): Promise<Batch> {
  const reports: PlainReport[] = [];
  let isStopped = false;
  await Promise.all(
    Array.from({ length: threads }, async () => {
      const worker = new Worker(options.worker ?? new URL("./batch-worker.js", import.meta.url), {
        resourceLimits: { maxYoungGenerationSizeMb: 64 },
      });
      try {
        for (let seed = next(); seed !== null && !isStopped; seed = next()) {
          const report = await ask(worker, seed);
          reports.push(report);
          if (options.isStopping?.(report) === true) isStopped = true;
        }
      } finally {
        await worker.terminate();
      }
    }),
  );
  const counts = new Map<string, number>();
  for (const report of reports) for (const [name, count] of report.counts) counts.set(name, (counts.get(name) ?? 0) + count);
  return { reports, counts, failed: reports.filter((report) => report.violations.length > 0) };
}

/** Seeds `from` to `to`, each once. */
export function seedsOf(from: number, to: number): () => number | null {
  let seed = from;
  return () => (seed > to ? null : seed++);
}

function ask(worker: Worker, seed: number): Promise<PlainReport> {
  return new Promise((resolve, reject) => {
    worker.once("message", (report) => {
      worker.off("error", reject);
      resolve(report);
    });
    worker.once("error", reject);
    worker.postMessage(seed);
  });
}
