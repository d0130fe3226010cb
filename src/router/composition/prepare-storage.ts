/** `holdfast init`: makes the tables and the bucket that the settings name. What stands already is left as it is. */
import { createTable } from "../../aws/dynamo-table.js";
import { DIRECTORY_TABLE } from "../../directory-dynamo/table.js";
import { JOURNAL_TABLE } from "../../journal-dynamo/table.js";
import { createBucket } from "../../snapshots-s3/bucket.js";
import { systemClock } from "../system-clock.js";
import { awsOf, type StorageSettings } from "./storage.js";

export interface Prepared {
  /** Such as `table holdfast-log`. */
  readonly what: string;
  readonly outcome: "created" | "stood";
}

/** One after the other, told as they are done. Throws AwsProblem. */
export async function* prepareStorage(settings: StorageSettings): AsyncGenerator<Prepared> {
  const { cluster, journal, snapshots, directory } = settings;
  const aws = awsOf(settings);
  const clock = systemClock;
  const tags = { "holdfast-cluster": cluster };
  if (journal.kind === "dynamodb") {
    const { table } = journal;
    yield { what: `table ${table}`, outcome: await createTable({ aws, table, shape: JOURNAL_TABLE, clock }, tags) };
  }
  if (directory.kind === "dynamodb") {
    const { table } = directory;
    yield { what: `table ${table}`, outcome: await createTable({ aws, table, shape: DIRECTORY_TABLE, clock }, tags) };
  }
  if (snapshots.kind === "s3") {
    const { bucket, prefix } = snapshots;
    yield { what: `bucket ${bucket}`, outcome: await createBucket({ aws, bucket, prefix }, tags) };
  }
}
