/**
 * A lock by a file with the holder's process id, for systems without `flock`. Differences to the real one: it looks at
 * whether the holder lives instead of being told, so it works on one machine only, and a take-over from a dead holder
 * is checked again after a moment instead of being atomic.
 */
import { execFile } from "node:child_process";
import fs from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { StorageProblem } from "../ports/storage-problem.js";

/** Longer than the gap between two steps of another process that takes over at the same time. */
const SETTLE_MS = 100;
const ATTEMPTS = 5;

/** Throws StorageProblem (`data_locked`). Returns what releases the lock. */
export async function lockByPidFile(root: string): Promise<() => Promise<void>> {
  const path = `${root}/lock.pid`;
  const own = await ownHolderLine();
  const draft = `${path}.${process.pid}`;
  await fs.writeFile(draft, own, { mode: 0o600 });
  try {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      // A link is made or not, and shows the whole line: nobody ever reads half of it.
      const isMade = await fs.link(draft, path).then(
        () => true,
        () => false,
      );
      if (isMade) {
        await delay(SETTLE_MS);
        if ((await readHolderLine(path)) === own) return () => release(path, own);
        continue;
      }
      const holder = await readHolderLine(path);
      if (holder === null) continue;
      if (await isHolderAlive(holder)) throw lockedBy(root, holder);
      await removeStale(path, holder);
    }
    throw new StorageProblem("data_locked", root, `The data folder ${root} is being taken by several processes at once.`);
  } finally {
    await fs.rm(draft, { force: true });
  }
}

/** `<pid> <start of the process>`: a process id alone is used again. */
export async function ownHolderLine(): Promise<string> {
  return `${process.pid} ${await startOf(process.pid)}\n`;
}

export function lockedBy(root: string, line: string | null): StorageProblem {
  const pid = Number.parseInt(line ?? "", 10);
  const holder = Number.isNaN(pid) ? "another process" : `the process with id ${pid}`;
  return new StorageProblem("data_locked", root, `The data folder ${root} is in use by ${holder}.`);
}

export async function isHolderAlive(line: string): Promise<boolean> {
  const pid = Number.parseInt(line, 10);
  if (Number.isNaN(pid)) return false;
  const start = await startOf(pid);
  return start !== "" && line === `${pid} ${start}\n`;
}

/** Something that differs between two processes which had the same id; empty if there is no such process. */
async function startOf(pid: number): Promise<string> {
  const stat = await fs.readFile(`/proc/${pid}/stat`, "latin1").catch(() => null);
  // Behind the name, which may contain anything, follow the fields from the third on; the start is the 22nd.
  if (stat !== null) return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? "";
  return new Promise((resolve) => {
    execFile("ps", ["-o", "lstart=", "-p", String(pid)], (_error, output) => resolve(output.trim().replaceAll(" ", "_")));
  });
}

/** Takes the file away only if it is still the dead holder's. */
async function removeStale(path: string, holder: string): Promise<void> {
  const aside = `${path}.stale.${process.pid}`;
  const isMoved = await fs.rename(path, aside).then(
    () => true,
    () => false,
  );
  if (!isMoved) return;
  // Somebody took over in between: give it back, unless a third one is there already.
  if ((await readHolderLine(aside)) !== holder) await fs.link(aside, path).catch(() => undefined);
  await fs.rm(aside, { force: true });
}

async function release(path: string, own: string): Promise<void> {
  if ((await readHolderLine(path)) === own) await fs.rm(path, { force: true });
}

/** Null where there is no such file. */
export function readHolderLine(path: string): Promise<string | null> {
  return fs.readFile(path, "latin1").catch(() => null);
}
