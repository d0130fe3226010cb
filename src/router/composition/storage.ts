/**
 * Opens what the settings name: journal, snapshots and directory, in any mix that `refuseStorageMix` lets through. The
 * adapters of AWS, and its SDK, are loaded where they are needed: elsewhere they would double the time of a start.
 */

import { AwsProblem, type AwsProblemCode } from "../../aws/aws-problem.js";
import type { AwsSettings } from "../../aws/client-options.js";
import { mayPass } from "../../aws/first-answer.js";
import { LocalDirectory } from "../../directory-local/local-directory.js";
import { MemoryDirectory } from "../../directory-memory/memory-directory.js";
import { LocalJournal } from "../../journal-local/local-journal.js";
import { MemoryJournal } from "../../journal-memory/memory-journal.js";
import type { DirectoryPort } from "../../ports/directory.js";
import type { JournalPort } from "../../ports/journal.js";
import { NO_METER, type RequestMeter } from "../../ports/request-meter.js";
import type { SnapshotPort } from "../../ports/snapshots.js";
import { LocalSnapshots } from "../../snapshots-local/local-snapshots.js";
import { MemorySnapshots } from "../../snapshots-memory/memory-snapshots.js";
import type { S3Snapshots } from "../../snapshots-s3/s3-snapshots.js";
import type { DirectorySettings, JournalSettings, Settings, SnapshotSettings } from "../config/settings.js";
import { MergeThread } from "../driver/merge-thread.js";
import { systemClock, systemEntropy } from "../system-clock.js";
import { LocalFolders } from "./local-folders.js";

export interface Storage {
  readonly journal: JournalPort;
  readonly directory: DirectoryPort;
  readonly snapshots: SnapshotPort;
  readonly compactor: MergeThread;
  /**
   * Asks the tables that have not answered yet. Null: all have. What is given may pass by itself; throws AwsProblem for what
   * waiting does not mend.
   */
  silence(): Promise<AwsProblem | null>;
  close(): Promise<void>;
}

export type StorageSettings = Pick<Settings, "cluster" | "journal" | "snapshots" | "directory" | "aws">;

interface OpeningParts {
  readonly cluster: string;
  readonly aws: AwsSettings;
  readonly folders: LocalFolders;
  readonly meter: RequestMeter;
}

/**
 * Throws StorageProblem or AwsProblem where something cannot be opened; nothing is left open then. What may pass by itself
 * does not keep it from being opened: see `silence`.
 */
export async function openStorage(settings: StorageSettings, meter: RequestMeter): Promise<Storage> {
  const folders = new LocalFolders();
  const parts = { cluster: settings.cluster, aws: awsOf(settings), folders, meter };
  try {
    const tables: Table[] = [];
    const journal = folders.add(await openJournal(settings.journal, parts, tables));
    const directory = folders.add(await openDirectory(settings.directory, parts, tables));
    const snapshots = folders.add(await openSnapshots(settings.snapshots, parts));
    const compactor = folders.add(new MergeThread(snapshots));
    return { journal, directory, snapshots, compactor, silence: () => silenceOf(tables), close: () => folders.close() };
  } catch (error) {
    await folders.close();
    throw error;
  }
}

/** For commands that do not wait: as `openStorage`, but every table has answered, or AwsProblem is thrown. */
export async function openAnsweringStorage(settings: StorageSettings): Promise<Storage> {
  const storage = await openStorage(settings, NO_METER);
  try {
    const problem = await storage.silence();
    if (problem === null) return storage;
    throw problem;
  } catch (error) {
    await storage.close();
    throw error;
  }
}

interface Table {
  silence(): Promise<AwsProblem | null>;
}

async function silenceOf(tables: readonly Table[]): Promise<AwsProblem | null> {
  for (const table of tables) {
    const problem = await table.silence();
    if (problem === null) continue;
    if (mayPass(problem.code)) return problem;
    throw problem;
  }
  return null;
}

function kept<Opened extends Table>(table: Opened, tables: Table[]): Opened {
  tables.push(table);
  return table;
}

async function openJournal(
  settings: JournalSettings,
  { cluster, aws, folders, meter }: OpeningParts,
  tables: Table[],
): Promise<JournalPort> {
  switch (settings.kind) {
    case "memory":
      return new MemoryJournal();
    case "local": {
      const files = await folders.open(settings.path);
      const randomU32 = (): number => Buffer.from(systemEntropy.bytes(4)).readUInt32LE();
      return LocalJournal.open({ files, clock: systemClock, randomU32, root: settings.path });
    }
    case "dynamodb": {
      const { DynamoJournal } = await import("../../journal-dynamo/dynamo-journal.js");
      const { table, ttlMs } = settings;
      return kept(await DynamoJournal.open({ aws, table, cluster, ttlMs, clock: systemClock, meter }), tables);
    }
  }
}

async function openDirectory(
  settings: DirectorySettings,
  { cluster, aws, folders, meter }: OpeningParts,
  tables: Table[],
): Promise<DirectoryPort> {
  switch (settings.kind) {
    case "memory":
      return new MemoryDirectory();
    case "local":
      return LocalDirectory.open(await folders.open(settings.path), settings.path);
    case "dynamodb": {
      const { DynamoDirectory } = await import("../../directory-dynamo/dynamo-directory.js");
      const { table } = settings;
      return kept(await DynamoDirectory.open({ aws, table, cluster, clock: systemClock, meter }), tables);
    }
  }
}

async function openSnapshots(settings: SnapshotSettings, { aws, folders, meter }: OpeningParts): Promise<SnapshotPort> {
  switch (settings.kind) {
    case "memory":
      return new MemorySnapshots();
    case "local":
      return LocalSnapshots.open(await folders.open(settings.path), settings.path);
    case "s3": {
      const { S3Snapshots } = await import("../../snapshots-s3/s3-snapshots.js");
      const { bucket, prefix } = settings;
      const snapshots = new S3Snapshots({ bucket, prefix, aws, clock: systemClock, meter });
      return reachable(snapshots, bucket);
    }
  }
}

/**
 * Reads an object that there is not: where that does not say so, no shard would open. What may pass by itself is no reason
 * not to start: the stores of the shards wait for S3.
 */
async function reachable(snapshots: S3Snapshots, bucket: string): Promise<SnapshotPort> {
  const answered = new AbortController();
  const outcome = await Promise.race([
    snapshots.read("start-probe", 0, 1),
    systemClock.sleep(BUCKET_PATIENCE_MS, answered.signal),
  ]);
  // Not before: a sleep that is ended would win.
  answered.abort();
  if (outcome?.kind !== "failed") return snapshots;
  const problem = LASTING.find((code) => code === outcome.code);
  if (problem === undefined) return snapshots;
  await snapshots.close();
  throw new AwsProblem(problem, `Bucket ${bucket}: ${outcome.message}`);
}

/** As long as a table has for one answer. */
const BUCKET_PATIENCE_MS = 3_000;

const LASTING: readonly AwsProblemCode[] = [
  "aws_bucket_missing",
  "aws_denied",
  "aws_region_wrong",
  "aws_credentials_missing",
  "aws_credentials_expired",
  "aws_credentials_refused",
  "aws_clock_off",
];

/** Credentials are never settings: the SDK finds them in the environment, a profile, or the machine's or task's role. */
export function awsOf({ aws }: Pick<Settings, "aws">): AwsSettings {
  return { ...aws, credentials: null };
}
