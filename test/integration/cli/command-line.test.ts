import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { run } from "../../../src/cli/run.js";

const HOLDFAST = "dist/src/cli/holdfast.js";

interface Done {
  readonly code: number;
  readonly out: string;
  readonly error: string;
}

/** Runs a command line within this process. */
async function holdfast(...args: readonly string[]): Promise<Done> {
  const out: string[] = [];
  const error: string[] = [];
  const code = await run(args, { out: (text) => out.push(text), error: (text) => error.push(text) }, "1.2.3");
  return { code, out: out.join("\n"), error: error.join("\n") };
}

interface Dev {
  readonly process: ChildProcess;
  readonly ingress: string;
  readonly admin: string;
  readonly curls: readonly string[];
}

/** Starts `holdfast dev` as a process of its own and waits for what it prints. */
async function startDev(data: string, ...args: readonly string[]): Promise<Dev> {
  const ports = ["--port", "0", "--admin-port", "0", "--functions-port", "0"];
  const child = spawn(process.execPath, [HOLDFAST, "dev", ...args, ...ports, "--data", data], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  let text = "";
  let errors = "";
  child.stderr.on("data", (chunk) => {
    errors += chunk;
  });
  await new Promise<void>((resolve, reject) => {
    child.stdout.on("data", (chunk) => {
      text += chunk;
      if (text.includes("Ctrl-C")) resolve();
    });
    child.once("exit", (code) => reject(new Error(`holdfast dev ended with ${code}: ${errors}`)));
  });
  const url = (name: string): string => new RegExp(`^ {2}${name} +(http\\S+)`, "m").exec(text)?.[1] ?? "";
  const curls = text.split("\n").filter((line) => line.startsWith("  curl "));
  return { process: child, ingress: url("ingress"), admin: url("admin"), curls };
}

function ended(child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
  return new Promise((resolve) => {
    child.once("exit", resolve);
    child.kill(signal);
  });
}

describe("the command line against a running router", () => {
  const data = mkdtempSync(join(tmpdir(), "holdfast-cli-"));
  let dev: Dev;
  const on = (...args: readonly string[]): Promise<Done> => holdfast("--admin", dev.admin, ...args);

  before(async () => {
    dev = await startDev(data);
  });
  after(async () => {
    await ended(dev.process, "SIGKILL");
    rmSync(data, { recursive: true });
  });

  it("prints three curl lines of addresses that answer", () => {
    assert.equal(dev.curls.length, 3);
    for (const line of dev.curls) assert.ok(line.includes(dev.ingress), line);
  });

  it("invokes commands and queries, and shows the reply as it came", async () => {
    assert.deepEqual(await on("invoke", "shop/inventory/socks/restock", `{"quantity":10}`), {
      code: 0,
      out: `{"left":10}`,
      error: "",
    });
    assert.equal((await on("invoke", "shop/cart/c1/add", `{"sku":"socks","quantity":2,"priceCents":500}`)).code, 0);
    const view = await on("--json", "invoke", "shop/cart/c1/view");
    assert.equal(JSON.parse(view.out).reply.lines.socks.quantity, 2);
  });

  it("takes ids with slashes", async () => {
    await on("invoke", "shop/inventory/a/b c/restock", `{"quantity":3}`);
    assert.match((await on("state", "shop/inventory/a/b c")).out, /"left":3/);
  });

  it("runs a key once, and refuses it for another input", async () => {
    const restock = (quantity: number) => on("invoke", "shop/inventory/hats/restock", `{"quantity":${quantity}}`, "--key", "k1");
    assert.equal((await restock(1)).out, `{"left":1}`);
    assert.equal((await restock(1)).out, `{"left":1}`);
    const reused = await restock(2);
    assert.deepEqual([reused.code, reused.error.includes("[idempotency_key_reused]")], [1, true]);
  });

  it("sends, now and later", async () => {
    const sent = await on("invoke", "shop/inventory/caps/restock", `{"quantity":1}`, "--send");
    assert.equal(typeof JSON.parse(sent.out).commandId, "string");
    assert.equal((await on("invoke", "shop/inventory/caps/restock", `{"quantity":1}`, "--send", "--delay", "24h")).code, 0);
    assert.equal((await on("invoke", "shop/inventory/caps/restock", `{"quantity":1}`, "--delay", "24h")).code, 2);
    assert.equal((await on("invoke", "shop/inventory/caps/restock", `{"quantity":1}`, "--send", "--delay", "9999d")).code, 2);
  });

  it("shows events, timers, dead letters and deployments", async () => {
    const events = (await on("events", "shop/cart/c1")).out.split("\n");
    assert.equal(JSON.parse(events[0] ?? "").name, "lineAsked");
    assert.equal((await on("timers", "shop/cart/c1")).out, "no timers");
    assert.equal((await on("dead-letters", "list")).out, "no dead letters");
    assert.match((await on("deployments", "list")).out, /shop\/cart, shop\/inventory, shop\/payment/);
    assert.match((await on("--json", "deployments", "list")).out, /"activeTypes":\["shop\/cart"/);
    assert.equal((await on("dead-letters", "show", "shop/cart/c1", "nothing")).code, 2);
    assert.equal((await on("deployments", "promote", "nothing")).code, 2);
    assert.equal((await on("register", "http://127.0.0.1:9")).code, 3);
    const options = [
      "--in-flight-max",
      "4",
      "--entities-max",
      "8",
      "--timeout",
      "3s",
      "--header",
      "x-key: a:b",
      "--header",
      "y: z",
    ];
    assert.equal((await on("register", ...options, "http://127.0.0.1:9")).code, 3, "the options are taken; nobody is there");
    const bad = await on("register", "http://127.0.0.1:9", "--in-flight-max", "none", "--bytes-max", "1");
    assert.equal(bad.code, 2);
    assert.match(bad.error, /inFlightMax: a whole number is expected.*batch.bytesMax/);
    assert.equal((await on("register", "http://127.0.0.1:9", "--header", "nothing")).code, 2);
  });

  it("follows events as they happen, and says when the feed has ended", async () => {
    const args = [HOLDFAST, "--admin", dev.admin, "events", "shop/cart/followed", "--follow"];
    const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "ignore"] });
    let seen = "";
    const two = new Promise<void>((resolve) => {
      child.stdout.on("data", (chunk) => {
        seen += chunk;
        if (seen.split("\n").length > 2) resolve();
      });
    });
    await on("invoke", "shop/cart/followed/add", `{"sku":"socks","quantity":1,"priceCents":1}`);
    await on("invoke", "shop/cart/followed/remove", `{"sku":"socks"}`);
    await two;
    assert.match(seen, /"name":"lineAsked"/);
    await ended(child, "SIGKILL");
  });

  it("purges only when that is meant", async () => {
    await on("invoke", "shop/inventory/old/restock", `{"quantity":1}`);
    assert.equal((await on("purge", "shop/inventory/old")).code, 2);
    assert.equal((await on("purge", "shop/inventory/old", "--yes")).code, 0);
    assert.match((await on("state", "shop/inventory/old")).out, /"state":null/);
  });

  it("tells refusals by the function from wrong usage", async () => {
    const refused = await on("invoke", "shop/cart/c9/remove", `{"sku":"nothing"}`);
    assert.deepEqual([refused.code, refused.out], [1, ""], refused.error);
    const invalid = await on("--json", "invoke", "shop/cart/c1/add", `{"sku":1}`);
    assert.deepEqual([invalid.code, JSON.parse(invalid.out).code], [1, "invalid_input"]);
    const unknown = await on("invoke", "shop/cart/c1/nothing");
    assert.deepEqual([unknown.code, unknown.error.includes(`"queries":["view"]`)], [2, true]);
    assert.equal((await on("invoke", "shop/cart/c1/add", "{")).code, 2);
  });

  it("refuses a second router on the same data, with what to do", async () => {
    const second = await holdfast("start", "--data", data, "--port", "0", "--admin-port", "0", "--log-level", "silent");
    assert.equal(second.code, 3);
    assert.match(second.error, /\[data_locked\]/);
  });

  it("has everything that was answered after a SIGKILL and a start on the same data, and stops in order", async () => {
    const before = (await on("state", "shop/cart/c1")).out;
    await ended(dev.process, "SIGKILL");
    dev = await startDev(data);
    assert.equal((await on("state", "shop/cart/c1")).out, before);
    assert.equal((await on("invoke", "shop/inventory/socks/restock", `{"quantity":1}`)).code, 0);
    assert.equal(await ended(dev.process, "SIGTERM"), 0);
    dev = await startDev(data);
    assert.equal((await on("state", "shop/cart/c1")).out, before);
  });
});

describe("holdfast dev with a module", () => {
  it("serves its entities, and prints lines that fit them", async () => {
    const data = mkdtempSync(join(tmpdir(), "holdfast-cli-"));
    const entry = join(data, "counter.mjs");
    const sdk = new URL("../../../src/sdk/index.js", import.meta.url).href;
    writeFileSync(
      entry,
      `import { command, entity, query } from "${sdk}";
const Counter = entity("demo/counter", { commands: { add: command() }, queries: { count: query() } });
export default [
  Counter.value({ initial: () => 0 }).handle({
    commands: { add: (ctx) => { ctx.state = ctx.state + 1; } },
    queries: { count: () => undefined },
  }),
];
`,
    );
    const dev = await startDev(join(data, "stored"), entry);
    try {
      assert.ok(dev.curls[0]?.endsWith("/demo/counter/1/count"), dev.curls.join("\n"));
      assert.equal((await holdfast("--admin", dev.admin, "invoke", "demo/counter/1/add")).code, 0);
      assert.match((await holdfast("--admin", dev.admin, "state", "demo/counter/1")).out, /"state":1/);
    } finally {
      await ended(dev.process, "SIGKILL");
      rmSync(data, { recursive: true });
    }
  });
});

describe("the command line by itself", () => {
  const folder = mkdtempSync(join(tmpdir(), "holdfast-cli-"));
  after(() => rmSync(folder, { recursive: true }));

  it("says how it is used, and 2 where it is used wrongly", async () => {
    assert.equal((await holdfast("--help")).code, 0);
    assert.equal((await holdfast("--version")).out, "1.2.3");
    const wrong = await holdfast("stat");
    assert.deepEqual([wrong.code, wrong.error.includes("start, state")], [2, true]);
    for (const args of [
      ["invoke"],
      ["invoke", "shop/cart"],
      ["state", "shop/cart"],
      ["state", "cart//x/"],
      ["dev", "--port", "x"],
    ]) {
      assert.equal((await holdfast(...args)).code, 2, args.join(" "));
    }
  });

  it("says 3 where no router answers", async () => {
    const { code, error } = await holdfast("--admin", "http://127.0.0.1:9", "invoke", "shop/cart/c1/add", "{}");
    assert.deepEqual([code, error.includes("holdfast start")], [3, true]);
  });

  it("says 4 where the router is lost on the way, or does not know either", async () => {
    let isLost = true;
    const server = createServer((_, response) => {
      if (isLost) response.destroy();
      else response.writeHead(504).end(`{"code":"outcome_unknown","detail":"nobody knows"}`);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const admin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    assert.equal((await holdfast("--admin", admin, "invoke", "shop/cart/c1/add", "{}")).code, 4);
    isLost = false;
    assert.equal((await holdfast("--admin", admin, "invoke", "shop/cart/c1/add", "{}")).code, 4);
    server.close();
    server.closeAllConnections();
  });

  it("writes settings to begin with, once, that check takes", async () => {
    const file = join(folder, "holdfast.yaml");
    assert.equal((await holdfast("init", file)).code, 0);
    const first = readFileSync(file, "utf8");
    assert.equal((await holdfast("init", file)).code, 0);
    assert.equal(readFileSync(file, "utf8"), first);
    assert.equal((await holdfast("check", "--config", file)).code, 0);
  });

  it("refuses data that does not fit the settings, and an address that is in use, with what to do", async () => {
    const data = join(folder, "data");
    const ports = ["--port", "0", "--admin-port", "0"];
    const child = spawn(process.execPath, [HOLDFAST, "start", ...ports, "--data", data], { stdio: ["ignore", "pipe", "ignore"] });
    const ingress = await new Promise<string>((resolve) => {
      child.stdout.on("data", (chunk) => {
        const port = /ingress .*:(\d+)/.exec(String(chunk))?.[1];
        if (port !== undefined) resolve(port);
      });
    });
    const inUse = await holdfast(
      "start",
      "--port",
      ingress,
      "--admin-port",
      "0",
      "--data",
      join(folder, "other"),
      "--log-level",
      "silent",
    );
    assert.deepEqual([inUse.code, inUse.error.includes("[listen_failed]")], [3, true]);
    await ended(child, "SIGKILL");
    const file = join(folder, "mismatch.yaml");
    writeFileSync(file, `shards: 16\njournal: { kind: local, path: ${data} }\n`);
    const mismatch = await holdfast("start", "--config", file, ...ports, "--log-level", "silent");
    assert.deepEqual([mismatch.code, mismatch.out], [3, ""]);
    assert.match(mismatch.error, /8 shards.*16.*\[cluster_mismatch\]/);
    const notAFolder = await holdfast("start", "--data", file, ...ports, "--log-level", "silent");
    assert.deepEqual([notAFolder.code, notAFolder.error.includes("[data_unreadable]")], [3, true]);
  });

  it("says what is wrong with settings, and with an entry", async () => {
    const file = join(folder, "bad.yaml");
    writeFileSync(file, "shrads: 8\njournal: { kind: local }\n");
    const bad = await holdfast("check", "--config", file);
    assert.deepEqual([bad.code, bad.error.includes("did you mean 'shards'?")], [2, true]);
    const missing = await holdfast("start", "--config", join(folder, "nothing.yaml"));
    assert.deepEqual([missing.code, missing.error.includes("[config_unreadable]")], [2, true]);
    const entry = join(folder, "entry.mjs");
    writeFileSync(entry, "export const nothing = 1;\n");
    for (const path of [entry, join(folder, "absent.mjs")]) {
      const unusable = await holdfast("dev", path);
      assert.deepEqual([unusable.code, unusable.error.includes("[entry_unusable]")], [2, true]);
    }
  });
});
