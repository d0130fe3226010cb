import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, describe, test } from "node:test";
import {
  type LifecycleRule,
  PutBucketLifecycleConfigurationCommand,
  PutBucketVersioningCommand,
  PutPublicAccessBlockCommand,
  type S3Client,
} from "@aws-sdk/client-s3";
import { AwsProblem } from "../../src/aws/aws-problem.js";
import { bucketFindings, createBucket } from "../../src/snapshots-s3/bucket.js";
import { s3Client } from "../../src/snapshots-s3/s3-requests.js";
import { awsAt } from "../contract/snapshots-s3-case.js";
import { type S3Fake, startS3Fake } from "./s3-fake/s3-fake.js";

let fake: S3Fake;
before(async () => {
  fake = await startS3Fake();
});
after(() => fake.close());

describe("a bucket", () => {
  test("that was made is as it should be, and is left as it is the second time", async () => {
    const target = newTarget();
    assert.equal(await createBucket(target, { app: "shop" }), "created");
    assert.deepEqual(await bucketFindings(target), []);
    const { settingByName } = fake.store.bucket(target.bucket);
    assert.match(String(settingByName.get("policy")), /"Effect":"Deny".*"aws:SecureTransport":"false"/);
    assert.match(String(settingByName.get("tagging")), /<Key>app<\/Key><Value>shop<\/Value>/);
    settingByName.delete("versioning");
    assert.equal(await createBucket(target, {}), "stood");
    assert.deepEqual(await kinds(target), ["not_versioned"]);
  });

  test("that is not there, or may not be looked at, is a finding", async () => {
    const target = newTarget();
    assert.deepEqual(await kinds(target), ["missing"]);
    fake.faultOf = () => ({ kind: "fail", status: 403, code: "AccessDenied" });
    const [finding] = await bucketFindings(target);
    await assert.rejects(createBucket(target, {}), (error) => error instanceof AwsProblem && error.code === "aws_denied");
    fake.faultOf = () => ({ kind: "none" });
    assert.deepEqual([finding?.kind, finding?.code], ["unknown", "aws_denied"]);
  });

  test("that is open to the public, or keeps no versions, is a finding of its own each", async () => {
    const target = await made();
    const opened = new PutPublicAccessBlockCommand({ Bucket: target.bucket, PublicAccessBlockConfiguration: {} });
    await withClient((client) => client.send(opened));
    assert.deepEqual(await kinds(target), ["public"]);
    const VersioningConfiguration = { Status: "Suspended" } as const;
    const suspended = new PutBucketVersioningCommand({ Bucket: target.bucket, VersioningConfiguration });
    await withClient((client) => client.send(suspended));
    assert.deepEqual(await kinds(target), ["not_versioned", "public"]);
  });

  const SOUND: LifecycleRule = {
    Status: "Enabled",
    Filter: { Prefix: "" },
    AbortIncompleteMultipartUpload: { DaysAfterInitiation: 1 },
  };
  const cases: readonly (readonly [title: string, rule: Partial<LifecycleRule>, kinds: readonly string[]])[] = [
    ["expires current objects", { Expiration: { Days: 400 } }, ["expires_current"]],
    ["expires delete markers alone", { Expiration: { ExpiredObjectDeleteMarker: true } }, []],
    ["archives current objects", { Transitions: [{ Days: 30, StorageClass: "GLACIER" }] }, ["archives_current"]],
    ["moves them to where they can be read at once", { Transitions: [{ Days: 30, StorageClass: "STANDARD_IA" }] }, []],
    ["keeps former versions for too short", { NoncurrentVersionExpiration: { NoncurrentDays: 7 } }, ["short_history"]],
    [
      "leaves unfinished uploads",
      { AbortIncompleteMultipartUpload: undefined, Expiration: { Days: 1 } },
      ["expires_current", "leftovers_stay"],
    ],
  ];
  for (const [title, rule, expected] of cases) {
    test(`with a lifecycle that ${title}: ${expected.join(", ") || "nothing"}`, async () => {
      const target = await made();
      await putRules(target.bucket, [{ ...SOUND, ...rule }]);
      assert.deepEqual(await kinds(target), expected);
    });
  }

  test("may do with other prefixes, with tagged objects, and by rules that are off, what it likes", async () => {
    const target = await made();
    const Expiration = { Days: 1 };
    await putRules(target.bucket, [
      SOUND,
      { Status: "Enabled", Filter: { Prefix: "logs/" }, Expiration },
      { Status: "Enabled", Filter: { Tag: { Key: "temporary", Value: "yes" } }, Expiration },
      { Status: "Disabled", Filter: { Prefix: "" }, Expiration },
    ]);
    assert.deepEqual(await kinds(target), []);
    await putRules(target.bucket, [SOUND, { Status: "Enabled", Filter: { Prefix: "prod/segments/" }, Expiration }]);
    assert.deepEqual(await kinds(target), ["expires_current"]);
  });
});

type Target = Parameters<typeof bucketFindings>[0];

function newTarget(): Target {
  return { aws: awsAt(fake.endpoint), bucket: `holdfast-${randomUUID()}`, prefix: "prod/" };
}

async function made(): Promise<Target> {
  const target = newTarget();
  await createBucket(target, {});
  return target;
}

async function kinds(target: Target): Promise<readonly string[]> {
  return (await bucketFindings(target)).map(({ kind }) => kind);
}

function putRules(Bucket: string, Rules: LifecycleRule[]): Promise<unknown> {
  const command = new PutBucketLifecycleConfigurationCommand({ Bucket, LifecycleConfiguration: { Rules } });
  return withClient((client) => client.send(command));
}

async function withClient(use: (client: S3Client) => Promise<unknown>): Promise<unknown> {
  const client = s3Client(awsAt(fake.endpoint), 1);
  try {
    return await use(client);
  } finally {
    client.destroy();
  }
}
