/**
 * What a table of Holdfast's must be like: made by `createTable` (`holdfast init`), compared by `tableFindings` (`holdfast
 * check`). The shapes themselves lie beside the adapters that use the tables.
 */
import {
  CreateTableCommand,
  DescribeContinuousBackupsCommand,
  DescribeTableCommand,
  DescribeTimeToLiveCommand,
  type DynamoDBClient,
  type TableDescription,
  UpdateContinuousBackupsCommand,
  UpdateTimeToLiveCommand,
} from "@aws-sdk/client-dynamodb";
import type { ClockPort } from "../ports/clock.js";
import { AwsProblem, type AwsProblemCode } from "./aws-problem.js";
import type { AwsConnections, AwsSettings } from "./client-options.js";
import { openDynamo } from "./dynamo-client.js";
import { type AwsFailure, awsFailure } from "./failure.js";

export interface TableShape {
  /** Of text. The first is the partition key, the second, if there is one, the sort key. */
  readonly key: readonly string[];
  /** The attribute by which items expire; null: none does. */
  readonly expiry: string | null;
}

/** Something that is not as it should be. What is fatal keeps a router from starting, or from being safe. */
export interface TableFinding {
  /** Stable; explained in docs/errors.md. */
  readonly code: AwsProblemCode;
  readonly kind:
    | "missing"
    | "wrong_key"
    | "not_active"
    | "replicated"
    | "no_expiry"
    | "no_point_in_time_recovery"
    | "not_deletion_protected"
    | "unknown";
  readonly isFatal: boolean;
  /** What is wrong, and what to do. */
  readonly message: string;
}

export interface TableTarget {
  readonly aws: AwsSettings;
  readonly table: string;
  readonly shape: TableShape;
  readonly clock: ClockPort;
}

interface TableRequest extends TableTarget {
  readonly client: DynamoDBClient;
}

const CONNECTIONS: AwsConnections = { socketsMax: 4, connectTimeoutMs: 5_000, answerTimeoutMs: 15_000, silenceTimeoutMs: 15_000 };

const POLL_MS = 500;
/** A table is made in seconds, its backups are ready within a minute. */
const READY_WITHIN_MS = 180_000;

/**
 * Makes the table: charged by request, with expiry, point-in-time recovery and deletion protection. Resolves when it can be
 * used. What stands already is left as it is: see `tableFindings`. Throws AwsProblem.
 */
export function createTable(target: TableTarget, tags: Readonly<Record<string, string>>): Promise<"created" | "stood"> {
  return withClient(target, (request) => create(request, tags));
}

/** What is wrong with the table; empty when all is well. Never throws: what cannot be found out is a finding too. */
export function tableFindings(target: TableTarget): Promise<readonly TableFinding[]> {
  return withClient(target, find);
}

async function withClient<Result>(target: TableTarget, use: (request: TableRequest) => Promise<Result>): Promise<Result> {
  const client = openDynamo(target.aws, CONNECTIONS, null);
  try {
    return await use({ ...target, client });
  } finally {
    client.destroy();
  }
}

async function create(request: TableRequest, tags: Readonly<Record<string, string>>): Promise<"created" | "stood"> {
  const outcome = await make(request, tags);
  await untilActive(request);
  if (outcome === "stood") return outcome;
  const { client, table, shape } = request;
  if (shape.expiry !== null) {
    const TimeToLiveSpecification = { Enabled: true, AttributeName: shape.expiry };
    const command = new UpdateTimeToLiveCommand({ TableName: table, TimeToLiveSpecification });
    await orUnsupported(table, "dynamodb:UpdateTimeToLive", client.send(command));
  }
  await enableRecovery(request);
  return outcome;
}

async function find({ client, table, shape }: TableRequest): Promise<readonly TableFinding[]> {
  let description: TableDescription;
  try {
    description = (await client.send(new DescribeTableCommand({ TableName: table }))).Table ?? {};
  } catch (error) {
    const failure = failureOf(table, "dynamodb:DescribeTable", error);
    if (failure.kind !== "missing") return [unknown(failure)];
    return [
      {
        kind: "missing",
        code: "aws_table_missing",
        isFatal: true,
        message: `Table ${table} does not exist in this region and account. Create it with 'holdfast init'.`,
      },
    ];
  }
  return [
    ...shapeFindings(table, shape, description),
    ...(await expiryFindings(client, table, shape.expiry)),
    ...(await recoveryFindings(client, table)),
  ];
}

async function make(
  { client, table, shape }: TableRequest,
  tags: Readonly<Record<string, string>>,
): Promise<"created" | "stood"> {
  const command = new CreateTableCommand({
    TableName: table,
    AttributeDefinitions: shape.key.map((AttributeName) => ({ AttributeName, AttributeType: "S" })),
    KeySchema: shape.key.map((AttributeName, at) => ({ AttributeName, KeyType: at === 0 ? "HASH" : "RANGE" })),
    BillingMode: "PAY_PER_REQUEST",
    DeletionProtectionEnabled: true,
    Tags: Object.entries(tags).map(([Key, Value]) => ({ Key, Value })),
  });
  try {
    await client.send(command);
    return "created";
  } catch (error) {
    if (error instanceof Error && error.name === "ResourceInUseException") return "stood";
    const { code, message } = failureOf(table, "dynamodb:CreateTable", error);
    throw new AwsProblem(code, message);
  }
}

async function untilActive({ client, table, clock }: TableRequest): Promise<void> {
  const untilMs = clock.monotonicMs() + READY_WITHIN_MS;
  for (;;) {
    const status = await statusOf(client, table);
    if (status === "ACTIVE") return;
    if (clock.monotonicMs() > untilMs)
      throw new AwsProblem("aws_table_unfit", `Table ${table} is still ${status}. Look at it in the console.`);
    await clock.sleep(POLL_MS);
  }
}

async function statusOf(client: DynamoDBClient, table: string): Promise<string> {
  try {
    return (await client.send(new DescribeTableCommand({ TableName: table }))).Table?.TableStatus ?? "unknown";
  } catch (error) {
    const failure = failureOf(table, "dynamodb:DescribeTable", error);
    // A table that was just asked for may not show at once.
    if (failure.kind === "missing" || failure.kind === "throttled" || failure.kind === "ambiguous") return failure.kind;
    throw new AwsProblem(failure.code, failure.message);
  }
}

/** A new table refuses it for a while, with "Backups are being enabled". */
async function enableRecovery({ client, table, clock }: TableRequest): Promise<void> {
  const untilMs = clock.monotonicMs() + READY_WITHIN_MS;
  const PointInTimeRecoverySpecification = { PointInTimeRecoveryEnabled: true };
  for (;;) {
    try {
      const command = new UpdateContinuousBackupsCommand({ TableName: table, PointInTimeRecoverySpecification });
      return await orUnsupported(table, "dynamodb:UpdateContinuousBackups", client.send(command));
    } catch (error) {
      const isEarly = error instanceof Unready && clock.monotonicMs() < untilMs;
      if (!isEarly) throw error;
    }
    await clock.sleep(POLL_MS);
  }
}

function shapeFindings(table: string, shape: TableShape, description: TableDescription): readonly TableFinding[] {
  const findings: TableFinding[] = [];
  const found = (kind: TableFinding["kind"], isFatal: boolean, message: string) => {
    findings.push({ kind, isFatal, message, code: isFatal ? "aws_table_unfit" : "aws_table_unprotected" });
  };
  const typeByName = new Map(
    description.AttributeDefinitions?.map(({ AttributeName, AttributeType }) => [AttributeName, AttributeType]),
  );
  const key = (description.KeySchema ?? []).map(({ AttributeName }) => `${AttributeName} (${typeByName.get(AttributeName)})`);
  const wanted = shape.key.map((name) => `${name} (S)`);
  if (key.join() !== wanted.join()) {
    found(
      "wrong_key",
      true,
      `Table ${table} has the key ${key.join(", ")}; Holdfast's is ${wanted.join(", ")}. Use a table that 'holdfast init' made.`,
    );
  }
  const status = description.TableStatus;
  if (status !== "ACTIVE" && status !== "UPDATING")
    found("not_active", true, `Table ${table} is ${status}. Wait until it is active.`);
  if ((description.Replicas ?? []).length > 0) {
    found(
      "replicated",
      true,
      `Table ${table} is a global table. Conditions hold within one region only: use a table without replicas.`,
    );
  }
  if (description.DeletionProtectionEnabled !== true) {
    found("not_deletion_protected", false, `Table ${table} can be deleted by one request. Turn deletion protection on.`);
  }
  return findings;
}

async function expiryFindings(client: DynamoDBClient, table: string, expiry: string | null): Promise<readonly TableFinding[]> {
  if (expiry === null) return [];
  try {
    const { TimeToLiveDescription } = await client.send(new DescribeTimeToLiveCommand({ TableName: table }));
    const status = TimeToLiveDescription?.TimeToLiveStatus;
    const isOn = status === "ENABLED" || status === "ENABLING";
    if (isOn && TimeToLiveDescription?.AttributeName === expiry) return [];
    const message = `Table ${table} does not expire records by '${expiry}': it grows for ever. Turn its time to live on for that attribute.`;
    return [{ kind: "no_expiry", code: "aws_table_no_expiry", isFatal: false, message }];
  } catch (error) {
    return [unknown(failureOf(table, "dynamodb:DescribeTimeToLive", error))];
  }
}

async function recoveryFindings(client: DynamoDBClient, table: string): Promise<readonly TableFinding[]> {
  try {
    const { ContinuousBackupsDescription } = await client.send(new DescribeContinuousBackupsCommand({ TableName: table }));
    if (ContinuousBackupsDescription?.PointInTimeRecoveryDescription?.PointInTimeRecoveryStatus === "ENABLED") return [];
    const message = `Table ${table} has no point-in-time recovery. Turn it on.`;
    return [{ kind: "no_point_in_time_recovery", code: "aws_table_unprotected", isFatal: false, message }];
  } catch (error) {
    return isUnsupported(error) ? [] : [unknown(failureOf(table, "dynamodb:DescribeContinuousBackups", error))];
  }
}

/** What an emulator does not know is passed over; AWS knows all of it. */
async function orUnsupported(table: string, action: string, sent: Promise<unknown>): Promise<void> {
  try {
    await sent;
  } catch (error) {
    if (isUnsupported(error)) return;
    if (error instanceof Error && error.name === "ContinuousBackupsUnavailableException") throw new Unready();
    const { code, message } = failureOf(table, action, error);
    throw new AwsProblem(code, message);
  }
}

class Unready extends Error {}

function isUnsupported(error: unknown): boolean {
  return error instanceof Error && error.name === "UnknownOperationException";
}

function failureOf(table: string, action: string, error: unknown): AwsFailure {
  return awsFailure(error, { action, resource: { what: "table", name: table } });
}

function unknown({ code, message }: AwsFailure): TableFinding {
  return { kind: "unknown", code, isFatal: false, message };
}
