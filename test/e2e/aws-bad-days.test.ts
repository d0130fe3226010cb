/**
 * What can be wrong with AWS while a router starts and while it runs: dynalite and the S3 fake, behind a proxy that has the
 * bad day. What a router says then is in docs/errors.md; what was acknowledged is there afterwards, once.
 */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, afterEach, before, beforeEach, describe, it } from "node:test";
import { CreateTableCommand } from "@aws-sdk/client-dynamodb";
import { openDynamo } from "../../src/aws/dynamo-client.js";
import { PASS, type ProxiedReply, type ProxiedRequest, type Treatment } from "../aws/fault-proxy/aws-proxy.js";
import {
  credentialsExpired,
  credentialsRefused,
  denied,
  failed,
  inAnotherRegion,
  throttled,
} from "../aws/fault-proxy/aws-replies.js";
import type { AwsOperation } from "../aws/fault-proxy/aws-request.js";
import type { S3Object } from "../aws/s3-fake/s3-store.js";
import { LocalCloud } from "../aws/servers/local-cloud.js";
import type { Child } from "./child.js";
import { type AwsPlace, awsPlace } from "./place.js";
import { until, World } from "./world.js";

let cloud: LocalCloud;
let place: AwsPlace;
let world: World;
before(async () => {
  cloud = await LocalCloud.start();
  place = awsPlace(cloud.proxy.url);
  world = await World.started({ place });
});
after(async () => {
  await world.end();
  await cloud.stop();
});
afterEach(() => cloud.heal());

const isDynamo = ({ service }: AwsOperation): boolean => service === "dynamodb";
const isS3 = ({ service }: AwsOperation): boolean => service === "s3";
const isWrite = ({ action }: AwsOperation): boolean => action === "dynamodb:PutItem";
/** Of a record; the directory's documents are written the same way. */
const isAppend = (request: ProxiedRequest): boolean => isWrite(request) && request.body.includes(place.logTable);

/** Everything of this kind is answered by the proxy in the service's name. */
function answer(concerned: (operation: AwsOperation) => boolean, reply: (operation: AwsOperation) => ProxiedReply): void {
  cloud.proxy.plan = (request): Treatment =>
    concerned(request) ? { kind: "answer", reply: reply(request), isAfterEffect: false } : PASS;
}

/** A router that must not come up: what it says, with exit code 3. */
async function refusedStart(change: (lines: string) => string = (lines) => lines, isSilent = true): Promise<string> {
  const changed = await World.make({ place: { lines: [] } });
  try {
    return await changed.refusedStart(change(place.lines.join("\n")), isSilent);
  } finally {
    await changed.end();
  }
}

async function stopped(): Promise<void> {
  world.router.signal("SIGTERM");
  await world.router.exited;
}

/** Under one key until it is done; how often another answer came before. */
async function insist(id: string, key: string): Promise<number> {
  for (let refusals = 0; ; refusals++) {
    const reply = await world.add(id, key).catch(() => null);
    if (reply?.status === 200) return refusals;
    if (reply !== null) assert.ok(reply.status === 503 || reply.status === 504, `${reply.status} ${reply.text}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

describe("a router on DynamoDB and S3", () => {
  it("has what it acknowledged after kill -9, and counts a repeated key once", async () => {
    await Promise.all(Array.from({ length: 40 }, (_, id) => insist(`k${id % 8}`, `k-${id}`)));
    await world.killAndRestart();
    for (let id = 0; id < 8; id++) assert.equal(await world.total(`k${id}`), 5);
    await Promise.all(Array.from({ length: 40 }, (_, id) => insist(`k${id % 8}`, `k-${id}`)));
    for (let id = 0; id < 8; id++) assert.equal(await world.total(`k${id}`), 5);
  });

  it("does a command once whose append was answered into the void", async () => {
    let appends = 0;
    cloud.proxy.plan = (request): Treatment => (isAppend(request) && appends++ < 1 ? { kind: "loseReply" } : PASS);
    for (let round = 1; round <= 5; round++) assert.equal((await world.add("void")).text, String(round));
    assert.ok(appends >= 1);
    await world.killAndRestart();
    assert.equal(await world.total("void"), 5);
  });

  it("goes on by itself when credentials that expired are renewed", () => goesOnAfter(isDynamo, credentialsExpired, "expired"));
  it("goes on by itself when DynamoDB throttles no more", () => goesOnAfter(isDynamo, throttled, "throttled", BAD_TIME_MS));
  it("goes on by itself when DynamoDB fails no more", () => goesOnAfter(isDynamo, failed, "failed"));
  it("goes on by itself when a permission that was taken is given back", () => goesOnAfter(isWrite, denied, "denied"));

  /** Longer than leases, timeouts and several back-offs; a whole minute where there is time for it (`npm run test:aws`). */
  const BAD_TIME_MS = process.env["HOLDFAST_E2E"] === "aws" ? 60_000 : 5_000;

  async function goesOnAfter(
    concerned: (operation: AwsOperation) => boolean,
    reply: (operation: AwsOperation) => ProxiedReply,
    id: string,
    lastsMs = 5_000,
  ): Promise<void> {
    const { router } = world;
    answer(concerned, reply);
    const commands = Promise.all(Array.from({ length: 8 }, (_, index) => insist(id, `${id}-${index}`)));
    await new Promise((resolve) => setTimeout(resolve, lastsMs));
    assert.equal(router.hasExited, false, router.errors.slice(-2_000));
    cloud.heal();
    await commands;
    assert.equal(await world.total(id), 8);
    assert.equal(world.router, router);
  }

  it("works on while S3 is gone, and flushes when it is back", async () => {
    answer(isS3, failed);
    for (let index = 0; index < 20; index++) assert.equal((await world.add("no-s3")).status, 200);
    cloud.heal();
    await stopped();
    assert.ok(cloud.s3.store.bucket(place.bucket).objectByKey.size > 0, "the stop has flushed");
    await world.start();
    assert.equal(await world.total("no-s3"), 20);
  });

  it("shares with a second router that was started on its tables by mistake, which takes over when the first is gone", async () => {
    await insist("two", "two-1");
    const first = world.router;
    const second: Child = await world.launch();
    const [, url = ""] = await second.said(/ingress +(\S+)/);
    for (let round = 2; round <= 20; round++) await insist("two", `two-${round}`);
    await first.kill();
    await world.at(url, () => insist("two", "two-20"));
    await second.kill();
    await world.start();
    assert.equal(await world.total("two"), 20);
  });
});

describe("a router whose S3 is gone for long", () => {
  it("works on until memory is short, then says so, and recovers by itself with all it acknowledged", async () => {
    const small = await World.started({ place: awsPlace(cloud.proxy.url), settings: "memory: { cache: 8MB, total: 64MB }" });
    try {
      answer(isS3, failed);
      const acknowledged: string[] = [];
      const codes = new Set<string>();
      let next = 0;
      const client = async (): Promise<void> => {
        while (!codes.has("overloaded") && next < STATES_MAX) {
          const id = `s${next++}`;
          const reply = await small.post(`/e2e/echo/${id}/put`, JSON.stringify(randomBytes(STATE_BYTES).toString("base64")));
          if (reply.status === 200) acknowledged.push(id);
          else codes.add(reply.code ?? String(reply.status));
        }
      };
      await Promise.all(Array.from({ length: 16 }, client));
      assert.ok(codes.has("overloaded"), `${acknowledged.length} states were taken, then ${[...codes]}`);
      assert.ok(acknowledged.length * STATE_BYTES > 16 << 20, `${acknowledged.length} states were taken`);
      cloud.heal();
      await until(async () => (await small.post("/e2e/echo/after/put", "1")).status === 200, 30_000);
      assert.equal(small.router.hasExited, false);
      for (const id of acknowledged) assert.equal((await small.get(`/e2e/echo/${id}`)).status, 200);
    } finally {
      await small.end();
    }
  });

  /** State and reply together are an entry that would lie in S3: the journal takes it in when S3 is gone. */
  const STATE_BYTES = 15_000;
  const STATES_MAX = 8_000;
});

describe("a start on DynamoDB and S3 is refused by its code", () => {
  it("where a table is missing", async () => {
    assert.match(await refusedStart((lines) => lines.replace(place.logTable, "no-log")), /no-log.*\[aws_table_missing\]/s);
    const noDirectory = (lines: string) => lines.replace(place.directoryTable, "no-directory");
    assert.match(await refusedStart(noDirectory), /no-directory.*\[aws_table_missing\]/s);
  });

  it("where the bucket is missing", async () => {
    const noBucket = (lines: string) => lines.replace(`bucket: ${place.bucket}`, "bucket: no-bucket");
    assert.match(await refusedStart(noBucket), /no-bucket.*\[aws_bucket_missing\]/s);
  });

  it("where a table has another key", async () => {
    const client = openDynamo({ region: null, endpoint: cloud.proxy.url, credentials: null }, CONNECTIONS, null);
    const AttributeDefinitions = [{ AttributeName: "id", AttributeType: "S" as const }];
    const KeySchema = [{ AttributeName: "id", KeyType: "HASH" as const }];
    const TableName = "other-key";
    await client.send(new CreateTableCommand({ TableName, AttributeDefinitions, KeySchema, BillingMode: "PAY_PER_REQUEST" }));
    client.destroy();
    assert.match(await refusedStart((lines) => lines.replace(place.logTable, TableName)), /other-key.*\[aws_table_unfit\]/s);
  });

  it("where the bucket lies in another region, or no region is said", async () => {
    answer(isS3, inAnotherRegion);
    assert.match(await refusedStart(), /PermanentRedirect.*\[aws_region_wrong\]/s);
    cloud.heal();
    const { AWS_REGION } = process.env;
    delete process.env["AWS_REGION"];
    try {
      assert.match(await refusedStart((lines) => lines.replace(/ *region: [^,}\n]+,?/, "")), /\[aws_region_wrong\]/);
    } finally {
      if (AWS_REGION !== undefined) process.env["AWS_REGION"] = AWS_REGION;
    }
  });

  it("where another cluster's objects lie under the prefix; under one of its own it shares tables and bucket", async () => {
    const till = (lines: string): string => `${lines}\ncluster: till`;
    await insist("shared", "shared-1");
    assert.match(await refusedStart(till, false), /object 'owner'.*\[cluster_mismatch\]/s);
    const other = await World.make({ place: { lines: [] } });
    try {
      const child = await other.launch(till(place.lines.join("\n").replace("prefix: e2e/", "prefix: till/")));
      const [, url = ""] = await child.said(/ingress +(\S+)/);
      await other.at(url, () => other.servesFunctions());
      for (const total of ["1", "2"]) assert.equal((await other.add("shared", `till-${total}`)).text, total);
      child.signal("SIGTERM");
      assert.equal((await child.exited).code, 0, child.errors);
    } finally {
      await other.end();
    }
    await world.killAndRestart();
    assert.equal(await world.total("shared"), 1);
  });

  it("where credentials are refused, or an action is denied", async () => {
    answer(isDynamo, credentialsRefused);
    assert.match(await refusedStart(), /\[aws_credentials_refused\]/);
    answer(({ action }) => action === "dynamodb:BatchGetItem" || action === "dynamodb:GetItem", denied);
    assert.match(await refusedStart(), /dynamodb:(Batch)?GetItem.*\[aws_denied\]/s);
    answer(({ action }) => action === "s3:GetObject", denied);
    assert.match(await refusedStart(), /s3:GetObject.*\[aws_denied\]/s);
  });
});

describe("a start while the store is cut off", () => {
  const isOfBook = ({ body }: ProxiedRequest): boolean => body.includes('"deployments"');

  beforeEach(stopped);

  for (const [what, isCut] of [
    ["the tables", isDynamo],
    ["what is registered", isOfBook],
  ] as const) {
    it(`waits for ${what}, alive and not ready, and goes on when the store is back`, async () => {
      cloud.proxy.plan = (request): Treatment => (isCut(request) ? { kind: "drop" } : PASS);
      const { child, ingress, admin } = await waiting();
      const status = async (path: string): Promise<number> => (await fetch(admin + path)).status;
      assert.deepEqual([await status("/healthz"), await status("/readyz"), await status("/v1/status")], [200, 503, 200]);
      assert.equal(await status("/v1/deployments"), 503);
      const reply = await world.at(ingress, () => world.add("waits"));
      assert.deepEqual([reply.status, reply.code], [503, "starting"]);
      cloud.heal();
      await child.said(/ingress +(\S+)/);
      await insist("waits", `waits-${what}`);
      assert.equal(await status("/readyz"), 200);
      await ended(child);
      await world.start();
    });
  }

  it("ends in good order when it is told to", async () => {
    cloud.proxy.plan = () => ({ kind: "swallow" });
    await ended((await waiting()).child);
    cloud.heal();
    await world.start();
  });

  it("ends with its code where the store comes back and is not as it must be", async () => {
    cloud.proxy.plan = () => ({ kind: "drop" });
    const { child } = await waiting();
    answer(isDynamo, denied);
    const { code } = await child.exited;
    assert.equal(code, 3, child.errors);
    assert.match(child.errors, /\[aws_denied\]/);
    cloud.heal();
    await world.start();
  });

  it("waits for an address at which nobody is", async () => {
    const lost = await World.make({ place: { lines: [] } });
    try {
      const child = await lost.launch(place.lines.join("\n").replace(cloud.proxy.url, "http://127.0.0.1:1"));
      assert.match(await saidThatItWaits(child), /aws_unreachable/);
      await ended(child);
    } finally {
      await lost.end();
    }
    await world.start();
  });

  async function saidThatItWaits(child: Child): Promise<string> {
    await until(async () => child.hasExited || child.errors.includes("waits for the store"), 30_000);
    return child.errors.split("\n").find((line) => line.includes("waits for the store")) ?? assert.fail(child.errors);
  }

  /** A router that waits for its store, and where it listens. */
  async function waiting(): Promise<{ readonly child: Child; readonly ingress: string; readonly admin: string }> {
    const child = await world.launch();
    const { ingress, admin } = JSON.parse(await saidThatItWaits(child)) as { ingress: string; admin: string };
    return { child, ingress, admin };
  }

  async function ended(child: Child): Promise<void> {
    child.signal("SIGTERM");
    assert.equal((await child.exited).code, 0, child.errors);
  }
});

describe("a segment in S3 that is missing or damaged", () => {
  const IDS = Array.from({ length: 40 }, (_, id) => `e${id}`);
  let key = "";
  let object: S3Object;
  before(async () => {
    for (const id of IDS) await insist(id, `segment-${id}`);
    await stopped();
    const objects = [...cloud.s3.store.bucket(place.bucket).objectByKey];
    const [largest] = objects.sort(([, left], [, right]) => right.body.length - left.body.length);
    assert.ok(largest);
    [key, object] = largest;
  });

  it("is named, and takes no shard with it but its own", async () => {
    const { objectByKey } = cloud.s3.store.bucket(place.bucket);
    objectByKey.delete(key);
    await startAndLook(/segment_missing/);
    const damaged = Buffer.from(object.body);
    damaged.fill(0xa5, damaged.length >> 1, (damaged.length >> 1) + 64);
    objectByKey.set(key, { ...object, body: damaged });
    await startAndLook(/segment_damaged/);
    objectByKey.set(key, object);
    await world.start();
    for (const id of IDS) assert.equal(await world.total(id), 1);
  });

  async function startAndLook(said: RegExp): Promise<void> {
    await world.start();
    let refused = 0;
    for (const id of IDS) {
      const reply = await world.get(`/e2e/counter/${id}`);
      if (reply.status !== 200) {
        assert.deepEqual([reply.status, reply.code], [503, "shard_refused"]);
        refused++;
      }
    }
    assert.ok(refused > 0 && refused < IDS.length / 2, `${refused} of ${IDS.length} entities are in the shard that is refused`);
    assert.match(world.router.errors, said);
    assert.ok(world.router.errors.includes(key.slice(key.lastIndexOf("/") + 1)), "the object is named");
    await stopped();
  }
});

const CONNECTIONS = { socketsMax: 2, connectTimeoutMs: 2_000, answerTimeoutMs: 5_000, silenceTimeoutMs: 5_000 };
