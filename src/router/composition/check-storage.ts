/** `holdfast check`: whether what the settings name in AWS is there, is as it must be, and lets the router do its work. */
import type { AwsSettings } from "../../aws/client-options.js";
import { openDynamo } from "../../aws/dynamo-client.js";
import { type TableShape, tableFindings } from "../../aws/dynamo-table.js";
import { CLOCK_SKEW_MAX_MS, ServerTime } from "../../aws/server-time.js";
import { DIRECTORY_TABLE } from "../../directory-dynamo/table.js";
import { lambdaPermissions } from "../../invoker/lambda/lambda-permissions.js";
import { JOURNAL_TABLE } from "../../journal-dynamo/table.js";
import { parseLambdaArn } from "../../ports/lambda-arn.js";
import { bucketFindings } from "../../snapshots-s3/bucket.js";
import { s3Client } from "../../snapshots-s3/s3-requests.js";
import type { Settings } from "../config/settings.js";
import { systemClock } from "../system-clock.js";
import { bucketPermissions, directoryPermissions, journalPermissions, type PermissionResult } from "./aws-permissions.js";
import { awsOf, type StorageSettings } from "./storage.js";

export interface CheckResult {
  /** What was looked at, such as `dynamodb:PutItem on holdfast-log`. */
  readonly what: string;
  readonly problem: CheckProblem | null;
}

export interface CheckProblem {
  /** In docs/errors.md. */
  readonly code: string;
  readonly message: string;
  /** Fatal: a router would not start, would not go on, or would not be safe. */
  readonly isFatal: boolean;
  /** The same check may come out better without anybody doing anything. */
  readonly mayPass: boolean;
}

const CONNECTIONS = { socketsMax: 4, connectTimeoutMs: 5_000, answerTimeoutMs: 10_000, silenceTimeoutMs: 10_000 };
/** So much is said of the clock; how wrong it may be is CLOCK_SKEW_MAX_MS. */
const CLOCK_REMARK_MS = 2_000;

export async function* checkStorage(settings: StorageSettings & Pick<Settings, "functions">): AsyncGenerator<CheckResult> {
  const { journal, snapshots, directory, functions } = settings;
  const aws = awsOf(settings);
  if (journal.kind === "dynamodb") yield* checkTable(aws, journal.table, JOURNAL_TABLE, journalPermissions);
  if (directory.kind === "dynamodb") yield* checkTable(aws, directory.table, DIRECTORY_TABLE, directoryPermissions);
  if (snapshots.kind === "s3") yield* checkBucket(aws, snapshots.bucket, snapshots.prefix);
  for (const { url } of functions) yield* checkFunction(aws, url);
}

async function* checkTable(
  aws: AwsSettings,
  table: string,
  shape: TableShape,
  permissions: typeof journalPermissions,
): AsyncGenerator<CheckResult> {
  const findings = await tableFindings({ aws, table, shape, clock: systemClock });
  for (const { code, message, isFatal } of findings) {
    yield { what: `table ${table}`, problem: { code, message, isFatal, mayPass: false } };
  }
  if (findings.length === 0) yield { what: `table ${table}: key, expiry and protection`, problem: null };
  if (findings.some(({ kind }) => kind === "missing" || kind === "wrong_key")) return;
  const serverTime = new ServerTime(systemClock);
  const client = openDynamo(aws, CONNECTIONS, serverTime);
  try {
    for (const result of await permissions(client, table, shape)) yield permissionResult(result);
  } finally {
    client.destroy();
  }
  yield clockResult(serverTime);
}

async function* checkBucket(aws: AwsSettings, bucket: string, prefix: string): AsyncGenerator<CheckResult> {
  const findings = await bucketFindings({ aws, bucket, prefix });
  for (const { code, message, isFatal } of findings) {
    yield { what: `bucket ${bucket}`, problem: { code, message, isFatal, mayPass: false } };
  }
  if (findings.length === 0) yield { what: `bucket ${bucket}: versions, encryption, access, lifecycle`, problem: null };
  if (findings.some(({ kind }) => kind === "missing")) return;
  const client = s3Client(aws, CONNECTIONS.socketsMax);
  try {
    for (const result of await bucketPermissions(client, bucket, prefix)) yield permissionResult(result);
  } finally {
    client.destroy();
  }
}

/** Lambda functions alone: whether an HTTP endpoint answers is seen when it is registered. */
async function* checkFunction(aws: AwsSettings, url: string): AsyncGenerator<CheckResult> {
  const arn = parseLambdaArn(url);
  if (arn === null) return;
  for (const permission of await lambdaPermissions(arn, aws)) {
    const result = permissionResult(permission);
    const { problem } = result;
    yield problem === null || permission.isNeeded ? result : { ...result, problem: { ...problem, isFatal: false } };
  }
}

function permissionResult({ action, resource, failure }: Pick<PermissionResult, "action" | "resource" | "failure">): CheckResult {
  const what = `${action} on ${resource}`;
  if (failure === null) return { what, problem: null };
  const { kind, code, message } = failure;
  const mayPass = kind === "throttled" || kind === "ambiguous" || kind === "notSent";
  return { what, problem: { code, message, isFatal: true, mayPass } };
}

function clockResult(serverTime: ServerTime): CheckResult {
  const { skewMs } = serverTime;
  const seconds = (Math.abs(skewMs) / 1_000).toFixed(1);
  const what = Math.abs(skewMs) < CLOCK_REMARK_MS ? "the clock" : `the clock (${seconds} s ${skewMs > 0 ? "ahead" : "behind"})`;
  if (Math.abs(skewMs) <= CLOCK_SKEW_MAX_MS) return { what, problem: null };
  const message = `This machine's clock is ${seconds} s ${skewMs > 0 ? "ahead of" : "behind"} AWS's. Set it, for instance by NTP.`;
  return { what, problem: { code: "aws_clock_off", message, isFatal: true, mayPass: false } };
}
