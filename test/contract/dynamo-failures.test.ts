/** Journal and directory on dynalite behind a proxy that does what networks and services do. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, afterEach, beforeEach, describe, test } from "node:test";
import { GetItemCommand } from "@aws-sdk/client-dynamodb";
import { openDynamo } from "../../src/aws/dynamo-client.js";
import { createTable } from "../../src/aws/dynamo-table.js";
import type { AppendOutcome } from "../../src/core/log/record.js";
import { DynamoDirectory } from "../../src/directory-dynamo/dynamo-directory.js";
import { DynamoJournal } from "../../src/journal-dynamo/dynamo-journal.js";
import { NO_METER, type RequestKind } from "../../src/ports/request-meter.js";
import { ProxyMeter } from "../aws/cost/proxy-meter.js";
import { AwsProxy, PASS, type ProxiedRequest, type Treatment } from "../aws/fault-proxy/aws-proxy.js";
import { credentialsExpired, credentialsRefused, denied, failed, throttled } from "../aws/fault-proxy/aws-replies.js";
import { startDynalite } from "../aws/servers/dynalite.js";
import { directoryTable, emulator, journalTable, openDirectory, openJournal } from "./dynamo-subjects.js";
import { realClock } from "./real-clock.js";

const server = await startDynalite();
const upstream = { dynamodb: server.endpoint, s3: "", lambda: "" };
let proxyMeter = new ProxyMeter(["k"]);
const proxy = await AwsProxy.open({
  upstream,
  plan: () => PASS,
  observe: (request, reply) => proxyMeter.observe(request, reply),
});
const direct = emulator(server.endpoint);
const proxied = emulator(proxy.url);
const table = await journalTable(direct);
const shared = await directoryTable(direct);
after(async () => {
  await proxy.close();
  await server.stop();
});

const answer = (reply: (request: ProxiedRequest) => ReturnType<typeof failed>, isAfterEffect = false) => {
  return (request: ProxiedRequest): Treatment => ({ kind: "answer", reply: reply(request), isAfterEffect });
};
/** The next request is treated so, the others pass. */
function once(treatment: (request: ProxiedRequest) => Treatment): void {
  proxy.plan = (request) => {
    proxy.plan = () => PASS;
    return treatment(request);
  };
}

describe("an append to DynamoDB", () => {
  let journal: DynamoJournal;
  let log = 0;
  const body = randomBytes(2_000);
  const append = (): Promise<AppendOutcome> => journal.append(`log-${log}`, 1, body);
  const stands = async () => {
    const outcome = await journal.read(`log-${log}`, 1, 1, 1);
    return outcome.kind === "records" && outcome.bodies.length === 1;
  };
  beforeEach(async () => {
    proxy.plan = () => PASS;
    journal = await openJournal(proxied, table);
    log++;
  });
  afterEach(() => journal.close());

  const definite = [
    ["throttled", throttled, "aws_throttled"],
    ["denied", denied, "aws_denied"],
    ["refused for expired credentials", credentialsExpired, "aws_credentials_expired"],
    ["refused for unknown credentials", credentialsRefused, "aws_credentials_refused"],
  ] as const;
  for (const [what, reply, code] of definite) {
    test(`that is ${what} has not happened, and may be tried again`, async () => {
      once(answer(reply));
      const outcome = await append();
      assert.ok(outcome.kind === "refused" && !outcome.isPermanent && outcome.code === code);
      assert.equal(await stands(), false);
      assert.deepEqual(await append(), { kind: "happened" });
    });
  }

  test("is refused for good where DynamoDB says so of the record itself, and by nobody else's word", async () => {
    const refusal = (status: number, content: string) => {
      return answer(() => ({ status, rawHeaders: ["content-length", String(content.length)], body: Buffer.from(content) }));
    };
    const cases = [
      [refusal(400, JSON.stringify({ __type: "com.amazon.coral.validate#ValidationException", message: "too large" })), true],
      [refusal(413, ""), true],
      [refusal(404, "<html>no such host</html>"), false],
      [refusal(400, "{}"), false],
      [refusal(307, ""), false],
    ] as const;
    for (const [treatment, isPermanent] of cases) {
      once(treatment);
      const outcome = await append();
      assert.ok(outcome.kind === "refused" && outcome.isPermanent === isPermanent, JSON.stringify(outcome));
    }
    assert.deepEqual(await append(), { kind: "happened" });
  });

  for (const isAfterEffect of [false, true]) {
    test(`that is answered with a failure ${isAfterEffect ? "after" : "before"} it took effect is of unknown outcome`, async () => {
      once(answer(failed, isAfterEffect));
      assert.equal((await append()).kind, "unknown");
      assert.equal(await stands(), isAfterEffect);
    });
  }

  test("whose answer is lost is of unknown outcome: a look shows the record, a second try finds it there", async () => {
    once(() => ({ kind: "loseReply" }));
    assert.equal((await append()).kind, "unknown");
    assert.equal(await stands(), true);
    const again = await append();
    assert.deepEqual(again, { kind: "taken", body: new Uint8Array(body) });
  });

  test("that lands after its writer gave it up is found by the next try, which changes nothing", async () => {
    once(() => ({ kind: "landLater", afterMs: 30 }));
    assert.equal((await append()).kind, "unknown");
    while (!(await stands())) await realClock.sleep(5);
    assert.equal((await append()).kind, "taken");
  });

  test("that never arrives is of unknown outcome, and happens when it is tried again", async () => {
    once(() => ({ kind: "drop" }));
    assert.equal((await append()).kind, "unknown");
    assert.equal(await stands(), false);
    assert.deepEqual(await append(), { kind: "happened" });
  });

  test("to nobody has not happened", async () => {
    const gone = await AwsProxy.open({ upstream, plan: () => PASS });
    const orphan = await openJournal(emulator(gone.url), table);
    await gone.close();
    // A connection that is still kept is cut behind the request, which may then have got through.
    for (let kept = 0; kept < 3 && (await orphan.append("orphan", 1, body)).kind === "unknown"; kept++);
    const outcome = await orphan.append("orphan", 1, body);
    assert.ok(outcome.kind === "refused" && !outcome.isPermanent && outcome.code === "aws_unreachable", JSON.stringify(outcome));
    await orphan.close();
  });

  test("that is taken, where the look at what stands there fails, is of unknown outcome", async () => {
    await append();
    proxy.plan = (request) => (request.action === "dynamodb:GetItem" ? answer(failed)(request) : PASS);
    assert.equal((await append()).kind, "unknown");
  });

  test("expires by the server's clock and not by this machine's", async () => {
    const off = { ...realClock, nowMs: () => Date.now() - 4 * 60_000 };
    const ttlMs = 3_600_000;
    const late = await DynamoJournal.open({ aws: direct, table, cluster: "clock", ttlMs, clock: off, meter: NO_METER });
    await late.append("log", 1, body);
    await late.close();
    const client = openDynamo(
      direct,
      { socketsMax: 1, connectTimeoutMs: 1000, answerTimeoutMs: 1000, silenceTimeoutMs: 1000 },
      null,
    );
    const { Item } = await client.send(new GetItemCommand({ TableName: table, Key: { k: { S: "clock#log#1" } } }));
    client.destroy();
    const expiresInS = Number(Item?.["expiresAt"]?.N) - Date.now() / 1000;
    assert.ok(Math.abs(expiresInS - 3_600) < 30, `in ${expiresInS} s`);
  });

  test("of the largest record fits under the longest name, at the highest position", async () => {
    const cluster = "c".repeat(63);
    const name = "l".repeat(100);
    const longest = await DynamoJournal.open({ aws: direct, table, cluster, ttlMs: 1, clock: realClock, meter: NO_METER });
    const largest = randomBytes(longest.recordBytesMax);
    const position = Number.MAX_SAFE_INTEGER;
    assert.deepEqual(await longest.append(name, position, largest), { kind: "happened" });
    const outcome = await longest.read(name, position, 10, 1);
    assert.deepEqual(outcome, { kind: "records", bodies: [new Uint8Array(largest)] });
    const tooLong = await longest.append("l".repeat(300), position, largest);
    assert.ok(tooLong.kind === "refused" && tooLong.isPermanent);
    await longest.close();
  });

  test("and reading it are metered as the wire shows them", async () => {
    const counted: Partial<Record<RequestKind, number>> = {};
    const meter = { count: (kind: RequestKind, units: number) => void (counted[kind] = (counted[kind] ?? 0) + units) };
    proxyMeter = new ProxyMeter(["k"]);
    const metered = await openJournal(proxied, table, meter);
    for (const [at, size] of [1, 800, 950, 5_000, 100_000].entries()) await metered.append("metered", at + 1, randomBytes(size));
    await metered.append("metered", 5, randomBytes(10));
    await metered.read("metered", 1, 10, 1 << 30);
    await metered.close();
    assert.equal(counted.dynamodb_read, proxyMeter.chargeOf("dynamodb_read").units);
    const { units } = proxyMeter.chargeOf("dynamodb_write");
    // The refused one is charged by what stands there, which is known behind the answer only.
    assert.ok(
      counted.dynamodb_write !== undefined && units - counted.dynamodb_write <= 98,
      `${counted.dynamodb_write} of ${units}`,
    );
  });
});

describe("opening a journal on DynamoDB", () => {
  const open = (more: Partial<Parameters<typeof DynamoJournal.open>[0]>) => {
    return DynamoJournal.open({ aws: proxied, table, cluster: "c", ttlMs: 1, clock: realClock, meter: NO_METER, ...more });
  };

  test("refuses a machine whose clock is off by more than five minutes, ahead or behind", async () => {
    for (const [offMs, words] of [
      [6 * 60_000, /3[56]\d s ahead/],
      [-6 * 60_000, /3[56]\d s behind/],
    ] as const) {
      const clock = { ...realClock, nowMs: () => Date.now() + offMs - 100 };
      await assert.rejects(open({ clock }), { code: "aws_clock_off", message: words });
    }
    await (await open({ clock: { ...realClock, nowMs: () => Date.now() - 4 * 60_000 } })).close();
  });

  test("refuses a table that is missing, and one with another key", async () => {
    await assert.rejects(open({ table: "no-such-table" }), { code: "aws_table_missing", message: /no-such-table/ });
    const wrong = "wrong-key";
    await createTable({ aws: direct, table: wrong, shape: { key: ["id"], expiry: null }, clock: realClock }, {});
    await assert.rejects(open({ table: wrong }), { code: "aws_table_unfit" });
  });

  test("asks again where that may help, five times at most, and opens in the end, to be asked later", async () => {
    for (const [faults, answers] of [
      [4, true],
      [5, false],
    ] as const) {
      let left: number = faults;
      const kinds = [answer(failed), () => ({ kind: "drop" }) as const];
      proxy.plan = (request) => (left-- > 0 ? (kinds[left % kinds.length] ?? answer(failed))(request) : PASS);
      const clock = { ...realClock, sleep: async () => undefined };
      const journal = await open({ clock });
      assert.equal(left, answers ? -1 : 0);
      left = answers ? 9 : 1;
      assert.equal((await journal.silence())?.code, answers ? undefined : "aws_no_answer");
      if (!answers) assert.equal(await journal.silence(), null);
      await journal.close();
      left = faults;
      proxy.plan = (request) => (left-- > 0 ? answer(failed)(request) : PASS);
      const directory = await DynamoDirectory.open({ aws: proxied, table: shared, cluster: "c", clock, meter: NO_METER });
      assert.equal(left, answers ? -1 : 0);
      left = answers ? 9 : 1;
      assert.equal((await directory.silence())?.code, answers ? undefined : "aws_no_answer");
      if (!answers) assert.equal(await directory.silence(), null);
      await directory.close();
      proxy.plan = () => PASS;
    }
  });

  test("says which action is denied", async () => {
    once(answer(denied));
    await assert.rejects(open({}), { code: "aws_denied", message: /dynamodb:GetItem/ });
  });
});

describe("a swap in DynamoDB", () => {
  let directory: DynamoDirectory;
  let key = "";
  let keys = 0;
  const document = { token: "t1", body: randomBytes(100) };
  beforeEach(async () => {
    proxy.plan = () => PASS;
    directory = await openDirectory(proxied, shared);
    key = `node/${keys++}`;
  });
  afterEach(() => directory.close());

  test("whose answer is lost is unknown; done again it is a conflict, and the document is there", async () => {
    once(() => ({ kind: "loseReply" }));
    assert.equal((await directory.swap(key, null, document)).kind, "unknown");
    assert.equal((await directory.swap(key, null, document)).kind, "conflict");
    const read = await directory.read(key);
    assert.equal(read.kind === "found" && read.document.token, "t1");
  });

  test("that fails says by its code whose doing it is", async () => {
    once(answer(denied));
    const outcome = await directory.swap(key, null, document);
    assert.ok(outcome.kind === "unknown" && outcome.code === "aws_denied" && /dynamodb:PutItem/.test(outcome.message));
    once(answer(throttled));
    const removal = await directory.remove(key, "t1");
    assert.ok(removal.kind === "unknown" && removal.code === "aws_throttled");
    assert.deepEqual(await directory.read(key), { kind: "absent" });
  });

  test("is seen by a list of its group in one query, beside nothing of other groups", async () => {
    const actions: string[] = [];
    await directory.swap("shard/000001", null, document);
    await directory.swap(key, null, document);
    proxy.plan = (request) => {
      actions.push(request.action);
      return PASS;
    };
    const outcome = await directory.list("node/");
    assert.ok(outcome.kind === "listed" && outcome.documents.every((one) => one.key.startsWith("node/")));
    assert.deepEqual(actions, ["dynamodb:Query"]);
    once(answer(failed));
    assert.equal((await directory.list("node/")).kind, "failed");
  });

  test("and reads are metered as the wire shows them", async () => {
    const counted: Partial<Record<RequestKind, number>> = {};
    const meter = { count: (kind: RequestKind, units: number) => void (counted[kind] = (counted[kind] ?? 0) + units) };
    const metered = await openDirectory(proxied, shared, meter);
    proxyMeter = new ProxyMeter(["g", "k"]);
    for (const kind of Object.keys(counted) as RequestKind[]) delete counted[kind];
    await metered.swap("meter/a", null, { token: "t1", body: randomBytes(9_000) });
    await metered.swap("meter/a", "t1", { token: "t2", body: randomBytes(500) });
    await metered.swap("meter/b", null, { token: "t1", body: randomBytes(3_000) });
    await metered.read("meter/b");
    await metered.read("meter/c");
    await metered.list("meter/");
    await metered.remove("meter/b", "t1");
    await metered.close();
    assert.equal(counted.dynamodb_read, proxyMeter.chargeOf("dynamodb_read").units);
    assert.equal(counted.dynamodb_write, proxyMeter.chargeOf("dynamodb_write").units);
  });
});
