/** `holdfast init` and `holdfast check` against dynalite and the S3 fake, through a proxy that denies, delays and breaks. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, describe, it } from "node:test";
import { CreateTableCommand } from "@aws-sdk/client-dynamodb";
import { PutBucketLifecycleConfigurationCommand } from "@aws-sdk/client-s3";
import { openDynamo } from "../../../src/aws/dynamo-client.js";
import { run } from "../../../src/cli/run.js";
import { PROBLEMS } from "../../../src/router/ingress/problem-table.js";
import { s3Client } from "../../../src/snapshots-s3/s3-requests.js";
import { credentialsExpired, credentialsRefused, denied, throttled } from "../../aws/fault-proxy/aws-replies.js";
import { LocalCloud } from "../../aws/servers/local-cloud.js";

const folder = mkdtempSync(join(tmpdir(), "holdfast-check-"));
let cloud: LocalCloud;
before(async () => {
  cloud = await LocalCloud.start();
  assert.equal((await holdfast("init", settingsFile())).code, 0);
});
after(async () => {
  await cloud.stop();
  rmSync(folder, { recursive: true });
});
afterEach(() => cloud.heal());

interface Names {
  readonly log?: string;
  readonly directory?: string;
  readonly bucket?: string;
  readonly endpoint?: string;
}

function settingsFile({ log = "check-log", directory = "check-directory", bucket = "check", endpoint }: Names = {}): string {
  const path = join(folder, `${log}-${directory}-${bucket}.yaml`);
  const lines = [
    `journal: { kind: dynamodb, table: ${log} }`,
    `snapshots: { kind: s3, bucket: ${bucket}, prefix: prod }`,
    `directory: { kind: dynamodb, table: ${directory} }`,
    `aws: { endpoint: '${endpoint ?? cloud.proxy.url}' }`,
  ];
  writeFileSync(path, lines.join("\n"));
  return path;
}

async function holdfast(
  ...args: readonly string[]
): Promise<{ readonly code: number; readonly out: string; readonly error: string }> {
  const out: string[] = [];
  const error: string[] = [];
  const code = await run(args, { out: (text) => out.push(text), error: (text) => error.push(text) }, "0");
  return { code, out: out.join("\n"), error: error.join("\n") };
}

const check = (names: Names = {}) => holdfast("check", "--config", settingsFile(names));

/** The codes of fatal findings; each is explained. */
function wrongCodes(out: string): readonly string[] {
  const codes = [...out.matchAll(/^WRONG: .*\[(\w+)\]$/gm)].map(([, code = ""]) => code);
  for (const code of codes) assert.ok(PROBLEMS[code], `${code} is not explained`);
  return [...new Set(codes)];
}

describe("holdfast init", () => {
  it("makes tables and bucket once, says so, and leaves alone what is there", async () => {
    const names = { log: "made-log", directory: "made-directory", bucket: "made" };
    const first = await holdfast("init", settingsFile(names));
    assert.deepEqual(
      [first.code, first.out],
      [0, "made: table made-log\nmade: table made-directory\nmade: bucket made"],
      first.error,
    );
    const second = await holdfast("init", settingsFile(names));
    assert.deepEqual([second.code, second.out], [0, first.out.replaceAll("made: ", "there already: ")]);
    assert.equal((await check(names)).code, 0);
  });

  it("tells which permission it lacks", async () => {
    cloud.proxy.plan = (request) =>
      request.action === "dynamodb:CreateTable"
        ? { kind: "answer", reply: denied(request), isAfterEffect: false }
        : { kind: "pass", delayMs: 0 };
    const { code, error } = await holdfast("init", settingsFile({ log: "denied-log" }));
    assert.equal(code, 2);
    assert.match(error, /dynamodb:CreateTable.*\[aws_denied\]/s);
  });
});

describe("holdfast check", () => {
  it("finds nothing wrong with what holdfast init has made, and says what it has tried", async () => {
    const { code, out, error } = await check();
    assert.equal(code, 0, error);
    assert.deepEqual(wrongCodes(out), []);
    for (const tried of [
      "dynamodb:PutItem on check-log",
      "dynamodb:Query on check-directory",
      "s3:AbortMultipartUpload on check",
      "the clock",
    ]) {
      assert.ok(out.includes(`fine: ${tried}`), `${tried} in\n${out}`);
    }
  });

  it("leaves nothing behind", async () => {
    const before = cloud.s3.store.bucket("check").objectByKey.size;
    await check();
    assert.equal(cloud.s3.store.bucket("check").objectByKey.size, before);
  });

  const ACTIONS = [
    ...[
      "dynamodb:DescribeTable",
      "dynamodb:GetItem",
      "dynamodb:BatchGetItem",
      "dynamodb:Query",
      "dynamodb:PutItem",
      "dynamodb:DeleteItem",
    ],
    ...["s3:ListBucket", "s3:PutObject", "s3:GetObject", "s3:DeleteObject", "s3:AbortMultipartUpload"],
  ];
  for (const action of ACTIONS) {
    it(`names the action that is denied: ${action}`, async () => {
      cloud.proxy.plan = (request) =>
        request.action === action
          ? { kind: "answer", reply: denied(request), isAfterEffect: false }
          : { kind: "pass", delayMs: 0 };
      const { code, out, error } = await check();
      assert.match(out, new RegExp(`${action} on check.*\\[aws_denied\\]`));
      if (action === "dynamodb:DescribeTable") return; // A router does without.
      assert.equal(code, 2, out);
      assert.match(error, /\[aws_denied\]/);
      assert.deepEqual(wrongCodes(out), ["aws_denied"]);
    });
  }

  it("tells what is missing, and how to make it", async () => {
    const { code, out } = await check({ log: "no-log", directory: "no-directory", bucket: "no-bucket" });
    assert.equal(code, 2);
    assert.deepEqual(wrongCodes(out), ["aws_table_missing", "aws_bucket_missing"]);
    assert.match(out, /holdfast init/);
  });

  it("tells a table with another key, and one that does not expire records", async () => {
    const client = openDynamo({ region: null, endpoint: cloud.proxy.url, credentials: null }, CONNECTIONS, null);
    for (const [TableName, AttributeName] of [
      ["other-key", "id"],
      ["no-expiry", "k"],
    ] as const) {
      const AttributeDefinitions = [{ AttributeName, AttributeType: "S" as const }];
      const KeySchema = [{ AttributeName, KeyType: "HASH" as const }];
      const table = { TableName, AttributeDefinitions, KeySchema, BillingMode: "PAY_PER_REQUEST" as const };
      await client.send(new CreateTableCommand(table));
    }
    client.destroy();
    const other = await check({ log: "other-key" });
    assert.equal(other.code, 2);
    assert.deepEqual(wrongCodes(other.out), ["aws_table_unfit"]);
    const { out } = await check({ log: "no-expiry" });
    assert.match(out, /^mind: table no-expiry: .*expiresAt.*\[aws_table_no_expiry\]$/m);
  });

  it("tells a bucket whose lifecycle deletes live segments, but not one that is about other prefixes", async () => {
    const client = s3Client({ region: null, endpoint: cloud.proxy.url, credentials: null }, 2);
    const settings = (await holdfast("init", settingsFile({ bucket: "aging" }))).code;
    assert.equal(settings, 0);
    const rule = async (Prefix: string) => {
      const Rules = [{ ID: "old", Status: "Enabled" as const, Filter: { Prefix }, Expiration: { Days: 30 } }];
      await client.send(new PutBucketLifecycleConfigurationCommand({ Bucket: "aging", LifecycleConfiguration: { Rules } }));
      return wrongCodes((await check({ bucket: "aging" })).out);
    };
    assert.deepEqual(await rule(""), ["aws_bucket_unfit"]);
    assert.deepEqual(await rule("prod/segments/"), ["aws_bucket_unfit"]);
    assert.deepEqual(await rule("logs/"), []);
    client.destroy();
  });

  it("tells credentials that are expired or refused from those that lack a permission", async () => {
    for (const [reply, expected] of [
      [credentialsExpired, "aws_credentials_expired"],
      [credentialsRefused, "aws_credentials_refused"],
    ] as const) {
      cloud.proxy.plan = (request) => ({ kind: "answer", reply: reply(request), isAfterEffect: false });
      const { code, out, error } = await check();
      assert.equal(code, 2, out);
      assert.ok(error.includes(`[${expected}]`), error);
    }
  });

  it("says by its exit code what may pass by itself: nobody there, or too busy", async () => {
    const gone = await check({ endpoint: "http://127.0.0.1:1" });
    assert.deepEqual([gone.code, wrongCodes(gone.out)], [3, ["aws_unreachable"]]);
    cloud.proxy.plan = (request) => ({ kind: "answer", reply: throttled(request), isAfterEffect: false });
    const busy = await check();
    assert.deepEqual([busy.code, wrongCodes(busy.out)], [3, ["aws_throttled"]]);
  });

  it("tells a clock that is off by more than five minutes", async () => {
    cloud.proxy.plan = (request) => {
      if (request.service !== "dynamodb" || request.action === "dynamodb:DescribeTable") return { kind: "pass", delayMs: 0 };
      const reply = throttled(request);
      const rawHeaders = reply.rawHeaders.with(
        reply.rawHeaders.indexOf("date") + 1,
        new Date(Date.now() - 600_000).toUTCString(),
      );
      return { kind: "answer", reply: { ...reply, rawHeaders }, isAfterEffect: false };
    };
    const { code, out } = await check();
    assert.equal(code, 2);
    assert.match(out, /the clock \(\d+\.\d s ahead\).*\[aws_clock_off\]/);
  });

  it("prints JSON, one value a result", async () => {
    const { out } = await holdfast("--json", "check", "--config", settingsFile());
    const values = out.split("\n").map((line) => JSON.parse(line) as { what?: string; problem?: unknown });
    assert.ok(values.some(({ what, problem }) => what === "s3:PutObject on check" && problem === null));
  });
});

const CONNECTIONS = { socketsMax: 2, connectTimeoutMs: 2_000, answerTimeoutMs: 5_000, silenceTimeoutMs: 5_000 };
