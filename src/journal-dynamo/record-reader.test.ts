import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { AttributeValue, BatchGetItemCommand, DynamoDBClient, GetItemCommand } from "@aws-sdk/client-dynamodb";
import fc from "fast-check";
import { BytePacker } from "../aws/packed-bytes.js";
import type { ClockPort } from "../ports/clock.js";
import type { RequestKind } from "../ports/request-meter.js";
import { RecordFetch } from "./record-fetch.js";
import { recordItem, recordKey } from "./record-item.js";
import { RecordReader } from "./record-reader.js";

const CLUSTER = "c";
const TABLE = "t";
const LOG = "log";
const packer = new BytePacker();

interface Behaviour {
  /** Of the keys of a batch, the fraction that is processed; 0: none, for ever. */
  readonly processed: number;
  /** Requests that are throttled before any gets through. */
  readonly throttled: number;
}

/** As much of a client as the reader uses, over a map. */
class FakeDynamo {
  readonly itemByKey = new Map<string, Record<string, AttributeValue>>();
  readonly requests: string[][] = [];
  units = 0;
  inFlight = 0;
  inFlightMax = 0;
  waits = 0;
  #throttled: number;
  readonly #behaviour: Behaviour;

  constructor(behaviour: Partial<Behaviour> = {}) {
    this.#behaviour = { processed: 1, throttled: 0, ...behaviour };
    this.#throttled = this.#behaviour.throttled;
  }

  async add(position: number, body: Uint8Array): Promise<void> {
    const key = recordKey(CLUSTER, LOG, position);
    this.itemByKey.set(key, { ...recordItem(key, await packer.pack(body), 0) });
  }

  reader(): RecordReader {
    const clock: ClockPort = {
      nowMs: () => 0,
      monotonicMs: () => 0,
      sleep: async () => void this.waits++,
      after: () => () => undefined,
    };
    const meter = { count: (_: RequestKind, units: number) => void (this.units += units) };
    const client = { send: (command: GetItemCommand | BatchGetItemCommand) => this.#send(command) } as unknown as DynamoDBClient;
    return new RecordReader(new RecordFetch({ client, clock, meter, table: TABLE, cluster: CLUSTER }), packer);
  }

  async #send({ input }: GetItemCommand | BatchGetItemCommand): Promise<object> {
    this.inFlightMax = Math.max(this.inFlightMax, ++this.inFlight);
    await new Promise((resolve) => setImmediate(resolve));
    this.inFlight--;
    if (this.#throttled-- > 0) throw Object.assign(new Error("slow down"), { name: "ThrottlingException" });
    if ("Key" in input) {
      assert.equal(input.ConsistentRead, true);
      this.requests.push([input.Key?.["k"]?.S ?? ""]);
      const Item = this.itemByKey.get(input.Key?.["k"]?.S ?? "");
      return Item === undefined ? {} : { Item };
    }
    const request = (input as BatchGetItemCommand["input"]).RequestItems?.[TABLE];
    assert.equal(request?.ConsistentRead, true);
    const keys = request?.Keys?.map((key) => key["k"]?.S ?? "") ?? [];
    assert.ok(keys.length <= 100);
    this.requests.push(keys);
    const count = Math.ceil(keys.length * this.#behaviour.processed);
    const found = keys.slice(0, count).flatMap((key) => {
      const item = this.itemByKey.get(key);
      return item === undefined ? [] : [item];
    });
    // In no order, as the service says.
    const left = keys.slice(count).map((k) => ({ k: { S: k } }));
    return { Responses: { [TABLE]: found.reverse() }, UnprocessedKeys: left.length === 0 ? {} : { [TABLE]: { Keys: left } } };
  }
}

const body = (position: number, size: number) => new Uint8Array(size).fill(position % 251);

describe("reading a log", () => {
  test("gives what a reader of one record at a time would give, whatever is unprocessed, absent or limited", async () => {
    const cases = fc.record({
      sizes: fc.array(fc.oneof(fc.integer({ min: 1, max: 200 }), fc.integer({ min: 10_000, max: 300_000 })), { maxLength: 40 }),
      absent: fc.option(fc.nat(40)),
      position: fc.integer({ min: 1, max: 45 }),
      countMax: fc.integer({ min: 1, max: 60 }),
      bytesMax: fc.oneof(fc.integer({ min: 0, max: 1_000 }), fc.integer({ min: 0, max: 3_000_000 })),
      processed: fc.constantFrom(1, 0.5, 0.1),
      throttled: fc.nat(2),
    });
    await fc.assert(
      fc.asyncProperty(cases, async ({ sizes, absent, position, countMax, bytesMax, processed, throttled }) => {
        const dynamo = new FakeDynamo({ processed, throttled });
        const bodies = sizes.map((size, at) => body(at + 1, size));
        for (const [at, one] of bodies.entries()) if (at !== absent) await dynamo.add(at + 1, one);
        const expected: Uint8Array[] = [];
        for (let at = position - 1, bytes = 0; at < bodies.length && at !== absent; at++) {
          if (expected.length >= countMax || (expected.length > 0 && bytes >= bytesMax)) break;
          expected.push(bodies[at] as Uint8Array);
          bytes += bodies[at]?.length ?? 0;
        }
        const outcome = await dynamo.reader().read(LOG, position, countMax, bytesMax);
        assert.deepEqual(outcome, { kind: "records", bodies: expected });
      }),
      { numRuns: 150 },
    );
  });

  test("asks for many records at once, for more the longer it goes on, and for few beyond the end", async () => {
    const dynamo = new FakeDynamo();
    for (let position = 1; position <= 1_024; position++) await dynamo.add(position, body(position, 300));
    const outcome = await dynamo.reader().read(LOG, 1, 1_024, 16 << 20);
    assert.equal(outcome.kind === "records" && outcome.bodies.length, 1_024);
    assert.ok(dynamo.requests.length <= 13, `${dynamo.requests.length} requests`);
    assert.ok(dynamo.inFlightMax >= 4);
    assert.equal(dynamo.requests.flat().length, 1_024, "each key once, none beyond what was asked for");
    assert.equal(dynamo.units, 1_024);
  });

  test("goes on at the pace that the read before had reached, and slowly anywhere else", async () => {
    const dynamo = new FakeDynamo();
    for (let position = 1; position <= 1_024; position++) await dynamo.add(position, body(position, 300));
    const reader = dynamo.reader();
    const atOnce = async (position: number) => {
      dynamo.inFlightMax = 0;
      const outcome = await reader.read(LOG, position, 256, 8 << 20);
      assert.equal(outcome.kind === "records" && outcome.bodies.length, 256);
      return dynamo.inFlightMax;
    };
    await atOnce(1);
    await atOnce(257);
    assert.equal(await atOnce(513), 3, "all of it at once");
    assert.ok((await atOnce(1)) < 3, "the read before ended elsewhere");
    assert.equal(dynamo.requests.flat().length, 4 * 256);
  });

  test("finds the end of a short log with one request", async () => {
    const dynamo = new FakeDynamo();
    for (let position = 1; position <= 5; position++) await dynamo.add(position, body(position, 300));
    const outcome = await dynamo.reader().read(LOG, 1, 256, 8 << 20);
    assert.equal(outcome.kind === "records" && outcome.bodies.length, 5);
    assert.equal(dynamo.requests.length, 1);
  });

  test("has at most 16 requests under way, and large records one in each", async () => {
    const dynamo = new FakeDynamo();
    const random = (size: number) => Uint8Array.from({ length: size }, () => Math.floor(Math.random() * 256));
    for (let position = 1; position <= 60; position++) await dynamo.add(position, random(380_000));
    const reader = dynamo.reader();
    await reader.read(LOG, 1, 30, 1 << 30);
    dynamo.requests.length = 0;
    const outcome = await reader.read(LOG, 31, 1_024, 1 << 30);
    assert.equal(outcome.kind === "records" && outcome.bodies.length, 30);
    assert.ok(dynamo.requests.every((keys) => keys.length <= 3));
    assert.ok(dynamo.inFlightMax <= 16);
  });

  test("does not fetch far beyond the bytes that were asked for", async () => {
    const dynamo = new FakeDynamo();
    const random = (size: number) => Uint8Array.from({ length: size }, () => Math.floor(Math.random() * 256));
    for (let position = 1; position <= 200; position++) await dynamo.add(position, random(10_000));
    const reader = dynamo.reader();
    await reader.read(LOG, 1, 30, 1 << 20);
    dynamo.requests.length = 0;
    const outcome = await reader.read(LOG, 31, 170, 200_000);
    assert.equal(outcome.kind === "records" && outcome.bodies.length, 20);
    assert.ok(dynamo.requests.flat().length <= 25, `${dynamo.requests.flat().length} keys`);

    const deflating = new FakeDynamo();
    for (let position = 1; position <= 200; position++) await deflating.add(position, body(position, 20_000));
    const other = deflating.reader();
    await other.read(LOG, 1, 60, 1 << 30);
    deflating.requests.length = 0;
    assert.equal((await other.read(LOG, 61, 140, 400_000)).kind, "records");
    assert.ok(deflating.requests.flat().length <= 25, `${deflating.requests.flat().length} keys that deflate well`);
  });

  test("waits longer each time nothing is processed, and then says that the table is slow", async () => {
    for (const behaviour of [{ processed: 0 }, { throttled: 1_000 }]) {
      const dynamo = new FakeDynamo(behaviour);
      const outcome = await dynamo.reader().read(LOG, 1, 10, 1_000_000);
      assert.equal(outcome.kind === "failed" && outcome.code, "aws_throttled");
      assert.ok(dynamo.waits === 5);
    }
  });

  test("never takes damaged or newer bytes for a record, and names the position", async () => {
    const dynamo = new FakeDynamo();
    for (let position = 1; position <= 3; position++) await dynamo.add(position, body(position, 300));
    const packed = dynamo.itemByKey.get(recordKey(CLUSTER, LOG, 2))?.["b"]?.B as Uint8Array;
    const last = packed.length - 1;
    packed[last] = (packed[last] ?? 0) ^ 1;
    const damaged = await dynamo.reader().read(LOG, 1, 10, 1_000_000);
    assert.equal(damaged.kind === "failed" && damaged.code, "journal_damaged");
    assert.match(damaged.kind === "failed" ? damaged.message : "", /position 2 of log log/);
    packed[last] = (packed[last] ?? 0) ^ 1;
    packed[3] = 9;
    const newer = await dynamo.reader().read(LOG, 1, 10, 1_000_000);
    assert.equal(newer.kind === "failed" && newer.code, "format_newer");
  });
});
