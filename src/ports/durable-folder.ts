import { type FilePort, FileProblem } from "./files.js";

/**
 * Makes a folder and its parents, durably. All parents are synced every time: one that is there already may have been
 * made by a process that was killed before it synced. Parents that this process may not open were there before.
 * `durable` is a folder on the way that is durable already.
 */
export async function makeDurableFolder(files: FilePort, path: string, durable: string | null = null): Promise<void> {
  await files.makeFolder(path);
  const end = durable === null ? null : parentOf(durable);
  for (let folder = parentOf(path); folder !== null && folder !== end; folder = parentOf(folder)) {
    try {
      await files.syncFolder(folder);
    } catch (error) {
      if (!(error instanceof FileProblem && error.kind === "denied")) throw error;
    }
  }
}

/**
 * Makes durable what a process that was killed has left in memory: names in the folder and in those below it. Files whose
 * names begin with `~` were being written then, and are removed.
 */
export async function settleFolder(files: FilePort, path: string): Promise<void> {
  await files.syncFolder(path);
  for (const name of await files.listFolder(path)) {
    if (name.endsWith("/")) await settleFolder(files, `${path}/${name.slice(0, -1)}`);
    else if (name.startsWith("~")) await files.remove(`${path}/${name}`);
  }
}

/** The paths of all files below the folder, as seen from it, but for those that are being written. Long names lie in folders. */
export async function* namedFilesBelow(files: FilePort, path: string, below = ""): AsyncGenerator<string> {
  for (const name of await files.listFolder(below === "" ? path : `${path}/${below.slice(0, -1)}`)) {
    if (name.endsWith("/")) yield* namedFilesBelow(files, path, below + name);
    else if (!name.startsWith("~")) yield below + name;
  }
}

/** The folder that holds the name, or null for `/` and `.` themselves. */
export function parentOf(path: string): string | null {
  if (path === "/" || path === ".") return null;
  const slash = path.lastIndexOf("/");
  if (slash < 0) return ".";
  return slash === 0 ? "/" : path.slice(0, slash);
}
