/**
 * A case is a few lives of a process on one disk. Each life opens the adapter, checks what it finds, and runs a program
 * until the power goes, the process is killed, or it closes in good order. The last life has no faults and only checks.
 */
import type { FilePort } from "../../src/ports/files.js";
import type { Counters } from "./counters.js";
import { type FaultRates, NO_FAULTS, PowerCutDisk } from "./power-cut-disk.js";
import type { Random } from "./random.js";

export interface Life {
  readonly files: FilePort;
  readonly random: Random;
  readonly counters: Counters;
  /** False once the process is dead: what is answered from then on, nobody has seen. */
  readonly isRunning: () => boolean;
  readonly isLast: boolean;
}

/** Puts a broken file port over the true one, for the mutants. */
export type Wrap = (files: FilePort) => FilePort;

/** `live` returns true when it has closed the adapter in good order. */
export async function runLives(
  random: Random,
  counters: Counters,
  wrap: Wrap,
  live: (life: Life) => Promise<boolean>,
): Promise<PowerCutDisk> {
  const disk = new PowerCutDisk(random, counters);
  const faults: FaultRates = {
    full: random.pick([0, 0, 0.03]),
    failedSync: random.pick([0, 0, 0.01]),
    failedFolderSync: random.pick([0, 0, 0.02]),
    cutSoon: 0.3,
  };
  const lives = random.between(2, 5);
  for (let number = 1; number <= lives; number++) {
    disk.faults = faults;
    const end = random.pick(["cut", "cut", "cut", "kill", "close"] as const);
    if (end !== "close") disk.endAfter(random.pick([random.between(1, 30), random.between(1, 400)]), end);
    const { files, isRunning } = disk.plugIn();
    const isClosed = await live({ files: wrap(files), random, counters, isRunning, isLast: false });
    if (!isRunning()) continue;
    if (!isClosed) counters.add("processes killed");
    if (end === "cut") disk.cut();
    else disk.kill();
  }
  disk.faults = NO_FAULTS;
  const { files, isRunning } = disk.plugIn();
  await live({ files: wrap(files), random, counters, isRunning, isLast: true });
  disk.kill();
  return disk;
}
