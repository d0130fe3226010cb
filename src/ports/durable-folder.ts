import { type FilePort, FileProblem } from "./files.js";

/**
 * Makes a folder and its parents, durably. All parents are synced every time: one that is there already may have been
 * made by a process that was killed before it synced. Parents that this process may not open were there before.
 */
export async function makeDurableFolder(files: FilePort, path: string): Promise<void> {
  await files.makeFolder(path);
  for (let folder = parentOf(path); folder !== null; folder = parentOf(folder)) {
    try {
      await files.syncFolder(folder);
    } catch (error) {
      if (!(error instanceof FileProblem && error.kind === "denied")) throw error;
    }
  }
}

/** The folder that holds the name, or null for `/` and `.` themselves. */
export function parentOf(path: string): string | null {
  if (path === "/" || path === ".") return null;
  const slash = path.lastIndexOf("/");
  if (slash < 0) return ".";
  return slash === 0 ? "/" : path.slice(0, slash);
}
