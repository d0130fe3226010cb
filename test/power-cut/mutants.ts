/** Broken file ports. A run over one of them must find a violation, or its checkers prove nothing. */
import type { AppendFile, FilePort } from "../../src/ports/files.js";
import type { Wrap } from "./lives.js";

export const MUTANTS: Readonly<Record<string, Wrap>> = {
  /** Says that bytes are durable when the operating system has them. */
  "ack-before-fdatasync": (files) => ({
    ...forward(files),
    openAppend: async (path, lane) => {
      const file = await files.openAppend(path, lane);
      const unsynced: AppendFile = {
        append: (chunks) => file.append(chunks),
        appendAndSync: (chunks) => file.append(chunks),
        sync: async () => undefined,
        truncate: (length) => file.truncate(length),
        close: () => file.close(),
      };
      return unsynced;
    },
  }),
  /** Believes that a synced file has a durable name. */
  "no-directory-sync": (files) => ({ ...forward(files), syncFolder: async () => undefined }),
};

function forward(files: FilePort): FilePort {
  return {
    makeFolder: (path) => files.makeFolder(path),
    listFolder: (path) => files.listFolder(path),
    syncFolder: (path, lane) => files.syncFolder(path, lane),
    openAppend: (path, lane) => files.openAppend(path, lane),
    openRead: (path) => files.openRead(path),
    read: (path, offset, length) => files.read(path, offset, length),
    size: (path) => files.size(path),
    rename: (from, to) => files.rename(from, to),
    remove: (path) => files.remove(path),
  };
}
