/** Journals and directories on a DynamoDB server, for the contract suites: each on a table of its own. */
import { randomUUID } from "node:crypto";
import type { AwsSettings } from "../../src/aws/client-options.js";
import { createTable } from "../../src/aws/dynamo-table.js";
import { DynamoDirectory } from "../../src/directory-dynamo/dynamo-directory.js";
import { DIRECTORY_TABLE } from "../../src/directory-dynamo/table.js";
import { DynamoJournal } from "../../src/journal-dynamo/dynamo-journal.js";
import { JOURNAL_TABLE } from "../../src/journal-dynamo/table.js";
import { NO_METER, type RequestMeter } from "../../src/ports/request-meter.js";
import type { DirectoryUnderTest } from "./directory.contract.js";
import type { JournalUnderTest } from "./journal.contract.js";
import { realClock } from "./real-clock.js";

const CLUSTER = "contract";
const TTL_MS = 14 * 86_400_000;

export function emulator(endpoint: string): AwsSettings {
  return { region: "eu-west-1", endpoint, credentials: { accessKeyId: "local", secretAccessKey: "local" } };
}

export async function journalTable(aws: AwsSettings): Promise<string> {
  const table = `log-${randomUUID()}`;
  await createTable({ aws, table, shape: JOURNAL_TABLE, clock: realClock }, {});
  return table;
}

export async function directoryTable(aws: AwsSettings): Promise<string> {
  const table = `directory-${randomUUID()}`;
  await createTable({ aws, table, shape: DIRECTORY_TABLE, clock: realClock }, {});
  return table;
}

export function openJournal(aws: AwsSettings, table: string, meter: RequestMeter = NO_METER): Promise<DynamoJournal> {
  return DynamoJournal.open({ aws, table, cluster: CLUSTER, ttlMs: TTL_MS, clock: realClock, meter });
}

export function openDirectory(aws: AwsSettings, table: string, meter: RequestMeter = NO_METER): Promise<DynamoDirectory> {
  return DynamoDirectory.open({ aws, table, cluster: CLUSTER, clock: realClock, meter });
}

export async function dynamoJournalUnderTest(aws: AwsSettings): Promise<JournalUnderTest> {
  const table = await journalTable(aws);
  let current = await openJournal(aws, table);
  const reopen = async () => {
    await current.close();
    return (current = await openJournal(aws, table));
  };
  return { journal: current, reopen, dispose: () => current.close() };
}

export async function dynamoDirectoryUnderTest(aws: AwsSettings): Promise<DirectoryUnderTest> {
  const table = await directoryTable(aws);
  let current = await openDirectory(aws, table);
  const reopen = async () => {
    await current.close();
    return (current = await openDirectory(aws, table));
  };
  return { directory: current, reopen, dispose: () => current.close() };
}
