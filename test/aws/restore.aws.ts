/**
 * Segments that somebody deletes and overwrites come back from the bucket's versions: `holdfast shards restore`. Where no version
 * is left, their shards go back to the manifest before: `holdfast shards restore --previous`.
 */
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import {
  DeleteObjectCommand,
  ListObjectsV2Command,
  ListObjectVersionsCommand,
  PutObjectCommand,
  type S3Client,
} from "@aws-sdk/client-s3";
import { s3Client } from "../../src/snapshots-s3/s3-requests.js";
import { type Exit, startHoldfast } from "../e2e/child.js";
import { awsPlace } from "../e2e/place.js";
import { until, World } from "../e2e/world.js";

const PREFIX = "e2e/";
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
    const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket: place.bucket, Prefix: `${PREFIX}segments/` }));
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

  it("are left behind where no version of them is left, and nothing is lost", async () => {
    await Promise.all(IDS.map((id) => world.add(id)));
    await stopped();
    const [first = "", second = ""] = await newestKeys();
    for (const Key of [first, second]) await removeForGood(Key);
    const lost = await restore();
    assert.equal(lost.code, 1, lost.out);
    const refusing = await world.launch();
    await refusing.said(/ingress/);
    await until(async () => [first, second].every((key) => refusing.errors.includes(objectOf(key))));
    const early = await restore("--previous");
    assert.deepEqual([early.code, /\[shard_owned\]/.test(early.out)], [1, true], early.out);
    refusing.signal("SIGTERM");
    await refusing.exited;

    const { code, out } = await restore("--previous");
    assert.equal(code, 0, out);
    for (const key of [first, second]) assert.ok(out.includes(`without ${objectOf(key)}`), out);
    assert.match(out, /2 went back/);
    await world.start();
    for (const id of IDS) assert.equal(await world.total(id), 2);
  });

  /** The newest of each shard that has several: by the epoch that their names have. */
  async function newestKeys(): Promise<readonly string[]> {
    const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket: place.bucket, Prefix: `${PREFIX}segments/` }));
    const keysByShard = new Map<string, string[]>();
    for (const { Key = "" } of Contents) {
      const folder = Key.slice(0, Key.lastIndexOf("/") + 1);
      keysByShard.set(folder, [...(keysByShard.get(folder) ?? []), Key]);
    }
    const newest: string[] = [];
    for (const [folder, keys] of keysByShard) {
      const epochOf = (key: string): number => Number.parseInt(key.slice(folder.length), 10);
      keys.sort((one, other) => epochOf(other) - epochOf(one));
      if (keys.length > 1) newest.push(keys[0] ?? "");
    }
    assert.ok(newest.length >= 2, `${newest}`);
    return newest;
  }

  async function removeForGood(Key: string): Promise<void> {
    const { Versions = [] } = await client.send(new ListObjectVersionsCommand({ Bucket: place.bucket, Prefix: Key }));
    for (const { VersionId } of Versions) {
      assert.ok(VersionId);
      await client.send(new DeleteObjectCommand({ Bucket: place.bucket, Key, VersionId }));
    }
  }

  function objectOf(key: string): string {
    return key.slice(PREFIX.length);
  }

  async function stopped(): Promise<void> {
    world.router.signal("SIGTERM");
    await world.router.exited;
  }

  async function restore(...args: readonly string[]): Promise<{ readonly code: Exit["code"]; readonly out: string }> {
    const path = join(world.folder, "restore.yaml");
    await writeFile(path, place.lines.join("\n"));
    const child = startHoldfast("shards", "restore", "--config", path, ...args);
    const { code } = await child.exited;
    return { code, out: `${child.output}${code === 0 ? "" : child.errors}`.trim() };
  }
});
