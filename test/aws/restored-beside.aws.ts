/**
 * docs/operations.md, "Restore, step by step": tables and objects of one moment, under new names, start as a cluster of their own
 * beside the original, which goes on. Point-in-time recovery itself is AWS's; here both tables are copied while nobody asks for
 * anything, from a router that lives (its log has no end yet, as in a restored table).
 */
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { after, before, describe, it } from "node:test";
import { type AttributeValue, type DynamoDBClient, PutItemCommand, ScanCommand } from "@aws-sdk/client-dynamodb";
import { CopyObjectCommand, ListObjectVersionsCommand, type S3Client } from "@aws-sdk/client-s3";
import { openDynamo } from "../../src/aws/dynamo-client.js";
import { s3Client } from "../../src/snapshots-s3/s3-requests.js";
import { startHoldfast } from "../e2e/child.js";
import { awsPlace, prepare } from "../e2e/place.js";
import { World } from "../e2e/world.js";

const IDS = Array.from({ length: 24 }, (_, id) => `r${id}`);
const CONNECTIONS = { socketsMax: 4, connectTimeoutMs: 5_000, answerTimeoutMs: 10_000, silenceTimeoutMs: 10_000 };

describe("a cluster restored beside the original", () => {
  const from = awsPlace();
  // A new bucket, and a prefix that is not the original's either.
  const place = awsPlace();
  const to = { ...place, lines: place.lines.map((line) => line.replace("prefix: e2e/", "prefix: restored/")) };
  let dynamo: DynamoDBClient;
  let s3: S3Client;
  let original: World;
  let restored: World | null = null;

  before(async () => {
    const settings = { region: null, endpoint: null, credentials: null };
    dynamo = openDynamo(settings, CONNECTIONS, null);
    s3 = s3Client(settings, CONNECTIONS.socketsMax);
    original = await World.started({ place: from });
  });
  after(async () => {
    await restored?.end();
    await original.end();
    dynamo.destroy();
    s3.destroy();
  });

  const countAll = async (world: World): Promise<readonly number[]> => Promise.all(IDS.map((id) => world.total(id)));
  const addAll = async (key: string): Promise<void> => {
    for (const reply of await Promise.all(IDS.map((id) => original.add(id, `${key}-${id}`))))
      assert.equal(reply.status, 200, reply.text);
  };

  it("has what was acknowledged until that moment: what lay in segments, and what lay in the log alone", async () => {
    await addAll("flushed");
    original.router.signal("SIGTERM");
    await original.router.exited;
    await original.start();
    await addAll("in-the-log");
    await prepare(to, original.folder);
    await copyTable(from.logTable, to.logTable);
    await copyTable(from.directoryTable, to.directoryTable);

    // What comes after that moment is the original's alone. Segments of that moment may be gone by now: their versions are not.
    await addAll("later");
    original.router.signal("SIGTERM");
    await original.router.exited;
    await original.start();

    assert.ok((await copyVersions()) > 0);
    restored = await World.make({ place: to });
    const looked = startHoldfast("shards", "restore", "--config", await settingsFile(restored));
    assert.deepEqual(await looked.exited, { code: 0, signal: null }, looked.errors);
    assert.match(looked.output, / 0 were restored/);
    await restored.start();
    assert.deepEqual(
      await countAll(restored),
      IDS.map(() => 2),
    );
  });

  it("takes keys of after that moment as new, and keys of before as done", async () => {
    assert.ok(restored !== null);
    assert.equal((await restored.add("r0", "in-the-log-r0")).text, "2");
    assert.equal((await restored.add("r0", "later-r0")).text, "3");
  });

  it("leaves the original alone, and is left alone by it", async () => {
    assert.ok(restored !== null);
    assert.deepEqual(
      await countAll(original),
      IDS.map(() => 3),
    );
    for (const world of [original, restored]) {
      world.router.signal("SIGTERM");
      await world.router.exited;
      await world.start();
    }
    assert.deepEqual(
      await countAll(original),
      IDS.map(() => 3),
    );
    assert.deepEqual(
      (await countAll(restored)).slice(1),
      IDS.slice(1).map(() => 2),
    );
  });

  async function settingsFile(world: World): Promise<string> {
    const path = `${world.folder}/look.yaml`;
    await writeFile(path, to.lines.join("\n"));
    return path;
  }

  async function copyTable(source: string, target: string): Promise<void> {
    let key: Record<string, AttributeValue> | undefined;
    do {
      const page = await dynamo.send(new ScanCommand({ TableName: source, ConsistentRead: true, ExclusiveStartKey: key }));
      for (const Item of page.Items ?? []) await dynamo.send(new PutItemCommand({ TableName: target, Item }));
      key = page.LastEvaluatedKey;
    } while (key !== undefined);
  }

  /** Every version of every object, whatever became of it, under its name below the new prefix; gives their number. */
  async function copyVersions(): Promise<number> {
    const { Versions = [], IsTruncated } = await s3.send(new ListObjectVersionsCommand({ Bucket: from.bucket, Prefix: "e2e/" }));
    assert.notEqual(IsTruncated, true);
    for (const { Key = "", VersionId = "" } of Versions) {
      const CopySource = `${from.bucket}/${Key}?versionId=${VersionId}`;
      await s3.send(new CopyObjectCommand({ Bucket: to.bucket, Key: Key.replace(/^e2e\//, "restored/"), CopySource }));
    }
    return Versions.length;
  }
});
