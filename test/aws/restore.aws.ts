/** Segments that somebody deletes and overwrites come back from the bucket's versions: `holdfast shards restore`. */
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { DeleteObjectCommand, ListObjectsV2Command, PutObjectCommand, type S3Client } from "@aws-sdk/client-s3";
import { s3Client } from "../../src/snapshots-s3/s3-requests.js";
import { type Exit, startHoldfast } from "../e2e/child.js";
import { awsPlace } from "../e2e/place.js";
import { until, World } from "../e2e/world.js";

const IDS = Array.from({ length: 40 }, (_, id) => `e${id}`);

describe("segments that are not as they were written", () => {
  const place = awsPlace();
  let client: S3Client;
  let world: World;
  before(async () => {
    client = s3Client({ region: null, endpoint: null, credentials: null }, 2);
    world = await World.started({ place });
    await Promise.all(IDS.map((id) => world.add(id)));
    await stopped();
  });
  after(async () => {
    client.destroy();
    await world.end();
  });

  it("are found, restored from the bucket's versions, and nothing is lost", async () => {
    const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket: place.bucket, Prefix: "e2e/" }));
    const keys = Contents.map(({ Key = "" }) => Key);
    assert.ok(keys.length >= 3);
    const untouched = await restore();
    assert.deepEqual([untouched.code, untouched.out.split("\n").length], [0, 1], untouched.out);
    const [deleted = "", overwritten = "", ...others] = keys;
    await client.send(new DeleteObjectCommand({ Bucket: place.bucket, Key: deleted }));
    await client.send(new PutObjectCommand({ Bucket: place.bucket, Key: overwritten, Body: "something else" }));
    const refusing = await world.launch();
    await refusing.said(/ingress/);
    await until(async () => /segment_missing/.test(refusing.errors));
    refusing.signal("SIGTERM");
    await refusing.exited;

    const { code, out } = await restore();
    assert.equal(code, 0, out);
    for (const key of [deleted, overwritten]) assert.ok(out.includes(`restored: ${key} of shard`), out);
    for (const key of others) assert.ok(!out.includes(key), out);
    await world.start();
    for (const id of IDS) assert.equal(await world.total(id), 1);
  });

  async function stopped(): Promise<void> {
    world.router.signal("SIGTERM");
    await world.router.exited;
  }

  async function restore(): Promise<{ readonly code: Exit["code"]; readonly out: string }> {
    const path = join(world.folder, "restore.yaml");
    await writeFile(path, place.lines.join("\n"));
    const child = startHoldfast("shards", "restore", "--config", path);
    const { code } = await child.exited;
    return { code, out: `${child.output}${code === 0 ? "" : child.errors}`.trim() };
  }
});
