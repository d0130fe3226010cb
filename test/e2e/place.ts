/**
 * Where the data of an end-to-end test lies: a folder, or tables and a bucket of its own at the endpoints that the
 * environment names (`HOLDFAST_E2E=aws`, see test/aws/). The tests are the same.
 */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { startHoldfast } from "./child.js";

export const isOnAws = process.env["HOLDFAST_E2E"] === "aws";
/** For tests of what only files can suffer. */
export const onlyLocal = isOnAws && "is about files";
export const onlyAws = !isOnAws && "is about AWS; npm run test:aws runs it";

export interface Place {
  /** Sections of settings. */
  readonly lines: readonly string[];
}

export function localPlace(path: string): Place {
  return { lines: [`journal: { kind: local, path: ${path} }`] };
}

export interface AwsPlace extends Place {
  readonly logTable: string;
  readonly directoryTable: string;
  readonly bucket: string;
}

/** Names that nobody else has; an endpoint in front of those of the environment, where one is given. */
export function awsPlace(endpoint: string | null = null): AwsPlace {
  const id = randomBytes(5).toString("hex");
  const [logTable, directoryTable, bucket] = [`e2e-${id}-log`, `e2e-${id}-directory`, `e2e-${id}`];
  const lines = [
    `journal: { kind: dynamodb, table: ${logTable} }`,
    `snapshots: { kind: s3, bucket: ${bucket}, prefix: e2e/ }`,
    `directory: { kind: dynamodb, table: ${directoryTable} }`,
    ...(endpoint === null ? [] : [`aws: { endpoint: '${endpoint}' }`]),
  ];
  return { lines, logTable, directoryTable, bucket };
}

/** Makes what the place names, with the command that is there for it. */
export async function prepare(place: Place, folder: string): Promise<void> {
  const path = join(folder, "place.yaml");
  await writeFile(path, place.lines.join("\n"));
  const init = startHoldfast("init", path);
  const { code } = await init.exited;
  assert.equal(code, 0, `${init.output}\n${init.errors}`);
}
