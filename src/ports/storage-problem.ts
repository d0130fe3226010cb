/**
 * What can be wrong with stored data, as an error with a stable code. The local adapters throw it where the caller has
 * no outcome to read (at open), and put `code` and `message` into their outcomes elsewhere. Each code has an entry in
 * docs/errors.md.
 */
import { FileProblem } from "./files.js";

export type StorageCode =
  /** The data folder, or something in it, cannot be read or written with the rights this process has. */
  | "data_unreadable"
  /** Another process holds the data folder. */
  | "data_locked"
  /** No space left; nothing was lost, later tries may succeed. */
  | "disk_full"
  /** The disk failed a write, a sync or a read. After a failed sync only a restart can tell what is stored. */
  | "disk_failed"
  /** Bytes of a journal file that were synced once are not what was written. */
  | "journal_damaged"
  /** A document of the directory is not what was written. */
  | "document_damaged"
  /** A newer Holdfast wrote this data. */
  | "format_newer";

const REMEDY: Readonly<Record<StorageCode, string>> = {
  data_unreadable: "Give the user that runs the router read and write access to the data folder, then start again.",
  data_locked: "Stop the other process first, or give this one a data folder of its own.",
  disk_full: "Free some space on the disk that holds the data folder; the router goes on by itself.",
  disk_failed: "Check the disk and the system log, then restart the router: it reads back what is really stored.",
  journal_damaged:
    "Do not delete anything. Restore the data folder from a backup, or from a copy of the disk made before the damage.",
  document_damaged:
    "Do not delete anything. Restore the data folder from a backup, or from a copy of the disk made before the damage.",
  format_newer: "Start the Holdfast version that wrote it, or a newer one; older versions cannot read it.",
};

export class StorageProblem extends Error {
  override readonly name = "StorageProblem";
  readonly code: StorageCode;
  /** What the operator can do. Also the end of `message`. */
  readonly remedy: string;
  readonly path: string;

  constructor(code: StorageCode, path: string, what: string, remedy: string = REMEDY[code]) {
    super(`${what} ${remedy}`);
    this.code = code;
    this.path = path;
    this.remedy = remedy;
  }
}

/** Translates what a file operation threw; a StorageProblem stays itself. */
export function storageProblem(error: unknown, path: string): StorageProblem {
  if (error instanceof StorageProblem) return error;
  if (!(error instanceof FileProblem)) {
    return new StorageProblem("disk_failed", path, `${path}: ${error instanceof Error ? error.message : String(error)}.`);
  }
  switch (error.kind) {
    case "full":
      return new StorageProblem("disk_full", error.path, `${error.path}: no space left on the disk (${error.message}).`);
    case "denied":
      return new StorageProblem("data_unreadable", error.path, `${error.path}: access denied (${error.message}).`);
    case "failed":
      return new StorageProblem("disk_failed", error.path, `${error.path}: the disk failed (${error.message}).`);
  }
}

/** The same, as the outcome of an operation that has one. */
export function failedOutcome(error: unknown, path: string): { kind: "failed"; message: string; code: StorageCode } {
  const { message, code } = storageProblem(error, path);
  return { kind: "failed", message, code };
}
