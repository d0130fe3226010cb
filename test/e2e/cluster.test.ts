/** Several routers share the shards of one cluster: real processes on dynalite and the S3 fake, or on what the environment names. */
import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, describe, it } from "node:test";
import { LocalCloud } from "../aws/servers/local-cloud.js";
import { ClusterWorld, SHARDS, type Upstream } from "./cluster-world.js";
import { isOnAws } from "./place.js";
import { until } from "./world.js";

let cloud: LocalCloud | null = null;
let upstream: Upstream;
let cluster: ClusterWorld;
before(async () => {
  if (!isOnAws) cloud = await LocalCloud.start();
  const of = (service: string): string => process.env[`AWS_ENDPOINT_URL_${service}`] ?? process.env["AWS_ENDPOINT_URL"] ?? "";
  upstream = cloud?.upstream ?? { dynamodb: of("DYNAMODB"), s3: of("S3"), lambda: "http://127.0.0.1:1" };
});
after(() => cloud?.stop());
beforeEach(async () => {
  cluster = await ClusterWorld.make(upstream);
});
afterEach(() => cluster.end());

/** Counts on and on until it is told to stop; gives how often, by id, and what did not go well. */
function counting(
  ids: readonly string[],
  clients: number,
): { stop(): Promise<ReadonlyMap<string, number>>; readonly failures: string[] } {
  const counts = new Map<string, number>();
  const failures: string[] = [];
  let isOver = false;
  let last = 0;
  const client = async (): Promise<void> => {
    while (!isOver) {
      const n = last++;
      const id = ids[n % ids.length] ?? "";
      await cluster.insist(id, `k${n}`).catch((error: unknown) => failures.push(String(error)));
      counts.set(id, (counts.get(id) ?? 0) + 1);
    }
  };
  const running = Array.from({ length: clients }, client);
  return {
    failures,
    stop: async () => {
      isOver = true;
      await Promise.all(running);
      return counts;
    },
  };
}

async function countsAre(counts: ReadonlyMap<string, number>): Promise<void> {
  for (const [id, count] of counts) {
    for (const node of cluster.nodes) assert.equal(await node.total(id), count, `${id} at ${node.url}`);
  }
}

const IDS = Array.from({ length: 24 }, (_, n) => `c${n}`);

describe("routers of one cluster", () => {
  it("share the shards, answer for all of them, and count a key once at whichever of them it is said", async () => {
    const one = await cluster.join();
    const two = await cluster.join();
    await cluster.settled();
    const { nodes } = await one.status();
    assert.deepEqual(nodes.map(({ shards }) => shards).sort(), [6, 6]);
    for (const id of IDS) {
      for (const node of [one, two, one]) assert.equal((await node.add(id, `only-${id}`)).status, 200);
    }
    await countsAre(new Map(IDS.map((id) => [id, 1])));
  });

  it("take over what a killed one had, with all that it has answered, and share again with the next", async () => {
    for (let n = 0; n < 3; n++) await cluster.join();
    await cluster.settled();
    const load = counting(IDS, 4);
    const [, second] = cluster.nodes;
    assert.ok(second);
    await cluster.kill(second);
    await cluster.settled(2);
    await cluster.join();
    await cluster.settled(3);
    await countsAre(await load.stop());
    assert.deepEqual(load.failures, []);
  });

  it("hand their shards over when they are stopped, moved or drained, and no command fails by it", async () => {
    const one = await cluster.join();
    const two = await cluster.join();
    await cluster.settled();
    const addresses = (await one.status()).nodes.map(({ address }) => address);
    let isOver = false;
    const refused: string[] = [];
    const client = async (n: number): Promise<number> => {
      let count = 0;
      for (; !isOver; count++) {
        const reply = await one.add(`h${n}`, `h${n}-${count}`);
        if (reply.status !== 200) refused.push(`${reply.status} ${reply.text}`);
      }
      return count;
    };
    const clients = Array.from({ length: 6 }, (_, n) => client(n));
    assert.equal(await two.ask("/v1/cluster/move", { shard: 3, node: addresses[0] }), 200);
    assert.equal(await two.ask("/v1/cluster/move", { shard: 4, node: addresses[1] }), 200);
    await cluster.settled();
    assert.equal(await one.ask("/v1/cluster/drain", { node: addresses[1] }), 200);
    await cluster.settled();
    assert.equal(await one.ask("/v1/cluster/drain", { node: addresses[1], undo: true }), 200);
    await cluster.settled();
    assert.equal(await one.ask("/v1/cluster/drain", { node: "10.9.9.9:1" }), 404);
    await cluster.kill(two, "SIGTERM");
    await cluster.settled(1);
    isOver = true;
    const counts = await Promise.all(clients);
    assert.deepEqual(refused, []);
    await countsAre(new Map(counts.map((count, n) => [`h${n}`, count])));
  });

  it("halve every shard while everything runs, are killed meanwhile, and lose and double nothing", async () => {
    const one = await cluster.join();
    await cluster.join();
    await cluster.settled();
    const load = counting(IDS, 4);
    assert.equal(await one.ask("/v1/cluster/split", {}), 200);
    const isSplit = async (generation: number): Promise<boolean> => {
      const { shards } = await one.status();
      return shards.length === SHARDS * 2 ** generation && shards.every((shard) => shard.generation === generation);
    };
    await until(() => isSplit(1), 60_000);
    assert.deepEqual(load.failures, []);
    await cluster.join();
    await cluster.settled();
    assert.equal(await one.ask("/v1/cluster/split", {}), 200);
    assert.equal(await one.ask("/v1/cluster/split", {}), 409);
    const [, second] = cluster.nodes;
    assert.ok(second);
    await cluster.kill(second);
    await until(() => isSplit(2), 60_000);
    await cluster.settled(2);
    await countsAre(await load.stop());
    assert.deepEqual(load.failures, []);
  });

  it("go on when one reaches its peers but not the store, which comes back by itself", async () => {
    const one = await cluster.join();
    const two = await cluster.join();
    await cluster.settled();
    const before = (await two.status()).incarnation;
    const load = counting(IDS, 3);
    two.cutOffFromStore(true);
    const others = async (): Promise<boolean> => (await one.status()).shards.every(({ owner }) => owner?.incarnation !== before);
    for (const deadline = Date.now() + 30_000; !(await others()); ) assert.ok(Date.now() < deadline, "nobody took over");
    for (const id of IDS) await cluster.insist(id, `cut-${id}`, () => [one]);
    two.cutOffFromStore(false);
    await cluster.settled(2, 60_000);
    assert.notEqual((await two.status()).incarnation, before);
    const counts = await load.stop();
    await countsAre(new Map([...counts].map(([id, count]) => [id, count + 1])));
  });

  it("serve what they have when they reach the store but not one another, and all of it when they do again", async () => {
    const one = await cluster.join();
    const two = await cluster.join();
    await cluster.settled();
    const load = counting(IDS, 3);
    for (const node of cluster.nodes) node.cutOffFromPeers(true);
    const answers = await Promise.all(
      IDS.map((id) => one.post(`/e2e/counter/${id}/add`, { "holdfast-deadline": "1s", "idempotency-key": `cut-${id}` })),
    );
    const codes = new Set(answers.map(({ status, code }) => code ?? status));
    // What was sent may have arrived; of what was not, it is known.
    const told = [...codes].filter((code) => code !== "shard_moving" && code !== "outcome_unknown");
    assert.ok(codes.size > 1 && told.length === 1 && told[0] === 200, [...codes].join(", "));
    for (const node of cluster.nodes) node.cutOffFromPeers(false);
    for (const id of IDS) await cluster.insist(id, `cut-${id}`, () => [two]);
    const counts = await load.stop();
    assert.deepEqual(load.failures, []);
    await countsAre(new Map([...counts].map(([id, count]) => [id, count + 1])));
  });

  it("lose nothing when all of them are killed while shards are on their way", async () => {
    await cluster.join();
    await cluster.join();
    await cluster.settled();
    const load = counting(IDS, 4);
    const third = await cluster.launch();
    // It has asked for its share by now, or is about to.
    for (const deadline = Date.now() + 20_000; ; ) {
      const status = await third.status().catch(() => null);
      if (status?.shards.some(({ owner }) => owner?.incarnation === status.incarnation) === true) break;
      assert.ok(Date.now() < deadline, "nothing came to the third");
    }
    for (const node of [...cluster.nodes]) await cluster.kill(node);
    for (let n = 0; n < 2; n++) await cluster.launch();
    await cluster.settled(2, 60_000);
    await countsAre(await load.stop());
    assert.deepEqual(load.failures, []);
  });
});
