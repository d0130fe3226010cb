/** What can go wrong with a Lambda function, end to end: nobody else suffers, and callers hear what it was. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { FunctionOptions } from "../../aws/lambda-server/functions.js";
import { LambdaWorld, lambdaSettings, oddFunction } from "./lambda-world.js";
import { Odd } from "./odd-function.js";

const NAME = "odd";
const ids = (count: number) => Array.from({ length: count }, (_, n) => `thing-${n}`);

for (const handler of ["handler", "buffered"] as const) {
  describe(`a Lambda function that ${handler === "handler" ? "streams" : "does not stream"}`, { timeout: 120_000 }, () => {
    let world: LambdaWorld;
    const deploy = (options: Partial<FunctionOptions> = {}) => world.server.deploy(NAME, oddFunction(handler, options));
    before(async () => {
      world = await LambdaWorld.start((server) => [
        lambdaSettings(server.deploy(NAME, oddFunction(handler)), { inFlightMax: 8 }),
      ]);
    });
    after(() => world.end());

    it("serves many at once, a few invocations for all of them", async () => {
      const replies = await Promise.all(ids(200).map((id) => world.client.call(Odd(id).add({}))));
      assert.equal(replies.length, 200);
      assert.equal(await world.client.query(Odd("thing-7").count()), 1);
      assert.ok(world.server.version(deployed(world)).invocations < 150);
    });

    it("is frozen between invocations", async () => {
      const first = await world.client.call(Odd("frozen").ticks());
      await new Promise((resolve) => setTimeout(resolve, 300));
      const second = await world.client.call(Odd("frozen").ticks());
      assert.equal(second.processId, first.processId);
      assert.ok(second.ticks - first.ticks < 30, `${second.ticks - first.ticks} ticks of 5 ms`);
    });

    it("that crashes fails the one who made it crash, and runs the others", async () => {
      const all = ids(20).map((id) => world.client.call(Odd(id).add({ waitMs: 20 })));
      await assert.rejects(world.client.call(Odd("crashing").exit()), (error) => {
        const { code, message } = error as Error & { readonly code: string };
        assert.equal(code, "function_faulted");
        assert.match(message, /Runtime\.ExitError/);
        return true;
      });
      await Promise.all(all);
    });

    it("whose answer is larger than 6 MB is asked for less at a time", async () => {
      const characters = 900_000;
      const replies = await Promise.all(ids(10).map((id) => world.client.call(Odd(id).add({ characters }))));
      assert.deepEqual(new Set(replies.map(({ length }) => length)), new Set([characters]));
    });

    it("that is throttled to one environment goes on slowly, and no command suffers", async () => {
      const { concurrencyMax } = world.server.function(NAME);
      world.server.function(NAME).concurrencyMax = 1;
      try {
        const calls = ids(300).map((id) => world.client.call(Odd(id).add({ waitMs: 5 })));
        await Promise.all(calls);
      } finally {
        world.server.function(NAME).concurrencyMax = concurrencyMax;
      }
    });

    it("that was deleted under load is waited for; its successor gets what waited", async () => {
      const before = deployed(world);
      await world.client.call(Odd("deleted").add({}));
      world.server.function(NAME).remove(before.split(":").at(-1) ?? "");
      let settled = 0;
      const calls = ids(50).map((id) => world.client.call(Odd(id).add({})).finally(() => settled++));
      const hasty = await fetch(`${world.router.ingressUrl}/odd/thing/hasty/add`, {
        method: "POST",
        headers: { "content-type": "application/json", "holdfast-deadline": "400ms" },
        body: "{}",
      });
      assert.equal(hasty.status, 503);
      assert.match(await hasty.text(), /\[aws_function_missing\]","code":"function_unavailable"/);
      assert.equal(settled, 0);
      const registered = await world.router.registration.register(deploy(), false);
      assert.equal(registered.kind, "done");
      await Promise.all(calls);
      assert.notEqual(deployed(world), before);
    });
  });
}

describe("a Lambda function with little time and memory", { timeout: 120_000 }, () => {
  let world: LambdaWorld;
  before(async () => {
    world = await LambdaWorld.start((server) => [
      lambdaSettings(server.deploy(NAME, oddFunction("handler", { timeoutMs: 1_000, memoryMb: 200 })), { inFlightMax: 4 }),
    ]);
  });
  after(() => world.end());

  it("that runs out of time is killed; the caller hears of the function's own timeout, others get their replies", async () => {
    const hanging = assert.rejects(world.client.call(Odd("hanging").hang()), (error) => {
      const { code, message } = error as Error & { readonly code: string };
      assert.equal(code, "function_faulted");
      assert.match(message, /Task timed out after 1\.00 seconds/);
      return true;
    });
    await Promise.all(ids(20).map((id) => world.client.call(Odd(id).add({}))));
    await hanging;
    assert.equal(await world.client.query(Odd("hanging").count()), 0);
  });

  it("that runs out of memory is killed; the caller hears so, others get their replies", async () => {
    const eating = assert.rejects(world.client.call(Odd("eating").devour()), /signal: killed/);
    await Promise.all(ids(20).map((id) => world.client.call(Odd(id).add({}))));
    await eating;
  });
});

/** The ARN of what serves now. */
function deployed(world: LambdaWorld): string {
  const found = world.router.registration.list().find(({ activeTypes }) => activeTypes.length > 0);
  assert.ok(found !== undefined);
  return found.url;
}
