/** A router, two versions of a function over HTTP, and the command line between them: from `--canary` to the rollback by itself. */
import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, describe, it } from "node:test";
import { run } from "../../src/cli/run.js";
import { connect, type HoldfastClient } from "../../src/client/index.js";
import { DEFAULT_SETTINGS } from "../../src/router/config/settings.js";
import { type RunningRouter, startRouter } from "../../src/router/main.js";
import { command, entity, type FunctionServer, serve, unchecked } from "../../src/sdk/index.js";

type Version = "stable" | "canary";

const Counter = entity("demo/counter", {
  commands: { add: command({ input: unchecked<number>(), reply: unchecked<{ by: Version; total: number }>() }) },
});
const Teller = entity("demo/teller", { commands: { tell: command({ input: unchecked<string>() }) } });

/** What each version ran, and whether the canary faults. */
const ran: Record<Version, string[]> = { stable: [], canary: [] };
let isFaulty = false;
/** What the canary's third try of a command waits for before it faults. */
let thirdTry: Promise<void> = Promise.resolve();

const counter = (by: Version) =>
  Counter.value({ initial: () => 0 }).handle({
    commands: {
      add: async (ctx, amount) => {
        ran[by].push(ctx.id);
        if (by === "canary" && ran.canary.length === 3) await thirdTry;
        if (by === "canary" && isFaulty) throw new Error("a bug of the new version");
        ctx.state = ctx.state + amount;
        return { by, total: ctx.state };
      },
    },
  });
const teller = Teller.value({ initial: () => 0 }).handle({
  commands: { tell: (ctx, id) => ctx.send(Counter(id).add(1)) },
});

const SILENT = { info: () => undefined, warn: () => undefined, error: () => undefined };
const ANY_PORT = { host: "127.0.0.1", port: 0 };
const ids = (count: number): readonly string[] => Array.from({ length: count }, (_, n) => `c${n}`);

describe("a canary of a function over HTTP", () => {
  let stable: FunctionServer;
  let canary: FunctionServer;
  let isClosed = false;
  let router: RunningRouter;
  let client: HoldfastClient;

  const holdfast = async (...args: readonly string[]): Promise<string> => {
    const out: string[] = [];
    const terminal = { out: (text: string) => out.push(text), error: (text: string) => out.push(text) };
    const code = await run(["--admin", router.adminUrl, ...args], terminal, "1.2.3");
    return `${code}: ${out.join("\n")}`;
  };
  const canaryId = (): string => router.registration.list().at(-1)?.id ?? "";
  const until = async (holds: () => boolean): Promise<void> => {
    const untilMs = Date.now() + 20_000;
    while (!holds()) {
      assert.ok(Date.now() < untilMs, "it has not come true within 20 s");
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  const addAll = (count: number) => Promise.all(ids(count).map((id) => client.call(Counter(id).add(1))));

  before(async () => {
    stable = await serve([counter("stable"), teller], { port: 0 });
  });
  after(() => stable.close());
  beforeEach(async () => {
    ran.stable.length = 0;
    ran.canary.length = 0;
    isFaulty = false;
    isClosed = false;
    canary = await serve([counter("canary")], { port: 0 });
    const memory = { kind: "memory" } as const;
    const stores = { journal: memory, snapshots: memory, directory: memory };
    const settings = { ...DEFAULT_SETTINGS, ...stores, listen: { ingress: ANY_PORT, admin: ANY_PORT } };
    router = await startRouter(settings, { log: SILENT });
    client = connect(router.ingressUrl);
    assert.match(await holdfast("register", stable.url), /^0: d-\w+ serves demo\/counter, demo\/teller$/);
  });
  afterEach(async () => {
    await router.stop();
    if (!isClosed) await canary.close();
  });

  it("serves its share, always the same entities, and more of them with a higher weight", async () => {
    assert.match(await holdfast("register", canary.url, "--canary", "30%"), /^0: d-\w+ serves 30% of demo\/counter$/);
    const versions = async () => new Map((await addAll(300)).map(({ by }, n) => [`c${n}`, by]));
    const first = await versions();
    const share = [...first.values()].filter((by) => by === "canary").length / 300;
    assert.ok(share > 0.2 && share < 0.4, `${share}`);
    assert.deepEqual(await versions(), first);
    assert.equal(ran.canary.filter((id) => first.get(id) !== "canary").length, 0);

    assert.match(await holdfast("deployments", "canary", canaryId(), "--weight", "60%"), /serves 60% of demo\/counter$/);
    const more = await versions();
    for (const [id, by] of first) if (by === "canary") assert.equal(more.get(id), "canary", id);
    assert.ok([...more.values()].filter((by) => by === "canary").length > 150);
    const metrics = await (await fetch(`${router.adminUrl}/metrics`, { headers: { connection: "close" } })).text();
    assert.match(metrics, new RegExp(`holdfast_canary_weight\\{deployment="${canaryId()}"\\} 0.6`));
    assert.match(metrics, new RegExp(`holdfast_deployment_commands_total\\{deployment="${canaryId()}",outcome="done"\\} [1-9]`));

    assert.match(await holdfast("deployments", "promote", canaryId()), /^0: d-\w+ serves demo\/counter$/);
    assert.deepEqual([...new Set((await versions()).values())], ["canary"]);
    assert.equal((await client.call(Counter("c0").add(0))).total, 4, "every version went on with the same state");
  });

  it("is rolled back by itself when it faults, and costs nobody a command", async () => {
    await addAll(60);
    isFaulty = true;
    assert.match(await holdfast("register", canary.url, "--canary", "50%", "--faults-max", "5%"), /^0: /);
    const replies = await addAll(60);
    assert.deepEqual([...new Set(replies.map(({ by }) => by))], ["stable"], "those of the canary were taken back");
    assert.deepEqual([...new Set(replies.map(({ total }) => total))], [2]);
    assert.ok(new Set(ran.canary).size >= 15, "about half of them were tried there");
    await until(() => router.registration.canaries.length === 0);

    const list = await holdfast("deployments", "list");
    assert.match(
      list,
      /- \(50% rolled back \S+ by router \S+: \d+ of \d+ commands faulted, 0 of \d+ on the stable version; 5% more are allowed\)/,
    );
    ran.canary.length = 0;
    assert.deepEqual([...new Set((await addAll(60)).map(({ total }) => total))], [3]);
    assert.deepEqual(ran.canary, []);
    assert.equal(await holdfast("deployments", "canary", canaryId(), "--weight", "0%").then((text) => text[0]), "2");
  });

  it("loses no message either: what faults there is tried on the stable version, not buried", async () => {
    isFaulty = true;
    await holdfast("register", canary.url, "--canary", "100%", "--faults-max", "100%");
    await Promise.all(ids(20).map((id) => client.call(Teller(`teller-${id}`).tell(id))));
    await until(() => new Set(ran.stable).size === 20);
    assert.equal(await holdfast("dead-letters", "list"), "0: no dead letters");
    assert.equal(router.registration.canaries.length, 1, "so many faults were allowed");
    assert.equal((await client.call(Counter("c0").add(0))).total, 1);
  });

  it("costs no command either that runs there for the last time while it is rolled back", async () => {
    isFaulty = true;
    let goOn: () => void = () => undefined;
    thirdTry = new Promise((resolve) => {
      goOn = resolve;
    });
    await holdfast("register", canary.url, "--canary", "100%");
    const reply = client.call(Counter("c0").add(1));
    await until(() => ran.canary.length === 3);
    assert.match(await holdfast("deployments", "rollback"), /^0: the canary/);
    goOn();
    assert.deepEqual(await reply, { by: "stable", total: 1 });
  });

  it("is rolled back when its endpoint is gone, and what waited for it runs on the stable version", async () => {
    await holdfast("register", canary.url, "--canary", "50%");
    await canary.close();
    isClosed = true;
    const replies = await addAll(40);
    assert.deepEqual([...new Set(replies.map(({ by, total }) => `${by} ${total}`))], ["stable 1"]);
    assert.match(await holdfast("deployments", "list"), /its endpoint answered none of \d+ calls in 1\d s\)/);
  });

  it("is said wrongly with a clear word", async () => {
    const said = async (...args: readonly string[]) => (await holdfast(...args)).replace(/\s+/g, " ");
    assert.match(await said("register", canary.url, "--canary", "5"), /^2: .*canary\.weight: a share with at most two decimals/);
    assert.match(await said("register", canary.url, "--canary", "101%"), /^2: .*canary\.weight/);
    assert.match(await said("register", canary.url, "--canary", "0%"), /^2: .*a canary begins with more than 0%/);
    assert.match(await said("register", canary.url, "--for", "10m"), /^2: .*--canary 5%/);
    assert.match(
      await said("register", canary.url, "--canary", "5%", "--for", "soon"),
      /^2: .*canary\.for: a whole number and a unit/,
    );
    assert.match(await said("register", stable.url, "--canary", "5%"), /^2: .*canary_refused/);
    assert.match(await said("deployments", "canary", "d-000000000000", "--weight", "5%"), /^2: .*deployment_not_found/);
    await holdfast("register", canary.url, "--canary", "5%");
    assert.match(await said("deployments", "rollback"), /^0: the canary d-\w+ is rolled back/);
    assert.equal(router.registration.canaries.length, 0);
  });
});
