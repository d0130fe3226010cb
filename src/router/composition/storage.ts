/** Opens what the settings name: journal, snapshots and directory, in any mix that `refuseStorageMix` lets through. */
import { LocalDirectory } from "../../directory-local/local-directory.js";
import { MemoryDirectory } from "../../directory-memory/memory-directory.js";
import { LocalJournal } from "../../journal-local/local-journal.js";
import { MemoryJournal } from "../../journal-memory/memory-journal.js";
import type { DirectoryPort } from "../../ports/directory.js";
import type { JournalPort } from "../../ports/journal.js";
import type { SnapshotPort } from "../../ports/snapshots.js";
import { LocalSnapshots } from "../../snapshots-local/local-snapshots.js";
import { MemorySnapshots } from "../../snapshots-memory/memory-snapshots.js";
import { ConfigProblem } from "../config/config-problem.js";
import type { DirectorySettings, JournalSettings, Settings, SnapshotSettings } from "../config/settings.js";
import { MergeThread } from "../driver/merge-thread.js";
import { systemClock, systemEntropy } from "../system-clock.js";
import { LocalFolders } from "./local-folders.js";

export interface Storage {
  readonly journal: JournalPort;
  readonly directory: DirectoryPort;
  readonly snapshots: SnapshotPort;
  readonly compactor: MergeThread;
  close(): Promise<void>;
}

/** Throws StorageProblem where something cannot be opened; nothing is left open then. */
export async function openStorage(settings: Pick<Settings, "journal" | "snapshots" | "directory" | "aws">): Promise<Storage> {
  const folders = new LocalFolders();
  try {
    const journal = folders.add(await openJournal(settings.journal, folders));
    const directory = folders.add(await openDirectory(settings.directory, folders));
    const snapshots = folders.add(await openSnapshots(settings.snapshots, folders));
    const compactor = folders.add(new MergeThread(snapshots));
    return { journal, directory, snapshots, compactor, close: () => folders.close() };
  } catch (error) {
    await folders.close();
    throw error;
  }
}

async function openJournal(settings: JournalSettings, folders: LocalFolders): Promise<JournalPort> {
  switch (settings.kind) {
    case "memory":
      return new MemoryJournal();
    case "local": {
      const files = await folders.open(settings.path);
      const randomU32 = (): number => Buffer.from(systemEntropy.bytes(4)).readUInt32LE();
      return LocalJournal.open({ files, clock: systemClock, randomU32, root: settings.path });
    }
    case "dynamodb":
      throw absent("journal");
  }
}

async function openDirectory(settings: DirectorySettings, folders: LocalFolders): Promise<DirectoryPort> {
  switch (settings.kind) {
    case "memory":
      return new MemoryDirectory();
    case "local":
      return LocalDirectory.open(await folders.open(settings.path), settings.path);
    case "dynamodb":
      throw absent("directory");
  }
}

async function openSnapshots(settings: SnapshotSettings, folders: LocalFolders): Promise<SnapshotPort> {
  switch (settings.kind) {
    case "memory":
      return new MemorySnapshots();
    case "local":
      return LocalSnapshots.open(await folders.open(settings.path), settings.path);
    case "s3":
      throw absent("snapshots");
  }
}

function absent(section: string): ConfigProblem {
  return new ConfigProblem("config_unsupported", [`${section}.kind: this build has no such storage`]);
}
