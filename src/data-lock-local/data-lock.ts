/**
 * The exclusive lock on a data folder. It proves that no other process writes there: a process that is paused still holds
 * it, one that has died does not (RULES.md 4c builds on that).
 *
 * Node has no flock(2), but the lock belongs to the open file, not to the process that asked for it: the `flock` program
 * (util-linux, busybox) locks our descriptor, which it inherits as its descriptor 3, and ends; the lock stays until the
 * last copy of the descriptor is closed. Node opens files close-on-exec, so no child of ours keeps one.
 * Where there is no such program, `lockByPidFile` does what can be done with a file alone. Each form also looks at what
 * the other one leaves, because two processes may find different programs.
 */
import { spawn } from "node:child_process";
import fs from "node:fs";
import { StorageProblem } from "../ports/storage-problem.js";
import { isHolderAlive, lockByPidFile, lockedBy, ownHolderLine, readHolderLine } from "./pid-file-lock.js";

export interface DataLock {
  /** `flock`: kept by the kernel. `pidFile`: there is a short moment at a take-over in which two processes may win. */
  readonly by: "flock" | "pidFile";
  release(): Promise<void>;
}

/**
 * Makes the folder if it is not there. Throws StorageProblem: `data_locked` names the holder; `data_unreadable`;
 * `disk_full` when there is no room even for the holder's name; `disk_failed` when the file system has no locks. `flockProgram` is null to do without.
 */
export async function lockDataFolder(root: string, flockProgram: string | null = "flock"): Promise<DataLock> {
  const path = `${root}/lock`;
  // A bare descriptor: a FileHandle would be closed, and the lock lost, when nobody refers to it any more.
  const descriptor = openLockFile(root, path);
  try {
    const outcome = flockProgram === null ? { kind: "noProgram" as const } : await flock(flockProgram, descriptor);
    switch (outcome.kind) {
      case "held":
        throw lockedBy(root, await readHolderLine(path));
      case "failed":
        throw new StorageProblem("disk_failed", path, `${path}: cannot be locked (${outcome.message}).`);
      case "noProgram": {
        const line = await readHolderLine(path);
        if (line !== null && (await isHolderAlive(line))) throw lockedBy(root, line);
        const release = await lockByPidFile(root);
        fs.closeSync(descriptor);
        return { by: "pidFile", release };
      }
      case "locked": {
        const line = await readHolderLine(`${root}/lock.pid`);
        if (line !== null && (await isHolderAlive(line))) throw lockedBy(root, line);
        fs.ftruncateSync(descriptor, 0);
        fs.writeSync(descriptor, await ownHolderLine());
        return { by: "flock", release: () => release(descriptor) };
      }
    }
  } catch (error) {
    fs.closeSync(descriptor);
    throw error instanceof StorageProblem ? error : writeProblem(path, error);
  }
}

function writeProblem(path: string, error: unknown): StorageProblem {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code !== "ENOSPC" && code !== "EDQUOT") return new StorageProblem("disk_failed", path, `${path}: ${message}.`);
  const remedy = "Free some space on the disk that holds the data folder, then start again.";
  return new StorageProblem("disk_full", path, `${path}: no space left on the disk (${message}).`, remedy);
}

function openLockFile(root: string, path: string): number {
  try {
    fs.mkdirSync(root, { recursive: true, mode: 0o700 });
    return fs.openSync(path, "a+", 0o600);
  } catch (error) {
    throw new StorageProblem("data_unreadable", path, `${path}: cannot be opened (${(error as Error).message}).`);
  }
}

type FlockOutcome = { readonly kind: "locked" | "held" | "noProgram" } | { readonly kind: "failed"; readonly message: string };

function flock(program: string, descriptor: number): Promise<FlockOutcome> {
  return new Promise((resolve) => {
    const child = spawn(program, ["-n", "-x", "3"], { stdio: ["ignore", "ignore", "ignore", descriptor] });
    child.on("error", (error: NodeJS.ErrnoException) => {
      resolve(error.code === "ENOENT" ? { kind: "noProgram" } : { kind: "failed", message: error.message });
    });
    // 1 says that somebody else has the lock; anything else, that this file system cannot do it.
    child.on("exit", (code, signal) => {
      if (code === 0) resolve({ kind: "locked" });
      else if (code === 1) resolve({ kind: "held" });
      else resolve({ kind: "failed", message: `${program} ended with ${code ?? signal}` });
    });
  });
}

async function release(descriptor: number): Promise<void> {
  fs.ftruncateSync(descriptor, 0); // nobody should take this process for the holder while it lives on
  fs.closeSync(descriptor);
}
