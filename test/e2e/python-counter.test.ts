/** The counter in plain Python behind a router: no SDK, and durable all the same. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { after, before, describe, it } from "node:test";
import { Child, ROOT } from "./child.js";
import { until, World } from "./world.js";

const hasPython = spawnSync("python3", ["--version"]).status === 0;

describe("the counter in plain Python behind a router", { skip: !hasPython && "python3 is not installed" }, () => {
  let counter: Child;
  let world: World;
  before(async () => {
    counter = new Child("python3", [`${ROOT}examples/python-counter/counter.py`, "0"]);
    const [, url = ""] = await counter.said(/listens on (\S+)/);
    world = await World.started({ endpoints: [url] });
    await until(async () => (await world.post("/demo/counter/first/add", "1")).status === 200);
  });
  after(async () => {
    await world.end();
    await counter.kill();
  });

  it("does what its page says: adds, refuses, tells the total", async () => {
    assert.equal((await world.post("/demo/counter/a/add", "5")).text, "5");
    const refused = await world.post("/demo/counter/a/add", "-9");
    assert.deepEqual([refused.status, refused.code], [409, "not_possible"]);
    assert.equal((await world.get("/demo/counter/a/total")).text, "5");
  });

  it("counts many entities at once, each in order", async () => {
    const replies = await Promise.all(
      Array.from({ length: 200 }, (_, index) => world.post(`/demo/counter/m${index % 20}/add`, "1")),
    );
    assert.deepEqual(new Set(replies.map(({ status }) => status)), new Set([200]));
    for (let id = 0; id < 20; id++) assert.equal((await world.get(`/demo/counter/m${id}/total`)).text, "10");
  });

  it("has its counts after kill -9 of the router", async () => {
    await world.killAndRestart();
    assert.equal((await world.get("/demo/counter/a/total")).text, "5");
    assert.equal((await world.post("/demo/counter/m0/add", "1")).text, "11");
  });
});
