/** Thousands of clients that dribble their requests hold up nobody, and are told so when their time is over. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { connect, type Socket } from "node:net";
import { after, before, describe, it } from "node:test";
import { until, World } from "./world.js";

const CLIENTS_MAX = 10_000;
/** Each client is a file in the router's process and one in this one; some more are needed for everything else. */
const FILES_KEPT = 500;
const files = Number(spawnSync("sh", ["-c", "ulimit -Hn"]).stdout.toString().trim());
const clients = Math.min(CLIENTS_MAX, (Number.isNaN(files) ? CLIENTS_MAX + FILES_KEPT : files) - FILES_KEPT);

describe(`${clients} clients that never finish their requests`, () => {
  let world: World;
  const sockets: Socket[] = [];
  before(async () => {
    world = await World.started();
  });
  after(async () => {
    for (const socket of sockets) socket.destroy();
    await world.end();
  });

  it("hold up no good command, are cut off in time, and leave nothing", async () => {
    let closed = 0;
    let timedOut = 0;
    for (let index = 0; index < clients; index++) {
      sockets.push(
        slowClient(world.url, index % 2 === 0, (said) => {
          closed++;
          if (said.includes("request_timeout")) timedOut++;
        }),
      );
      // In portions, or the queue of connections to be accepted runs over.
      if (index % 500 === 499) await new Promise((resolve) => setTimeout(resolve, 20));
    }
    const startedMs = performance.now();
    for (let round = 1; round <= 20; round++) assert.equal((await world.add("good")).text, String(round));
    const tookMs = performance.now() - startedMs;
    assert.ok(tookMs < 4_000, `20 good commands took ${Math.round(tookMs)} ms`);
    // Headers have 10 s, bodies 30 s: half of them are told so, the other half leave by themselves, all at once.
    await until(async () => timedOut >= clients / 2, 25_000);
    assert.ok(closed <= timedOut + clients / 100, `${closed} were cut off, ${timedOut} of them were told why`);
    for (const socket of sockets) socket.destroy();
    assert.equal((await world.add("good")).text, "21");
    assert.equal(await world.total("slow"), 0);
  });
});

/** Sends half of its headers, or its headers and half of a body, and waits. */
function slowClient(url: string, isInBody: boolean, ended: (said: string) => void): Socket {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  const head = "POST /e2e/counter/slow/add HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n";
  let said = "";
  socket.on("data", (chunk: Buffer) => {
    said += chunk.toString();
  });
  socket.on("error", () => undefined);
  socket.on("close", () => ended(said));
  socket.write(isInBody ? `${head}content-length: 100\r\n\r\n{"by":` : head);
  return socket;
}
