/**
 * Opens what the settings name: journal, snapshots and directory, in any mix that `refuseStorageMix` lets through. The
 * adapters of AWS, and its SDK, are loaded where they are needed: elsewhere they would double the time of a start.
 */

import { AwsProblem, type AwsProblemCode } from "../../aws/aws-problem.js";
import type { AwsSettings } from "../../aws/client-options.js";
import { LocalDirectory } from "../../directory-local/local-directory.js";
import { MemoryDirectory } from "../../directory-memory/memory-directory.js";
import { LocalJournal } from "../../journal-local/local-journal.js";
import { MemoryJournal } from "../../journal-memory/memory-journal.js";
import type { DirectoryPort } from "../../ports/directory.js";
import type { JournalPort } from "../../ports/journal.js";
import type { RequestMeter } from "../../ports/request-meter.js";
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
  close(): Promise<void>;
}

export type StorageSettings = Pick<Settings, "cluster" | "journal" | "snapshots" | "directory" | "aws">;

interface OpeningParts {
  readonly cluster: string;
  readonly aws: AwsSettings;
  readonly folders: LocalFolders;
  readonly meter: RequestMeter;
}

/** Throws StorageProblem or AwsProblem where something cannot be opened; nothing is left open then. */
export async function openStorage(settings: StorageSettings, meter: RequestMeter): Promise<Storage> {
  const folders = new LocalFolders();
  const parts = { cluster: settings.cluster, aws: awsOf(settings), folders, meter };
  try {
    const journal = folders.add(await openJournal(settings.journal, parts));
    const directory = folders.add(await openDirectory(settings.directory, parts));
    const snapshots = folders.add(await openSnapshots(settings.snapshots, parts));
    const compactor = folders.add(new MergeThread(snapshots));
    return { journal, directory, snapshots, compactor, close: () => folders.close() };
  } catch (error) {
    await folders.close();
    throw error;
  }
}

async function openJournal(settings: JournalSettings, { cluster, aws, folders, meter }: OpeningParts): Promise<JournalPort> {
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
      return DynamoJournal.open({ aws, table, cluster, ttlMs, clock: systemClock, meter });
    }
  }
}

async function openDirectory(
  settings: DirectorySettings,
  { cluster, aws, folders, meter }: OpeningParts,
): Promise<DirectoryPort> {
  switch (settings.kind) {
    case "memory":
      return new MemoryDirectory();
    case "local":
      return LocalDirectory.open(await folders.open(settings.path), settings.path);
    case "dynamodb": {
      const { DynamoDirectory } = await import("../../directory-dynamo/dynamo-directory.js");
      return DynamoDirectory.open({ aws, table: settings.table, cluster, clock: systemClock, meter });
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
  const outcome = await snapshots.read("start-probe", 0, 1);
  const problem = outcome.kind === "failed" ? LASTING.find((code) => code === outcome.code) : undefined;
  if (outcome.kind !== "failed" || problem === undefined) return snapshots;
  await snapshots.close();
  throw new AwsProblem(problem, `Bucket ${bucket}: ${outcome.message}`);
}

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
