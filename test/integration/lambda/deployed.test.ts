/** The examples as Lambda functions: bundled or as they are, registered by version and alias, served by a router. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { Cart, Inventory } from "../../../examples/shopping-cart/contracts.js";
import { LambdaWorld, lambdaSettings, oddFunction } from "./lambda-world.js";
import { Odd } from "./odd-function.js";

const ROOT = fileURLToPath(new URL("../../../../", import.meta.url));
const hasPython = spawnSync("python3", ["--version"]).status === 0;
const FUNCTION = "arn:aws:lambda:eu-west-1:123456789012:function";

describe("the shop as a Lambda function", { timeout: 60_000 }, () => {
  const folder = mkdtempSync(join(tmpdir(), "holdfast-shop-"));
  const module = join(folder, "lambda.mjs");
  const bytesOf = { holdfast: 0, shop: 0, libraries: 0 };
  let world: LambdaWorld;
  before(async () => {
    const entry = fileURLToPath(new URL("../../../examples/shopping-cart/lambda.js", import.meta.url));
    const { metafile } = await build({
      entryPoints: [entry],
      outfile: module,
      bundle: true,
      minify: true,
      format: "esm",
      platform: "node",
      target: "node20",
      metafile: true,
    });
    for (const { inputs } of Object.values(metafile.outputs)) {
      for (const [path, { bytesInOutput }] of Object.entries(inputs)) {
        const of = path.includes("node_modules/") ? "libraries" : path.includes("/examples/") ? "shop" : "holdfast";
        bytesOf[of] += bytesInOutput;
      }
    }
    world = await LambdaWorld.start((server) => [
      lambdaSettings(server.deploy("shop", { code: { kind: "node", module, handler: "handler" }, timeoutMs: 10_000 })),
    ]);
  });
  after(async () => {
    await world.end();
    rmSync(folder, { recursive: true, force: true });
  });

  it("is one file, of which Holdfast is at most 25 KB", () => {
    const { holdfast, shop, libraries } = bytesOf;
    const { size } = statSync(module);
    console.log(
      `the shop, bundled and minified: ${size} bytes (zod ${libraries}, Holdfast ${holdfast}, the shop itself ${shop})`,
    );
    assert.ok(holdfast > 1_000 && holdfast <= 25 * 1024);
  });

  it("sells socks: entities of two types, a message and its answer", async () => {
    await world.client.call(Inventory("socks").restock({ quantity: 10 }));
    await world.client.call(Cart("c1").add({ sku: "socks", quantity: 2, priceCents: 500 }));
    for (;;) {
      const { lines } = await world.client.query(Cart("c1").view());
      if (lines["socks"]?.confirmed === true) break;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    assert.deepEqual(await world.client.query(Inventory("socks").left()), { left: 8 });
  });
});

describe("the counter in plain Python as a Lambda function", { skip: !hasPython && "python3 is not installed" }, () => {
  let world: LambdaWorld;
  before(async () => {
    const file = join(ROOT, "examples/python-counter/counter.py");
    world = await LambdaWorld.start((server) => [
      lambdaSettings(server.deploy("counter", { code: { kind: "python", file, handler: "handler" } }), { inFlightMax: 4 }),
    ]);
  });
  after(() => world.end());

  const post = (path: string, body: string) =>
    fetch(world.router.ingressUrl + path, { method: "POST", body, headers: { "content-type": "application/json" } });

  it("adds, refuses, tells the total", async () => {
    assert.equal(await (await post("/demo/counter/a/add", "5")).text(), "5");
    assert.equal((await post("/demo/counter/a/add", "-9")).status, 409);
    const replies = await Promise.all(Array.from({ length: 100 }, (_, n) => post(`/demo/counter/m${n % 10}/add`, "1")));
    assert.deepEqual(new Set(replies.map(({ status }) => status)), new Set([200]));
    assert.equal(await (await fetch(`${world.router.ingressUrl}/demo/counter/m3/total`)).text(), "10");
  });

  it("is asked for whole answers once it has shown that it does not stream", () => {
    const asked = world.server.requests;
    assert.ok((asked.get("InvokeFunction") ?? 0) > (asked.get("InvokeWithResponseStream") ?? 0));
  });
});

describe("registration of Lambda functions", { timeout: 60_000 }, () => {
  let world: LambdaWorld;
  before(async () => {
    world = await LambdaWorld.start((server) => {
      server.deploy("odd", oddFunction("handler"));
      return [lambdaSettings(server.alias("odd", "live", "1"), { entitiesMax: 3 })];
    });
  });
  after(() => world.end());

  async function register(url: string): Promise<{ readonly status: number; readonly text: string }> {
    const response = await fetch(`${world.router.adminUrl}/v1/deployments`, { method: "POST", body: JSON.stringify({ url }) });
    return { status: response.status, text: await response.text() };
  }

  it("pins the version that an alias means, and keeps what the settings say of the function", async () => {
    const [deployment] = world.router.registration.list();
    assert.equal(deployment?.url, `${FUNCTION}:odd:1`);
    assert.equal(world.router.registration.active[0]?.limits.entitiesMax, 3);
    world.server.deploy("odd", oddFunction("handler"));
    world.server.alias("odd", "live", "2");
    await world.client.call(Odd("a").add({}));
    assert.equal(world.server.version(`${FUNCTION}:odd:2`).invocations, 0);
  });

  it("takes another version over the admin API, with the settings of the function", async () => {
    const { status, text } = await register(`${FUNCTION}:odd:2`);
    assert.equal(status, 201, text);
    assert.equal(world.router.registration.active[0]?.limits.entitiesMax, 3);
    await world.client.call(Odd("a").add({}));
    assert.equal(await world.client.query(Odd("a").count()), 2);
  });

  it("warns of $LATEST, and of an alias that sends calls to two versions", async () => {
    const latest = await register(`${FUNCTION}:odd`);
    assert.equal(latest.status, 201, latest.text);
    assert.match(latest.text, /\$LATEST is no version/);
    world.server.alias("odd", "canary", "1", { "2": 0.5 });
    const canary = await register(`${FUNCTION}:odd:canary`);
    assert.match(canary.text, /also sends calls to version 2; only 1 is registered/);
    assert.match(canary.text, /function:odd:1"/);
  });

  it("refuses what is no function, and says why one that is missing or fails cannot be registered", async () => {
    const odd = await register("arn:aws:lambda:eu-west-1:123:function:odd:1");
    assert.deepEqual([odd.status, /REGION:ACCOUNT:function:NAME:VERSION/.test(odd.text)], [400, true]);
    const missing = await register(`${FUNCTION}:nobody:1`);
    assert.deepEqual([missing.status, /\[aws_function_missing\]/.test(missing.text)], [502, true]);
    const module = join(ROOT, "package.json");
    const arn = world.server.deploy("broken", { code: { kind: "node", module, handler: "handler" } });
    const broken = await register(arn);
    assert.deepEqual([broken.status, /Runtime\.\w+/.test(broken.text)], [502, true], broken.text);
  });
});

describe("a Lambda function that is registered with limits", { timeout: 60_000 }, () => {
  it("keeps them for the version that its alias means, and for the next one; the latest registration wins", async () => {
    const world = await LambdaWorld.start((server) => {
      server.deploy("odd", oddFunction("handler"));
      server.deploy("odd", oddFunction("handler"));
      server.deploy("odd", oddFunction("handler"));
      return [];
    });
    const { registration } = world.router;
    const live = (version: string) => world.server.alias("odd", "live", version);
    const register = async (url: string, inFlightMax?: number) => {
      const outcome = await registration.register(
        url,
        false,
        inFlightMax === undefined ? null : lambdaSettings(url, { inFlightMax }),
      );
      assert.equal(outcome.kind, "done");
      return [
        registration.list().find(({ activeTypes }) => activeTypes.length > 0)?.url,
        registration.active[0]?.limits.inFlightMax,
      ];
    };
    try {
      assert.deepEqual(await register(`${FUNCTION}:odd:1`, 3), [`${FUNCTION}:odd:1`, 3]);
      assert.deepEqual(await register(live("2"), 5), [`${FUNCTION}:odd:2`, 5]);
      assert.deepEqual(await register(live("3")), [`${FUNCTION}:odd:3`, 5]);
    } finally {
      await world.end();
    }
  });
});

describe("a role that may do nothing but invoke", { timeout: 60_000 }, () => {
  it("registers an alias all the same, by the version that answered", async () => {
    const denied = ["lambda:GetAlias", "lambda:GetFunctionConfiguration"];
    const world = await LambdaWorld.start(
      (server) => {
        server.deploy("odd", oddFunction("handler"));
        return [lambdaSettings(server.alias("odd", "live", "1"))];
      },
      { denied },
    );
    try {
      assert.equal(world.router.registration.list()[0]?.url, `${FUNCTION}:odd:1`);
      assert.equal(await world.client.call(Odd("a").add({ characters: 3 })), "xxx");
    } finally {
      await world.end();
    }
  });
});
