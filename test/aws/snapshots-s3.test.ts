import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import type { ClockPort } from "../../src/ports/clock.js";
import { REQUEST_KINDS, type RequestKind } from "../../src/ports/request-meter.js";
import { turn } from "../../src/router/driver/object-io.js";
import { CostMeter } from "../../src/router/metrics/cost-meter.js";
import { PART_BYTES } from "../../src/snapshots-s3/s3-object-writer.js";
import { S3Snapshots } from "../../src/snapshots-s3/s3-snapshots.js";
import { awsAt, makeBucket } from "../contract/snapshots-s3-case.js";
import { type S3Fake, type S3Fault, startS3Fake } from "./s3-fake/s3-fake.js";
import type { S3Request } from "./s3-fake/s3-request.js";

const NONE: S3Fault = { kind: "none" };
const LARGE = Buffer.alloc(2 * PART_BYTES + 1000, "holdfast");

let fake: S3Fake;
let bucket: string;
before(async () => {
  fake = await startS3Fake();
  bucket = await makeBucket(fake.endpoint);
});
afterEach(() => {
  fake.faultOf = () => NONE;
});
after(() => fake.close());

describe("a write to S3", () => {
  test("is one put where the object fits into a part, parts where it does not, and each is counted", async () => {
    const { snapshots, meter } = open();
    const uploads: S3Request[] = [];
    const completions: S3Request[] = [];
    fake.faultOf = (request) => {
      if (isPut(request)) uploads.push(request);
      if (isCompletion(request)) completions.push(request);
      return NONE;
    };
    assert.deepEqual(await write(snapshots, "small", Buffer.alloc(PART_BYTES, 1)), { kind: "happened" });
    assert.deepEqual(counts(meter), { s3_put: 1 });
    assert.deepEqual(await write(snapshots, "large", LARGE), { kind: "happened" });
    assert.deepEqual(counts(meter), { s3_put: 1 + 5 });
    assert.deepEqual(
      uploads.map(({ headers }) => headers["x-amz-content-sha256"]),
      Array(4).fill("UNSIGNED-PAYLOAD"),
    );
    assert.equal(completions[0]?.headers["x-amz-mp-object-size"], String(LARGE.length));
    const read = await snapshots.read("large", PART_BYTES - 5, 10);
    assert.deepEqual(read, { kind: "found", bytes: new Uint8Array(LARGE.subarray(PART_BYTES - 5, PART_BYTES + 5)) });
    await snapshots.delete("large");
    await snapshots.list("");
    assert.deepEqual(counts(meter), { s3_put: 6, s3_get: 1, s3_delete: 1, s3_list: 1 });
    await snapshots.close();
  });

  test("whose bytes were changed on their way is refused, whole or in parts, and leaves nothing", async () => {
    const { snapshots } = open();
    fake.faultOf = ({ method, body }) => (method === "PUT" && body.length > 0 ? { kind: "damage" } : NONE);
    assert.equal((await write(snapshots, "damaged", Buffer.from("small"))).kind, "refused");
    assert.equal((await write(snapshots, "damaged", LARGE)).kind, "refused");
    fake.faultOf = () => NONE;
    assert.deepEqual(await snapshots.read("damaged", 0, 1), { kind: "absent" });
    assert.equal(fake.store.bucket(bucket).uploadById.size, 0);
    await snapshots.close();
  });

  test("is unknown where the answer was lost, whether it was done or not", async () => {
    const { snapshots } = open();
    fake.faultOf = once(isPut, { kind: "loseAnswer" });
    const done = await write(snapshots, "put-done", Buffer.from("x"));
    assert.deepEqual([done.kind, done.kind === "unknown" && done.code], ["unknown", "aws_no_answer"]);
    assert.equal((await snapshots.read("put-done", 0, 1)).kind, "found");
    fake.faultOf = once(isPut, { kind: "cut" });
    assert.equal((await write(snapshots, "put-undone", Buffer.from("x"))).kind, "unknown");
    assert.deepEqual(await snapshots.read("put-undone", 0, 1), { kind: "absent" });
    fake.faultOf = once(isCompletion, { kind: "loseAnswer" });
    assert.equal((await write(snapshots, "parts-done", LARGE)).kind, "unknown");
    assert.equal((await snapshots.read("parts-done", 0, 1)).kind, "found");
    await snapshots.close();
  });

  test("of a name that is taken is refused by one request", async () => {
    const { snapshots, meter } = open();
    await write(snapshots, "taken", Buffer.from("first"));
    const second = await write(snapshots, "taken", Buffer.from("second"));
    assert.deepEqual(second, { kind: "refused", message: "the object taken exists" });
    assert.deepEqual(counts(meter), { s3_put: 2 });
    assert.equal((await write(snapshots, "taken", LARGE)).kind, "refused");
    assert.equal(fake.store.bucket(bucket).uploadById.size, 0);
    await snapshots.close();
  });

  test("is sent again after a conflict, a wish to slow down, and, of a part, a lost answer", async () => {
    const { snapshots } = open();
    fake.faultOf = once(isPut, { kind: "fail", status: 409, code: "ConditionalRequestConflict" });
    assert.deepEqual(await write(snapshots, "conflict", Buffer.from("x")), { kind: "happened" });
    fake.faultOf = once(isPut, { kind: "fail", status: 503, code: "SlowDown" });
    assert.deepEqual(await write(snapshots, "slow", Buffer.from("x")), { kind: "happened" });
    fake.faultOf = once(isCompletion, { kind: "fail", status: 409, code: "ConditionalRequestConflict" });
    assert.deepEqual(await write(snapshots, "parts-conflict", LARGE), { kind: "happened" });
    fake.faultOf = once(isPut, { kind: "loseAnswer" });
    assert.deepEqual(await write(snapshots, "parts-lost", LARGE), { kind: "happened" });
    await snapshots.close();
  });

  test("is given up, as not done, where S3 wants less for seconds on end", async () => {
    const { snapshots, clock } = open();
    fake.faultOf = () => ({ kind: "fail", status: 503, code: "SlowDown", retryAfterSeconds: 1 });
    const outcome = await write(snapshots, "never", Buffer.from("x"));
    assert.deepEqual([outcome.kind, outcome.kind === "refused" && outcome.code], ["refused", "aws_throttled"]);
    assert.ok(clock.monotonicMs() <= 5000);
    await snapshots.close();
  });

  test("that may not write says so at once, aborts its upload and leaves nothing", async () => {
    const { snapshots, meter } = open();
    fake.faultOf = ({ query }) => (query.get("partNumber") === "2" ? { kind: "fail", status: 403, code: "AccessDenied" } : NONE);
    const outcome = await write(snapshots, "denied", LARGE);
    assert.deepEqual([outcome.kind, outcome.kind === "refused" && outcome.code], ["refused", "aws_denied"]);
    assert.equal(counts(meter).s3_delete, 1);
    assert.equal(fake.store.bucket(bucket).uploadById.size, 0);
    assert.deepEqual(await snapshots.read("denied", 0, 1), { kind: "absent" });
    await snapshots.close();
  });

  test("takes no more while three parts are on their way and a fourth waits", async () => {
    const { snapshots } = open();
    let release = (): void => assert.fail("nothing was held");
    const until = new Promise<void>((resolve) => (release = resolve));
    let held = 0;
    fake.faultOf = ({ query }) => {
      if (!query.has("partNumber")) return NONE;
      held++;
      return { kind: "hold", until };
    };
    const writer = snapshots.create("slow-parts");
    const chunk = Buffer.alloc(1024 * 1024);
    let taken = 0;
    const giving = (async () => {
      for (let n = 0; n < 64; n++) {
        await writer.write(chunk);
        taken += chunk.length;
      }
    })();
    while (held < 3 || taken < 4 * PART_BYTES) await turn();
    for (let turns = 0; turns < 100; turns++) await turn();
    assert.deepEqual([held, taken], [3, 4 * PART_BYTES]);
    release();
    await giving;
    assert.deepEqual(await writer.finish(), { kind: "happened" });
    assert.equal(taken, 64 * 1024 * 1024);
    await snapshots.close();
  });
});

test("a listing goes through all pages, and knows its own names alone", async () => {
  const { snapshots } = open("pages/");
  const { store } = fake;
  const names = Array.from({ length: 2_500 }, (_, n) => `s/${String(n).padStart(4, "0")}`);
  for (const name of [...names, "s/=x", "t/1"]) store.put(store.bucket(bucket), `pages/${name}`, Buffer.from(name), {});
  store.put(store.bucket(bucket), "other/s/1", Buffer.from("x"), {});
  assert.deepEqual(await snapshots.list("s/"), { kind: "listed", names });
  await snapshots.close();
});

test("after close nothing is sent a second time", async () => {
  const { snapshots, meter } = open();
  fake.faultOf = () => ({ kind: "fail", status: 503, code: "SlowDown" });
  const deleting = snapshots.delete("x");
  const closing = snapshots.close();
  assert.equal((await deleting).kind, "refused");
  await closing;
  assert.deepEqual(counts(meter), { s3_delete: 1 });
});

describe("a read from S3", () => {
  test("is absent for a missing key alone; a missing bucket, a denial, or another 404 have failed", async () => {
    const { snapshots } = open();
    assert.deepEqual(await snapshots.read("nowhere", 0, 1), { kind: "absent" });
    const cases = [
      [404, "NoSuchBucket", "aws_bucket_missing"],
      [403, "AccessDenied", "aws_denied"],
      [404, "NoSuchThing", "aws_request_invalid"],
      [400, "ExpiredToken", "aws_credentials_expired"],
    ] as const;
    for (const [status, code, expected] of cases) {
      fake.faultOf = () => ({ kind: "fail", status, code });
      const outcome = await snapshots.read("nowhere", 0, 1);
      assert.deepEqual([outcome.kind, outcome.kind === "failed" && outcome.code], ["failed", expected]);
    }
    await snapshots.close();
  });

  test("is sent again where the answer was lost or ended early, and fails where that lasts", async () => {
    const { snapshots, meter } = open();
    await write(snapshots, "r", Buffer.alloc(1000, 7));
    const isGet = ({ method }: S3Request) => method === "GET";
    for (const fault of [{ kind: "cut" }, { kind: "cutAnswer" }, { kind: "fail", status: 500, code: "InternalError" }] as const) {
      fake.faultOf = once(isGet, fault);
      const outcome = await snapshots.read("r", 0, 1000);
      assert.equal(outcome.kind === "found" && outcome.bytes.length, 1000, fault.kind);
    }
    assert.equal(counts(meter).s3_get, 6);
    fake.faultOf = () => ({ kind: "cutAnswer" });
    assert.equal((await snapshots.read("r", 0, 1000)).kind, "failed");
    await snapshots.close();
  });
});

test("a deletion and a listing whose answers are lost are asked again; what lasts is unknown, or failed", async () => {
  const { snapshots } = open();
  fake.faultOf = once(() => true, { kind: "loseAnswer" });
  assert.deepEqual(await snapshots.delete("x"), { kind: "happened" });
  fake.faultOf = once(() => true, { kind: "loseAnswer" });
  assert.equal((await snapshots.list("")).kind, "listed");
  fake.faultOf = () => ({ kind: "cut" });
  assert.equal((await snapshots.delete("x")).kind, "unknown");
  assert.equal((await snapshots.list("")).kind, "failed");
  await snapshots.close();
});

/** A store on a clock whose sleeps take no time. */
function open(prefix = ""): { readonly snapshots: S3Snapshots; readonly meter: CostMeter; readonly clock: ClockPort } {
  const meter = new CostMeter();
  let nowMs = 0;
  const clock: ClockPort = {
    nowMs: () => nowMs,
    monotonicMs: () => nowMs,
    sleep: async (ms) => void (nowMs += ms),
    after: () => assert.fail("no timer is wanted"),
  };
  return { snapshots: new S3Snapshots({ bucket, prefix, aws: awsAt(fake.endpoint), clock, meter }), meter, clock };
}

function counts(meter: CostMeter): Partial<Record<RequestKind, number>> {
  const all = REQUEST_KINDS.map((kind) => [kind, meter.costOf(kind).requests] as const);
  return Object.fromEntries(all.filter(([, requests]) => requests > 0));
}

async function write(snapshots: S3Snapshots, name: string, content: Uint8Array) {
  const writer = snapshots.create(name);
  for (let at = 0; at < content.length; at += 256 * 1024) await writer.write(content.subarray(at, at + 256 * 1024));
  return writer.finish();
}

function once(isMeant: (request: S3Request) => boolean, fault: S3Fault): (request: S3Request) => S3Fault {
  let isDone = false;
  return (request) => {
    if (isDone || !isMeant(request)) return NONE;
    isDone = true;
    return fault;
  };
}

function isPut({ method, body }: S3Request): boolean {
  return method === "PUT" && body.length > 0;
}

function isCompletion({ method, query }: S3Request): boolean {
  return method === "POST" && query.has("uploadId");
}
