/**
 * Clients count and pass counts on, each command with a key that is repeated until it is answered, while requests to DynamoDB,
 * S3 and Lambda are delayed, dropped, doubled, refused and answered into the void, and the router is killed, stopped and started
 * again. In the end every count is exactly what was asked for: nothing lost, nothing twice.
 *
 * CHAOS_SEED and CHAOS_RATE (of DynamoDB's and Lambda's requests that something happens to, default 0.1) run it differently.
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { LambdaFunctions } from "../e2e/lambda-functions.js";
import { awsPlace } from "../e2e/place.js";
import { until, World } from "../e2e/world.js";
import { AwsProxy } from "./fault-proxy/aws-proxy.js";
import { Faults } from "./fault-proxy/faults.js";
import { endpointOf } from "./servers/endpoints.js";

const SEED = Number(process.env["CHAOS_SEED"] ?? 1);
const RATE = Number(process.env["CHAOS_RATE"] ?? 0.1);
const CLIENTS = 16;
const COMMANDS_PER_CLIENT = 60;
const COUNTERS = 12;
const STARTS_MAX = 10;

class Ledger {
  readonly #expected = new Map<string, number>();
  done = 0;
  attempts = 0;

  add(id: string): void {
    this.#expected.set(id, (this.#expected.get(id) ?? 0) + 1);
    this.done++;
  }

  get expected(): readonly (readonly [id: string, count: number])[] {
    return [...this.#expected];
  }
}

/** Until it is answered with 200; anything else, no answer included, is asked again under the same key. */
async function insist(world: World, path: string, body: string, key: string, ledger: Ledger): Promise<void> {
  for (;;) {
    ledger.attempts++;
    try {
      const reply = await world.post(path, body, { "idempotency-key": key, "holdfast-deadline": "10s" });
      if (reply.status === 200) return;
      assert.ok(reply.status === 503 || reply.status === 504 || reply.status === 429, `${reply.status} ${reply.text}`);
    } catch (error) {
      if (error instanceof assert.AssertionError) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

async function client(index: number, world: World, ledger: Ledger): Promise<void> {
  for (let round = 0; round < COMMANDS_PER_CLIENT; round++) {
    const id = `c${(index * 7 + round) % COUNTERS}`;
    const key = `${index}-${round}`;
    if (round % 3 === 0) {
      await insist(world, `/e2e/passer/p${index}/pass`, JSON.stringify({ by: 1, to: id }), key, ledger);
      ledger.add(`passer/p${index}`);
    } else {
      await insist(world, `/e2e/counter/${id}/add`, '{"by":1}', key, ledger);
    }
    ledger.add(`counter/${id}`);
  }
}

/** Under faults a start may be refused, as on a bad day at AWS: whoever supervises the router starts it again. */
async function startAgain(world: World): Promise<void> {
  for (let starts = 1; ; starts++) {
    try {
      return await world.start();
    } catch (error) {
      if (starts >= STARTS_MAX) throw error;
      await world.router.kill();
    }
  }
}

async function totalOf(world: World, entity: string): Promise<number> {
  const reply = await world.get(`/e2e/${entity}`);
  if (reply.status !== 200) return -1;
  return (JSON.parse(reply.text) as { state: { count: number } | null }).state?.count ?? 0;
}

async function totals(world: World, ledger: Ledger): Promise<readonly (readonly [id: string, count: number])[]> {
  return Promise.all(ledger.expected.map(async ([id]) => [id, await totalOf(world, id)] as const));
}

describe(`a router whose AWS has bad days (seed ${SEED}, rate ${RATE})`, () => {
  it("loses nothing and does nothing twice, killed and restarted under faults", { timeout: 300_000 }, async (test) => {
    const faults = new Faults(SEED, {
      dynamodb: { rate: RATE, delayMsMax: 4_000 },
      s3: { rate: 2 * RATE, delayMsMax: 4_000 },
      lambda: { rate: RATE, delayMsMax: 1_000 },
    });
    faults.isOn = false;
    const lambda = await LambdaFunctions.start();
    const upstream = { dynamodb: endpointOf("dynamodb"), s3: endpointOf("s3"), lambda: lambda.url };
    const proxy = await AwsProxy.open({ upstream, plan: faults.plan });
    const world = await World.started({ place: awsPlace(proxy.url), lambda });
    try {
      faults.isOn = true;
      const ledger = new Ledger();
      const clients = Promise.all(Array.from({ length: CLIENTS }, (_, index) => client(index, world, ledger)));
      clients.catch(() => undefined); // it is awaited below
      const all = CLIENTS * COMMANDS_PER_CLIENT;
      for (const [part, signal] of [
        [0.2, "SIGKILL"],
        [0.45, "SIGTERM"],
        [0.7, "SIGKILL"],
      ] as const) {
        await until(async () => ledger.done >= all * part, 120_000);
        world.router.signal(signal);
        await world.router.exited;
        await startAgain(world);
      }
      await clients;
      faults.isOn = false;
      const settled = async () => JSON.stringify(await totals(world, ledger)) === JSON.stringify(ledger.expected);
      await until(settled, 60_000).catch(async () => assert.deepEqual(await totals(world, ledger), ledger.expected));
      // What the messages' late copies could still do shows after their longest delay, and what only memory knew after a kill.
      await new Promise((resolve) => setTimeout(resolve, 4_500));
      assert.deepEqual(await totals(world, ledger), ledger.expected);
      await world.killAndRestart();
      assert.deepEqual(await totals(world, ledger), ledger.expected);
      for (const [what, count] of faults.counts) test.diagnostic(`${what}: ${count}`);
      test.diagnostic(`${ledger.done} effects of ${all} commands in ${ledger.attempts} attempts`);
    } finally {
      await world.end();
      await proxy.close();
    }
  });
});
