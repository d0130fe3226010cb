/**
 * One router process that is restarted again and again, killed or stopped in turn, while a client goes on: nothing is lost or
 * doubled, nothing piles up on the disk. Fifty times, in virtual time, in test/ownership/fifty-restarts.test.ts.
 */
import assert from "node:assert/strict";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { onlyLocal } from "./place.js";
import { World } from "./world.js";

const RESTARTS = 12;
const IDS = Array.from({ length: 8 }, (_, n) => `r${n}`);
/** Alive, just died, and those whose logs the manifests before the last flushes need. */
const NODES_MAX = 5;

describe("a router process that is restarted again and again", { skip: onlyLocal }, () => {
  let world: World;
  before(async () => {
    world = await World.started();
  });
  after(() => world.end());

  it("has every keyed command of a client that goes on, once, and leaves nothing behind that grows", async () => {
    let isOver = false;
    let sent = 0;
    const client = async (): Promise<void> => {
      for (; !isOver; sent++) {
        for (let isDone = false; !isDone; ) {
          const reply = await world.add(IDS[sent % IDS.length] ?? "", `key-${sent}`).catch(() => null);
          if (reply !== null && reply.status !== 200)
            assert.ok([503, 504].includes(reply.status), `${reply.status} ${reply.text}`);
          isDone = reply?.status === 200;
          if (!isDone) await new Promise((resolve) => setTimeout(resolve, 20));
        }
      }
    };
    const running = client();
    const opened: number[] = [];
    for (let round = 0; round < RESTARTS; round++) {
      const before = sent;
      world.router.signal(round % 2 === 0 ? "SIGKILL" : "SIGTERM");
      await world.router.exited;
      await world.start();
      opened.push(Number(/"ms":(\d+),"msg":"the router serves/.exec(world.router.errors)?.[1]));
      while (sent < before + IDS.length) await new Promise((resolve) => setTimeout(resolve, 10));
      const logs = (await readdir(join(world.dataPath, "logs"))).length;
      const nodes = (await readdir(join(world.dataPath, "documents"))).filter((name) => name.startsWith("node")).length;
      assert.ok(nodes <= NODES_MAX && logs <= NODES_MAX, `${nodes} node documents and ${logs} logs behind restart ${round + 1}`);
    }
    isOver = true;
    await running;
    for (const [n, id] of IDS.entries()) assert.equal(await world.total(id), Math.ceil((sent - n) / IDS.length), id);
    // Other processes take their share of the machine: only a start that grew with every round would be caught by this.
    const [early, late] = [Math.max(...opened.slice(0, 4)), Math.min(...opened.slice(-4))];
    assert.ok(late <= 2 * early, `open after ${opened.join(", ")} ms`);
  });
});
