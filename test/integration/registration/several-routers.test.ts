/** Several routers on one directory: what is changed through one of them, the others see. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { describe, it } from "node:test";
import type { DiscoverOutcome } from "../../../src/ports/invoker.js";
import { DEFAULT_DEPLOYMENT_LIMITS } from "../../../src/router/config/settings.js";
import { CART, Cluster, LOOK_MS, manifest, URL_A, URL_B } from "./cluster.js";

describe("routers on one directory", () => {
  it("see within five seconds what another one registered, promoted, rolled back and removed", async () => {
    const cluster = new Cluster();
    const [one, other] = [await cluster.router(), await cluster.router()];
    const first = await one.register(URL_A);
    assert.equal(other.serving, undefined);
    await cluster.pass(LOOK_MS);
    assert.equal(other.serving, first);
    assert.ok(other.registration.invokerOf(first));

    const second = await other.register(URL_B);
    await cluster.pass(LOOK_MS);
    assert.equal(one.serving, second);
    await one.registration.promote(first, false);
    await cluster.pass(LOOK_MS);
    assert.equal(other.serving, first);
    await other.registration.rollback();
    await cluster.pass(LOOK_MS);
    assert.equal(one.serving, second);

    cluster.answers.set(URL_A, manifest({ ...CART, queries: [{ name: "view" }] }));
    const third = await one.register(URL_A);
    await one.register(URL_B);
    await cluster.pass(60_000);
    assert.equal((await one.registration.remove(first)).kind, "done");
    await cluster.pass(LOOK_MS);
    assert.deepEqual(
      other.registration.list().map(({ id }) => id),
      [second, third],
    );
  });

  it("read one document every five seconds, list nothing, and tell nobody where nothing changed", async () => {
    const cluster = new Cluster();
    const router = await cluster.router();
    await router.register(URL_A);
    const { published } = router;
    cluster.directory.asked.length = 0;
    await cluster.pass(60_000);
    assert.deepEqual(cluster.directory.asked, new Array(12).fill("read deployments"));
    assert.equal(router.published, published);
  });

  it("ask nothing any more once they are closed, also when one was closed in the middle of a look", async () => {
    const cluster = new Cluster();
    const router = await cluster.router();
    await cluster.pass(LOOK_MS);
    await router.registration.close();
    const half = await cluster.router();
    cluster.clock.start(LOOK_MS);
    await half.registration.close();
    cluster.directory.asked.length = 0;
    await cluster.pass(60_000);
    assert.deepEqual(cluster.directory.asked, []);
    assert.equal(cluster.clock.waiting, 0);
  });

  it("go on with what they know while the book cannot be read, say so once, and follow it again afterwards", async () => {
    const cluster = new Cluster();
    const [one, other] = [await cluster.router(), await cluster.router()];
    const first = await one.register(URL_A);
    await cluster.pass(LOOK_MS);
    cluster.directory.isDown = true;
    await cluster.pass(4 * LOOK_MS);
    assert.equal(other.serving, first);
    assert.equal(other.said.filter((message) => message.includes("cannot be followed")).length, 1);
    cluster.directory.isDown = false;
    const second = await one.register(URL_B);
    await cluster.pass(LOOK_MS);
    assert.equal(other.serving, second);
    assert.equal(other.said.filter((message) => message.includes("followed again")).length, 1);
  });

  it("go on where a newer version wrote the book, and never write over it", async () => {
    const cluster = new Cluster();
    const router = await cluster.router();
    const first = await router.register(URL_A);
    const { real } = cluster.directory;
    const read = await real.read("deployments");
    assert.ok(read.kind === "found");
    for (const body of [`{"format":99}`, "{", `{"format":1}`]) {
      const found = await real.read("deployments");
      assert.ok(found.kind === "found");
      await real.swap("deployments", found.document.token, { token: randomBytes(9).toString("hex"), body: Buffer.from(body) });
      await cluster.pass(LOOK_MS);
      assert.equal(router.serving, first);
      await assert.rejects(router.registration.register(URL_B, false));
      await assert.rejects(router.registration.register(URL_B, false), "asked again it does not write either");
      const left = await real.read("deployments");
      assert.ok(left.kind === "found");
      assert.equal(Buffer.from(left.document.body).toString(), body);
    }
    const found = await real.read("deployments");
    assert.ok(found.kind === "found");
    await real.swap("deployments", found.document.token, { token: "again", body: read.document.body });
    await cluster.pass(LOOK_MS);
    assert.equal(await router.register(URL_A), first);
    const last = await real.read("deployments");
    assert.ok(last.kind === "found");
    assert.equal((await real.remove("deployments", last.document.token)).kind, "happened");
    await cluster.pass(LOOK_MS);
    assert.equal(router.serving, first, "a book that is gone tells nothing");
  });

  it("that start at once register the endpoints of their settings once, without a fight", async () => {
    const cluster = new Cluster();
    const functions = [URL_A, URL_B, "http://c.example"].map((url) => ({
      url,
      limits: DEFAULT_DEPLOYMENT_LIMITS,
      encoding: "json" as const,
      headers: {},
    }));
    for (const [index, { url }] of functions.entries())
      cluster.answers.set(url, manifest({ ...CART, type: `shop/type${index}` }));
    const routers = await Promise.all(Array.from({ length: 12 }, () => cluster.router({ functions })));
    await cluster.clock.settle();
    for (const { registration, said } of routers) {
      assert.deepEqual(registration.undiscovered(), [], "none was turned away");
      assert.equal(said.filter((message) => message.includes("not registered")).length, 0);
    }
    const swaps = cluster.directory.asked.filter((what) => what === "swap deployments").length;
    await cluster.pass(LOOK_MS);
    for (const { registration } of routers) assert.equal(registration.list().length, 3);
    assert.ok(swaps <= 12 * 3, `${swaps} tries to write the book`);
  });

  it("do not take back what an operator rolled back while they discovered the endpoint of their settings", async () => {
    const cluster = new Cluster();
    const operator = await cluster.router();
    const old = await operator.register(URL_B);
    let answer: (outcome: DiscoverOutcome) => void = () => undefined;
    const slow = new Promise<DiscoverOutcome>((resolve) => {
      answer = resolve;
    });
    const functions = [{ url: URL_A, limits: DEFAULT_DEPLOYMENT_LIMITS, encoding: "json" as const, headers: {} }];
    const starting = await cluster.router({
      functions,
      connect: () => ({
        discover: () => slow,
        invoke: async () => ({ kind: "complete" }),
        close: async () => undefined,
      }),
    });
    await operator.register(URL_A);
    await operator.registration.rollback();
    answer(manifest(CART));
    while (starting.registration.undiscovered().length > 0) await cluster.clock.settle();
    assert.equal(starting.serving, old);
    await cluster.pass(LOOK_MS);
    assert.equal(operator.serving, old);
  });
});
