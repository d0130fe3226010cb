/**
 * The exclusive lock on a data folder. It proves that no other process writes there: a process that is paused still holds
 * it, one that has died does not (RULES.md 4c builds on that).
 *
 * Node has no flock(2), but the lock belongs to the open file, not to the process that asked for it: the `flock` program
 * (util-linux, busybox) locks our descriptor, which it inherits as its descriptor 3, and ends; the lock stays until the
 * last copy of the descriptor is closed. Node opens files close-on-exec, so no child of ours keeps one.
 * Where there is no such program, `lockByPidFile` does what can be done with a file alone.
 */
import { spawn } from "node:child_process";
import fs from "node:fs/promises";
import { StorageProblem } from "../ports/storage-problem.js";
import { describeHolder, lockByPidFile, ownHolderLine } from "./pid-file-lock.js";

export interface DataLock {
  /** `flock`: kept by the kernel. `pidFile`: there is a short moment at a take-over in which two processes may win. */
  readonly by: "flock" | "pidFile";
  release(): Promise<void>;
}

/** Throws StorageProblem: `data_locked` names the holder, `data_unreadable`. `flockProgram` is null to do without. */
export async function lockDataFolder(root: string, flockProgram: string | null = "flock"): Promise<DataLock> {
  const path = `${root}/lock`;
  let handle: fs.FileHandle;
  try {
    await fs.mkdir(root, { recursive: true, mode: 0o700 });
    handle = await fs.open(path, "a+", 0o600);
  } catch (error) {
    throw new StorageProblem("data_unreadable", path, `${path}: cannot be opened (${(error as Error).message}).`);
  }
  try {
    const outcome = flockProgram === null ? "noProgram" : await flock(flockProgram, handle.fd);
    if (outcome === "held") throw await lockedBy(root, handle);
    if (outcome === "noProgram") {
      const release = await lockByPidFile(root);
      await handle.close();
      return { by: "pidFile", release };
    }
    await handle.truncate(0);
    await handle.write(await ownHolderLine());
    return { by: "flock", release: () => handle.close() };
  } catch (error) {
    await handle.close().catch(() => undefined);
    throw error;
  }
}

function flock(program: string, descriptor: number): Promise<"locked" | "held" | "noProgram"> {
  return new Promise((resolve) => {
    const child = spawn(program, ["-n", "-x", "3"], { stdio: ["ignore", "ignore", "ignore", descriptor] });
    child.on("error", () => resolve("noProgram"));
    // 1 says that somebody else has the lock; anything else, that this program (or file system) cannot do it.
    child.on("exit", (code) => resolve(code === 0 ? "locked" : code === 1 ? "held" : "noProgram"));
  });
}

async function lockedBy(root: string, handle: fs.FileHandle): Promise<StorageProblem> {
  const line = await handle
    .read(Buffer.alloc(200), 0, 200, 0)
    .then(({ bytesRead, buffer }) => buffer.toString("latin1", 0, bytesRead));
  return new StorageProblem("data_locked", root, `The data folder ${root} is in use by ${describeHolder(line)}.`);
}
