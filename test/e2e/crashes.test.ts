/** Processes that are killed, stopped, started twice: what was acknowledged is there, once. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { onlyLocal } from "./place.js";
import { until, World } from "./world.js";

describe("a router process", () => {
  let world: World;
  before(async () => {
    world = await World.started();
  });
  after(() => world.end());

  it("has every acknowledged command after kill -9 under load, and counts a repeated key once", async () => {
    const acknowledged = new Map<string, number>();
    const sent: { readonly id: string; readonly key: string }[] = [];
    let isKilled = false;
    const client = async (client: number): Promise<void> => {
      for (let round = 0; !isKilled; round++) {
        const one = { id: `k${(client + round) % 10}`, key: `${client}-${round}` };
        sent.push(one);
        try {
          const reply = await world.add(one.id, one.key);
          if (reply.status === 200) acknowledged.set(one.id, (acknowledged.get(one.id) ?? 0) + 1);
        } catch {
          return; // the connection broke: nobody knows, and the key below finds out
        }
      }
    };
    const clients = Array.from({ length: 32 }, (_, index) => client(index));
    await until(async () => sent.length > 800);
    await world.router.kill();
    isKilled = true;
    await Promise.all(clients);
    await world.start();
    for (const [id, count] of acknowledged) assert.ok((await world.total(id)) >= count, `${id} has lost acknowledged commands`);
    const replies = await Promise.all(sent.map(({ id, key }) => world.add(id, key)));
    assert.deepEqual(new Set(replies.map(({ status }) => status)), new Set([200]));
    for (const [id] of acknowledged) assert.equal(await world.total(id), sent.filter((one) => one.id === id).length);
  });

  it("refuses a second process on the same data, and goes on", { skip: onlyLocal }, async () => {
    const errors = await world.refusedStart();
    assert.match(errors, /in use by.*\[data_locked\]/s);
    assert.equal((await world.add("after-second")).status, 200);
  });

  it("stops in good order under load: no reply is cut off, nothing accepted is lost", async () => {
    const acknowledged = new Map<string, number>();
    const cutOff: unknown[] = [];
    const statuses = new Set<number>();
    let isRefused = false;
    const client = async (index: number): Promise<void> => {
      const id = `s${index % 8}`;
      for (let round = 0; !isRefused; round++) {
        try {
          const reply = await world.post(`/e2e/counter/${id}/${round % 5 === 0 ? "slow" : "add"}`, '{"by":1}');
          statuses.add(reply.status);
          if (reply.status === 200) acknowledged.set(id, (acknowledged.get(id) ?? 0) + 1);
        } catch (error) {
          // An idle connection may close just as a request is written to it: then it was never read, as the totals below prove.
          if ((error as NodeJS.ErrnoException).code === "ECONNREFUSED") isRefused = true;
          else if ((error as NodeJS.ErrnoException).code !== "ECONNRESET") cutOff.push(error);
        }
      }
    };
    const clients = Array.from({ length: 32 }, (_, index) => client(index));
    await until(async () => [...acknowledged.values()].reduce((sum, count) => sum + count, 0) > 300);
    const askedAtMs = performance.now();
    world.router.signal("SIGTERM");
    assert.deepEqual(await world.router.exited, { code: 0, signal: null });
    assert.ok(performance.now() - askedAtMs < 4_000, "clients that keep their connections do not hold it up");
    await Promise.all(clients);
    assert.deepEqual(cutOff, []);
    for (const status of statuses) assert.ok(status === 200 || status === 503, `status ${status}`);
    await world.start();
    const openedAfterMs = Number(
      /"ms":(\d+),"msg":"the router serves: what should be here is open"/.exec(world.router.errors)?.[1],
    );
    assert.ok(openedAfterMs < 3_000, `${openedAfterMs} ms until all shards were open`);
    for (const [id, count] of acknowledged) assert.equal(await world.total(id), count);
  });

  it("runs what it accepted with 202 after kill -9", async () => {
    const accepted = await Promise.all(
      Array.from({ length: 20 }, (_, index) => world.post(`/e2e/counter/a${index}/slow?mode=send`, '{"ms":200}')),
    );
    assert.deepEqual(new Set(accepted.map(({ status }) => status)), new Set([202]));
    await world.killAndRestart();
    for (let index = 0; index < 20; index++) await until(async () => (await world.total(`a${index}`)) === 1);
  });
});

describe("an endpoint that is down when the router starts", () => {
  it("is asked again until it answers; meanwhile requests are told to come back", async () => {
    const world = await World.make();
    await world.stopFunctions();
    await world.start();
    const early = await world.add("x");
    assert.deepEqual([early.status, early.code], [503, "function_unavailable"]);
    assert.ok(early.headers["retry-after"]);
    await world.startFunctions();
    await world.servesFunctions();
    assert.equal((await world.add("x")).text, "1");
    await world.end();
  });

  it("that goes down and comes back costs the commands nothing but time", async () => {
    const world = await World.started();
    await world.add("x");
    await world.stopFunctions();
    const waiting = world.add("x");
    await world.startFunctions();
    assert.deepEqual([(await waiting).status, (await waiting).text], [200, "2"]);
    await world.end();
  });
});
