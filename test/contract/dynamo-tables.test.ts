/** What `holdfast init` makes and `holdfast check` finds, on dynalite behind a proxy that answers as AWS would. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, beforeEach, test } from "node:test";
import { CreateTableCommand } from "@aws-sdk/client-dynamodb";
import { openDynamo } from "../../src/aws/dynamo-client.js";
import { createTable, type TableShape, tableFindings } from "../../src/aws/dynamo-table.js";
import { DIRECTORY_TABLE } from "../../src/directory-dynamo/table.js";
import { JOURNAL_TABLE } from "../../src/journal-dynamo/table.js";
import { AwsProxy, PASS, type ProxiedReply, type ProxiedRequest } from "../aws/fault-proxy/aws-proxy.js";
import { denied } from "../aws/fault-proxy/aws-replies.js";
import { startDynalite } from "../aws/servers/dynalite.js";
import { emulator } from "./dynamo-subjects.js";
import { realClock } from "./real-clock.js";

const server = await startDynalite();
const proxy = await AwsProxy.open({ upstream: { dynamodb: server.endpoint, s3: "", lambda: "" }, plan: () => PASS });
const aws = emulator(proxy.url);
/** Waiting for AWS takes no time. */
const clock = { ...realClock, sleep: async () => undefined };
const asked: ProxiedRequest[] = [];
after(async () => {
  await proxy.close();
  await server.stop();
});
beforeEach(() => {
  asked.length = 0;
  answerTo({});
});

const target = (shape: TableShape, table = `t-${randomUUID()}`) => ({ aws, table, shape, clock });
const found = async (shape: TableShape, table: string) => (await tableFindings(target(shape, table))).map(({ kind }) => kind);

/** Answers these actions in AWS's name, each as often as it has answers; everything else goes on to the server. */
function answerTo(repliesByAction: Readonly<Record<string, readonly (ProxiedReply | null)[]>>): void {
  const left = new Map(Object.entries(repliesByAction).map(([action, replies]) => [action, [...replies]]));
  proxy.plan = (request) => {
    asked.push(request);
    const reply = left.get(request.action.replace("dynamodb:", ""))?.shift() ?? null;
    return reply === null ? PASS : { kind: "answer", reply, isAfterEffect: false };
  };
}

function reply(status: number, content: object): ProxiedReply {
  const body = Buffer.from(JSON.stringify(content));
  return { status, rawHeaders: ["content-type", "application/x-amz-json-1.0", "content-length", String(body.length)], body };
}

const error = (type: string) => reply(400, { __type: `com.amazonaws.dynamodb.v20120810#${type}`, message: "no" });

/** A table as AWS describes it. */
function description(more: object = {}): ProxiedReply {
  return reply(200, {
    Table: {
      TableStatus: "ACTIVE",
      KeySchema: [{ AttributeName: "k", KeyType: "HASH" }],
      AttributeDefinitions: [{ AttributeName: "k", AttributeType: "S" }],
      DeletionProtectionEnabled: true,
      ...more,
    },
  });
}
const expiring = reply(200, { TimeToLiveDescription: { TimeToLiveStatus: "ENABLED", AttributeName: "expiresAt" } });
const recoverable = reply(200, {
  ContinuousBackupsDescription: { PointInTimeRecoveryDescription: { PointInTimeRecoveryStatus: "ENABLED" } },
});
const SOUND = { DescribeTable: [description()], DescribeTimeToLive: [expiring], DescribeContinuousBackups: [recoverable] };

test("a table that was made is one in which nothing fatal is found; made again, it is left as it is", async () => {
  for (const shape of [JOURNAL_TABLE, DIRECTORY_TABLE]) {
    const { table } = target(shape);
    assert.equal(await createTable(target(shape, table), { cluster: "c" }), "created");
    assert.deepEqual(
      (await tableFindings(target(shape, table))).filter(({ isFatal }) => isFatal),
      [],
    );
    asked.length = 0;
    assert.equal(await createTable(target(shape, table), {}), "stood");
    assert.ok(asked.every(({ action }) => !action.startsWith("dynamodb:Update")));
  }
});

test("a table is made with everything that cannot be forgotten without harm", async () => {
  await createTable(target(JOURNAL_TABLE), { "holdfast:cluster": "shop" });
  const bodyOf = (action: string) => JSON.parse(String(asked.find((one) => one.action === `dynamodb:${action}`)?.body ?? "null"));
  const created = bodyOf("CreateTable");
  assert.equal(created.BillingMode, "PAY_PER_REQUEST");
  assert.equal(created.DeletionProtectionEnabled, true);
  assert.deepEqual(created.Tags, [{ Key: "holdfast:cluster", Value: "shop" }]);
  assert.deepEqual(bodyOf("UpdateTimeToLive").TimeToLiveSpecification, { Enabled: true, AttributeName: "expiresAt" });
  assert.deepEqual(bodyOf("UpdateContinuousBackups").PointInTimeRecoverySpecification, { PointInTimeRecoveryEnabled: true });
});

test("making a table waits until it is active, and until its backups can be turned on", async () => {
  answerTo({
    DescribeTable: [description({ TableStatus: "CREATING" }), error("ResourceNotFoundException"), null],
    UpdateContinuousBackups: [error("ContinuousBackupsUnavailableException"), reply(200, {})],
  });
  assert.equal(await createTable(target(JOURNAL_TABLE), {}), "created");
  const count = (action: string) => asked.filter((one) => one.action === `dynamodb:${action}`).length;
  assert.deepEqual([count("DescribeTable"), count("UpdateContinuousBackups")], [3, 2]);
});

test("making a table without the permission says which is missing", async () => {
  for (const action of ["CreateTable", "DescribeTable", "UpdateTimeToLive", "UpdateContinuousBackups"]) {
    answerTo({ [action]: [denied({ service: "dynamodb", action: `dynamodb:${action}` } as ProxiedRequest)] });
    await assert.rejects(createTable(target(JOURNAL_TABLE), {}), {
      code: "aws_denied",
      message: new RegExp(`dynamodb:${action}`),
    });
  }
});

test("nothing is found where all is well", async () => {
  answerTo(SOUND);
  assert.deepEqual(await found(JOURNAL_TABLE, "log"), []);
});

test("a table that is missing is found, with what to do", async () => {
  const findings = await tableFindings(target(JOURNAL_TABLE, "nowhere"));
  assert.deepEqual(
    findings.map(({ kind, code, isFatal }) => ({ kind, code, isFatal })),
    [{ kind: "missing", code: "aws_table_missing", isFatal: true }],
  );
  assert.match(findings[0]?.message ?? "", /nowhere.*holdfast init/);
});

test("a table with another key is found, by names, order and types", async () => {
  const client = openDynamo(aws, { socketsMax: 1, connectTimeoutMs: 5000, answerTimeoutMs: 5000, silenceTimeoutMs: 5000 }, null);
  const keys = [["id", "S"] as const, ["k", "N"] as const, ["K", "S"] as const];
  for (const [AttributeName, AttributeType] of keys) {
    const table = `key-${randomUUID()}`;
    await client.send(
      new CreateTableCommand({
        TableName: table,
        AttributeDefinitions: [{ AttributeName, AttributeType }],
        KeySchema: [{ AttributeName, KeyType: "HASH" }],
        BillingMode: "PAY_PER_REQUEST",
      }),
    );
    const findings = await tableFindings(target(JOURNAL_TABLE, table));
    const wrong = findings.find(({ kind }) => kind === "wrong_key");
    assert.ok(wrong?.isFatal && wrong.message.includes(`${AttributeName} (${AttributeType})`), wrong?.message);
  }
  client.destroy();
  const { table } = target(JOURNAL_TABLE);
  await createTable(target(JOURNAL_TABLE, table), {});
  assert.ok((await found(DIRECTORY_TABLE, table)).includes("wrong_key"), "the journal's table is none for a directory");
});

test("a table in several regions is fatal, since conditions hold within one", async () => {
  answerTo({ ...SOUND, DescribeTable: [description({ Replicas: [{ RegionName: "eu-central-1" }] })] });
  const [finding] = await tableFindings(target(JOURNAL_TABLE, "log"));
  assert.ok(finding?.kind === "replicated" && finding.isFatal);
});

test("a table that is being deleted is fatal, one that is being updated is not", async () => {
  answerTo({ ...SOUND, DescribeTable: [description({ TableStatus: "DELETING" })] });
  assert.deepEqual(await found(JOURNAL_TABLE, "log"), ["not_active"]);
  answerTo({ ...SOUND, DescribeTable: [description({ TableStatus: "UPDATING" })] });
  assert.deepEqual(await found(JOURNAL_TABLE, "log"), []);
});

test("a table without expiry, or that expires by another attribute, and one without protection are found", async () => {
  const other = reply(200, { TimeToLiveDescription: { TimeToLiveStatus: "ENABLED", AttributeName: "ttl" } });
  const off = reply(200, { TimeToLiveDescription: { TimeToLiveStatus: "DISABLED" } });
  for (const expiry of [other, off]) {
    answerTo({ ...SOUND, DescribeTimeToLive: [expiry] });
    assert.deepEqual(await found(JOURNAL_TABLE, "log"), ["no_expiry"]);
  }
  const unprotected = description({ DeletionProtectionEnabled: false });
  answerTo({ ...SOUND, DescribeTable: [unprotected], DescribeContinuousBackups: [reply(200, {})] });
  assert.deepEqual(await found(JOURNAL_TABLE, "log"), ["not_deletion_protected", "no_point_in_time_recovery"]);
});

test("what may not be looked at is said, with the action", async () => {
  const action = "dynamodb:DescribeTimeToLive";
  answerTo({ ...SOUND, DescribeTimeToLive: [denied({ service: "dynamodb", action } as ProxiedRequest)] });
  const [finding] = await tableFindings(target(JOURNAL_TABLE, "log"));
  assert.ok(finding?.kind === "unknown" && finding.message.includes(action));
});
