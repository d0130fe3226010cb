/** Canaries in the book: who serves what, what is refused, how they end, and that all routers follow. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type CommandCounts, noCounts } from "../../../src/core/deployment/command-tally.js";
import type { RegistrationOutcome } from "../../../src/router/deployment/registration-outcome.js";
import { CART, Cluster, LOOK_MS, manifest, type Router, URL_A, URL_B } from "./cluster.js";

const WEIGHT = { weight: 500 };
const TILL = { ...CART, type: "shop/till" };

interface Started {
  readonly cluster: Cluster;
  readonly router: Router;
  readonly stable: string;
  readonly canary: string;
}

function done(outcome: RegistrationOutcome): Extract<RegistrationOutcome, { kind: "done" }> {
  assert.ok(outcome.kind === "done", JSON.stringify(outcome));
  return outcome;
}

function refusal(outcome: RegistrationOutcome): string {
  return outcome.kind === "refused" ? `${outcome.code}: ${outcome.detail}` : "done";
}

async function withCanary(terms: object = {}): Promise<Started> {
  const cluster = new Cluster();
  const router = await cluster.router();
  const stable = await router.register(URL_A);
  const outcome = done(await router.registration.register(URL_B, false, null, { ...WEIGHT, ...terms }));
  return { cluster, router, stable, canary: outcome.deployment?.id ?? "" };
}

/** `shop/cart@d-...:weight` for each type that each deployment is told to serve. */
const told = ({ active }: Router): readonly string[] =>
  active.flatMap(({ id, types, weight }) => types.map(({ name }) => `${name}@${id}:${weight ?? "rest"}`));

const endOf = (router: Router, id: string) => router.registration.list().find((one) => one.id === id)?.canaryEnd;

describe("a canary", () => {
  it("serves its share beside the stable version in every router, also after a restart", async () => {
    const { cluster, router, stable, canary } = await withCanary();
    const other = await cluster.router();
    const expected = [`shop/cart@${stable}:rest`, `shop/cart@${canary}:500`];
    assert.deepEqual(told(router), expected);
    assert.deepEqual(told(other), expected);
    done(await router.registration.setCanary(canary, { weight: 2_500, faultsMax: 100 }, false));
    await cluster.pass(LOOK_MS);
    assert.deepEqual(told(other), [`shop/cart@${stable}:rest`, `shop/cart@${canary}:2500`]);
    const view = other.registration.list().find(({ id }) => id === canary);
    assert.deepEqual([view?.canary?.weight, view?.canary?.faultsMax, view?.activeTypes], [2_500, 100, []]);
    done(await router.registration.setCanary(canary, { weight: 5_000 }, false));
    assert.equal(router.registration.canaries[0]?.faultsMax, 100, "what is not said stays");
  });

  it("is made whole by a promotion, and ended by a rollback or by a weight of nothing", async () => {
    const { cluster, router, stable, canary } = await withCanary();
    done(await router.registration.rollback());
    assert.deepEqual(told(router), [`shop/cart@${stable}:rest`]);
    assert.deepEqual([endOf(router, canary)?.how, endOf(router, canary)?.by], ["rolled_back", "operator"]);
    done(await router.registration.setCanary(canary, WEIGHT, false));
    assert.equal(told(router).length, 2);
    done(await router.registration.setCanary(canary, { weight: 0 }, false));
    assert.deepEqual(told(router), [`shop/cart@${stable}:rest`]);
    done(await router.registration.setCanary(canary, WEIGHT, false));
    done(await router.registration.promote(canary, false));
    assert.deepEqual(told(router), [`shop/cart@${canary}:rest`]);
    assert.equal(endOf(router, canary)?.how, "promoted");
    cluster.clock.start(1);
    done(await router.registration.rollback());
    assert.deepEqual(told(router), [`shop/cart@${stable}:rest`], "what served before");
  });

  it("ends when another version becomes the stable one of its types, and not when others change", async () => {
    const { cluster, router, canary } = await withCanary();
    cluster.answers.set("http://till.example", manifest(TILL));
    await router.register("http://till.example");
    assert.equal(router.registration.canaries.length, 1);
    cluster.clock.start(1);
    cluster.answers.set("http://c.example", manifest(CART));
    const third = await router.register("http://c.example");
    assert.equal(router.registration.canaries.length, 0);
    assert.equal(endOf(router, canary)?.how, "superseded");
    assert.ok(told(router).includes(`shop/cart@${third}:rest`));
  });

  it("stays where the last change was another one, which a rollback takes back first", async () => {
    const { cluster, router, canary } = await withCanary();
    cluster.answers.set("http://till.example", manifest(TILL));
    cluster.clock.start(10);
    await router.register("http://till.example");
    done(await router.registration.rollback());
    assert.equal(router.registration.get("shop/till"), undefined);
    assert.equal(router.registration.canaries[0]?.deployment, canary);
    done(await router.registration.rollback());
    assert.equal(router.registration.canaries.length, 0);
  });

  it("is refused where there is nothing to share with, or nothing to tell apart", async () => {
    const { cluster, router, stable } = await withCanary();
    const { registration } = router;
    const start = async (url: string) => refusal(await registration.register(url, true, null, WEIGHT));
    assert.match(await start(URL_A), /^canary_refused: .* serves shop\/cart already$/);
    cluster.answers.set("http://till.example", manifest(TILL));
    assert.match(await start("http://till.example"), /^canary_refused: .* nothing serves any of its types yet/);
    cluster.answers.set("http://c.example", manifest(CART));
    assert.match(await start("http://c.example"), /^canary_refused: .* is a canary for shop\/cart already$/);
    cluster.answers.set(URL_A, manifest({ ...CART, queries: [{ name: "view" }] }));
    assert.match(await start(URL_A), /^canary_refused: .* is at the same address: both would be one process$/);
    assert.match(refusal(await registration.setCanary(stable, { weight: 0 }, false)), /^canary_refused: .* is no canary$/);
    assert.match(refusal(await registration.setCanary("d-000000000000", WEIGHT, false)), /^deployment_not_found/);
    assert.match(refusal(await registration.remove(registration.canaries[0]?.deployment ?? "")), /it is a canary$/);
  });

  it("is refused when the stable version could not read what it stores, unless it is forced", async () => {
    const cluster = new Cluster();
    const router = await cluster.router();
    cluster.answers.set(URL_A, manifest({ ...CART, kind: "event-sourced", events: [{ name: "added" }] }));
    await router.register(URL_A);
    const start = (type: object, force: boolean) => {
      cluster.answers.set(URL_B, manifest({ ...CART, kind: "event-sourced", events: [{ name: "added" }], ...type }));
      return router.registration.register(URL_B, force, null, WEIGHT);
    };
    for (const [type, code] of [
      [{ stateVersion: 2 }, "state_version_lower"],
      [{ events: [{ name: "added", version: 2 }] }, "event_version_lower"],
      [{ events: [{ name: "added" }, { name: "removed" }] }, "event_missing"],
    ] as const) {
      const outcome = await start(type, false);
      assert.ok(outcome.kind === "refused" && outcome.code === "deployment_incompatible");
      assert.deepEqual(
        outcome.reasons.map((reason) => reason.code),
        [code],
      );
      assert.match(outcome.reasons[0]?.message ?? "", /^the stable version, after a rollback: /);
    }
    const forced = done(await start({ stateVersion: 2 }, true));
    assert.deepEqual(
      forced.warnings.map(({ code }) => code),
      ["state_version_lower"],
    );
    assert.equal(
      refusal(await router.registration.promote(forced.deployment?.id ?? "", false)),
      "done",
      "whole it is compatible",
    );
  });

  it("may know more commands and types, and says what that means", async () => {
    const cluster = new Cluster();
    const router = await cluster.router();
    await router.register(URL_A);
    cluster.answers.set(URL_B, manifest({ ...CART, commands: [{ name: "add" }, { name: "drop" }] }, TILL));
    const outcome = done(await router.registration.register(URL_B, false, null, WEIGHT));
    assert.deepEqual(
      outcome.warnings.map(({ code }) => code),
      ["command_missing", "type_not_yet_served"],
    );
    assert.equal(router.registration.get("shop/till"), undefined);
    assert.equal(router.registration.get("shop/cart")?.commands.has("drop"), false, "clients see the stable version's");
    done(await router.registration.promote(outcome.deployment?.id ?? "", false));
    assert.ok(router.registration.get("shop/till"));
  });
});

describe("the watch over a canary", () => {
  const counted = (counts: Partial<CommandCounts>): CommandCounts => ({ ...noCounts(), answers: counts.ran ?? 0, ...counts });

  it("rolls it back in all routers when it faults in one of them, and says who did it, when and why", async () => {
    const { cluster, router, stable, canary } = await withCanary();
    const other = await cluster.router({ name: "router two" });
    await cluster.pass(1_000);
    other.counts.set(canary, counted({ ran: 20, faulted: 15 }));
    other.counts.set(stable, counted({ ran: 400, faulted: 1 }));
    await cluster.pass(1_000);
    const atMs = cluster.clock.nowMs();
    assert.deepEqual(told(other), [`shop/cart@${stable}:rest`]);
    await cluster.pass(LOOK_MS);
    assert.deepEqual(told(router), [`shop/cart@${stable}:rest`]);
    assert.deepEqual(endOf(router, canary), {
      deployment: canary,
      weight: 500,
      startedAtMs: 1_000_000,
      endedAtMs: atMs,
      how: "rolled_back",
      by: "router two",
      why: "15 of 20 commands faulted, 1 of 400 on the stable version; 2% more are allowed",
    });
    assert.equal(other.said.filter((message) => message.includes("the canary was rolled back")).length, 1);
    assert.equal(router.said.filter((message) => message.includes("the canary was rolled back")).length, 0);
  });

  it("counts what faults from its very beginning, also before the first look", async () => {
    const { cluster, router, canary } = await withCanary();
    router.counts.set(canary, counted({ ran: 20, faulted: 20 }));
    await cluster.pass(1_000);
    assert.equal(router.registration.canaries.length, 0);
  });

  it("happens once, whoever sees it first", async () => {
    const { cluster, router, canary } = await withCanary();
    const other = await cluster.router({ name: "router two" });
    await cluster.pass(1_000);
    for (const one of [router, other]) one.counts.set(canary, counted({ ran: 20, faulted: 20 }));
    await cluster.pass(LOOK_MS);
    const said = [...router.said, ...other.said].filter((message) => message.includes("the canary was rolled back"));
    assert.equal(said.length, 1);
    assert.equal(router.registration.list().filter(({ canaryEnd }) => canaryEnd !== null).length, 1);
  });

  it("tries again while the book cannot be changed, and says so once", async () => {
    const { cluster, router, stable, canary } = await withCanary();
    await cluster.pass(1_000);
    cluster.directory.isDown = true;
    cluster.directory.isFrozen = true;
    router.counts.set(canary, counted({ ran: 20, faulted: 20 }));
    await cluster.pass(3_000);
    assert.equal(told(router).length, 2);
    assert.equal(router.said.filter((message) => message.includes("a canary should end")).length, 1);
    cluster.directory.isDown = false;
    cluster.directory.isFrozen = false;
    await cluster.pass(1_000);
    assert.deepEqual(told(router), [`shop/cart@${stable}:rest`]);
  });

  it("judges anew after other terms, and by them", async () => {
    const { cluster, router, canary } = await withCanary({ faultsMax: 5_000 });
    await cluster.pass(1_000);
    router.counts.set(canary, counted({ ran: 100, faulted: 20 }));
    await cluster.pass(1_000);
    assert.equal(router.registration.canaries.length, 1, "half of them may fault");
    done(await router.registration.setCanary(canary, { weight: 500, faultsMax: 200 }, false));
    await cluster.pass(2_000);
    assert.equal(router.registration.canaries.length, 1, "what came before was accepted");
    router.counts.set(canary, counted({ ran: 200, faulted: 40 }));
    await cluster.pass(1_000);
    assert.equal(router.registration.canaries.length, 0);
  });

  it("promotes it after its time if all went well, in all routers", async () => {
    const { cluster, router, stable, canary } = await withCanary({ forMs: 60_000 });
    const other = await cluster.router();
    await cluster.pass(1_000);
    router.counts.set(canary, counted({ ran: 50 }));
    await cluster.pass(58_000);
    assert.equal(told(router).length, 2);
    await cluster.pass(2_000 + LOOK_MS);
    assert.deepEqual([told(router), told(other)], [[`shop/cart@${canary}:rest`], [`shop/cart@${canary}:rest`]]);
    assert.equal(endOf(other, canary)?.how, "promoted");
    assert.equal(endOf(other, canary)?.by, "router one");
    assert.notEqual(stable, canary);
  });

  it("ends with the router", async () => {
    const { cluster, router } = await withCanary();
    await router.registration.close();
    await cluster.pass(LOOK_MS);
    assert.equal(cluster.clock.waiting, 0);
  });
});
