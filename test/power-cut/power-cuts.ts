/** Runs seeded cases until enough power cuts have happened. */
import { Counters, Violation } from "./counters.js";
import { directoryCase } from "./directory-case.js";
import { journalCase } from "./journal-case.js";
import type { Wrap } from "./lives.js";
import { Random } from "./random.js";
import { snapshotsCase } from "./snapshots-case.js";

export interface PowerCutRun {
  readonly counters: Counters;
  readonly cases: number;
  /** The case that failed, and how. */
  readonly failure: { readonly seed: number; readonly message: string } | null;
}

export async function runPowerCuts(
  cuts: number,
  firstSeed: number,
  wrap: Wrap,
  untilMs = Number.POSITIVE_INFINITY,
): Promise<PowerCutRun> {
  const counters = new Counters();
  let cases = 0;
  for (let seed = firstSeed; counters.get("cuts") < cuts && performance.now() < untilMs; seed++, cases++) {
    try {
      await runCase(seed, counters, wrap);
    } catch (error) {
      const message = error instanceof Violation ? error.message : String((error as Error).stack ?? error);
      return { counters, cases, failure: { seed, message } };
    }
    // Everything above runs in microtasks: let the process breathe.
    await new Promise((resolve) => setImmediate(resolve));
  }
  return { counters, cases, failure: null };
}

async function runCase(seed: number, counters: Counters, wrap: Wrap): Promise<void> {
  const random = new Random(seed);
  const run = random.pick([journalCase, journalCase, directoryCase, snapshotsCase]);
  counters.add(`cases: ${run.name}`);
  await run(random, counters, wrap);
}

/** How often each kind of loss must come up in 1,000 cuts, far below what is usual. */
const MINIMUM_IN_1000: Readonly<Record<string, number>> = {
  "cut: unsynced bytes vanished": 20_000,
  "cut: writes torn at a byte": 50,
  "cut: writes of which some sectors survived": 50,
  "cut: later bytes survived earlier ones": 50,
  "cut: creations of names that vanished": 50,
  "cut: creations of names that survived": 50,
  "cut: renames of names that vanished": 8,
  "cut: renames of names that survived": 8,
  "cut: removals of names that vanished": 10,
  "cut: removals of names that survived": 10,
  "fault: disk full": 50,
  "fault: sync failed": 10,
  "fault: sync failed and forgot its pages": 5,
  "fault: folder sync failed": 20,
  "processes killed": 50,
  "journal: appends happened": 2000,
  "journal: appends taken": 200,
  "journal: appends refused": 50,
  "journal: appends unknown": 3,
  "journal: logs checked at a start": 500,
  "journal: flipped bits found": 20,
  "directory: swaps happened": 500,
  "directory: swaps conflict": 500,
  "directory: removals happened": 100,
  "snapshots: finishes happened": 200,
  "snapshots: deletes happened": 50,
};

/** What came up too seldom to prove anything. */
export function missingLosses(counters: Counters, cuts: number): string[] {
  return Object.entries(MINIMUM_IN_1000).flatMap(([name, minimum]) => {
    const needed = Math.floor((minimum * cuts) / 1000);
    return counters.get(name) < needed ? [`${name}: ${counters.get(name)}, at least ${needed} are needed`] : [];
  });
}
