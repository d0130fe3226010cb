import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Effect } from "../../src/core/effect.js";
import type { SwapEnded } from "../../src/core/input.js";
import { ClientBench } from "./client-bench.js";

const OLD = { token: "old", body: Uint8Array.of(1) };
const OWN = { token: "own", body: Uint8Array.of(2) };
const FOREIGN = { token: "foreign", body: Uint8Array.of(3) };

/** A bench with one swap from `old` to `own` asked for; each outcome is reported for one try, then the storage decides. */
function swapping(bench: ClientBench, outcomes: readonly ((effect: Effect & { readonly kind: "swapDocument" }) => SwapEnded)[]) {
  const ends: string[] = [];
  let tries = 0;
  bench.storage.documents.set("k", OLD);
  bench.storage.intercept = (effect) => {
    if (effect.kind !== "swapDocument") return undefined;
    const outcome = outcomes[tries++];
    return outcome === undefined ? undefined : { kind: "documentSwapped", key: "k", token: "own", outcome: outcome(effect) };
  };
  bench.client.swap("k", "old", OWN, (end) => ends.push(end));
  return { ends, tries: () => tries };
}

const unknown = (): SwapEnded => ({ kind: "unknown", message: "timed out" });

describe("a swap", () => {
  test("that happens is over", () => {
    const bench = new ClientBench();
    const { ends } = swapping(bench, []);
    bench.settle();
    assert.deepEqual(ends, ["happened"]);
    assert.equal(bench.storage.documents.get("k"), OWN);
  });

  test("whose fate is unknown and that landed has happened, as the look says", () => {
    const bench = new ClientBench();
    const { ends, tries } = swapping(bench, [
      () => {
        bench.storage.documents.set("k", OWN);
        return unknown();
      },
    ]);
    bench.settle();
    assert.deepEqual([ends, tries()], [["happened"], 1]);
  });

  test("whose fate is unknown and that did not land is tried again, with the same token, until it is definite", () => {
    const bench = new ClientBench();
    const { ends, tries } = swapping(bench, [unknown, unknown, unknown]);
    bench.settle();
    assert.deepEqual([ends, tries()], [["happened"], 4]);
    const swaps = bench.storage.asked.filter((effect) => effect.kind === "swapDocument");
    assert.deepEqual(new Set(swaps.map(({ document, expected }) => `${expected} ${document.token}`)), new Set(["old own"]));
    assert.equal(bench.nowMs, 100 + 200 + 400, "each wait is twice the one before");
  });

  test("that lands late, behind the look, has happened though its second try conflicts", () => {
    const bench = new ClientBench();
    const { ends, tries } = swapping(bench, [
      unknown,
      () => {
        bench.storage.documents.set("k", OWN);
        return { kind: "conflict" };
      },
    ]);
    bench.settle();
    assert.deepEqual([ends, tries()], [["happened"], 2]);
  });

  test("that finds another's token is lost, after a conflict as after an unknown fate", () => {
    for (const outcome of [unknown(), { kind: "conflict" } as const]) {
      const bench = new ClientBench();
      const { ends, tries } = swapping(bench, [
        () => {
          bench.storage.documents.set("k", FOREIGN);
          return outcome;
        },
      ]);
      bench.settle();
      assert.deepEqual([ends, tries()], [["lost"], 1]);
    }
  });

  test("of a document that must not exist yet is lost where one does, and tried again where none does", () => {
    const bench = new ClientBench();
    bench.storage.documents.set("k", FOREIGN);
    const ends: string[] = [];
    bench.client.swap("k", null, OWN, (end) => ends.push(end));
    bench.settle();
    assert.deepEqual(ends, ["lost"]);
    bench.storage.intercept = (effect) =>
      effect.kind === "swapDocument" && bench.nowMs === 0
        ? { kind: "documentSwapped", key: "new", token: "own", outcome: unknown() }
        : undefined;
    bench.client.swap("new", null, OWN, (end) => ends.push(end));
    bench.settle();
    assert.deepEqual(ends, ["lost", "happened"]);
  });

  test("is not hurried by a look that fails", () => {
    const bench = new ClientBench();
    const { ends } = swapping(bench, [unknown]);
    const { intercept } = bench.storage;
    let fails = 3;
    bench.storage.intercept = (effect) =>
      effect.kind === "readDocument" && fails-- > 0
        ? { kind: "documentRead", key: "k", outcome: { kind: "failed", message: "slow" } }
        : intercept(effect);
    bench.settle();
    assert.deepEqual(ends, ["happened"]);
  });

  test("is the only one of its document, and hears only of itself", () => {
    const bench = new ClientBench();
    const { ends } = swapping(bench, []);
    assert.throws(() => bench.client.swap("k", "old", FOREIGN, () => undefined), /under way/);
    bench.client.documentSwapped("k", "another", { kind: "happened" });
    bench.client.documentSwapped("other", "own", { kind: "happened" });
    assert.deepEqual(ends, []);
    bench.settle();
    bench.client.documentSwapped("k", "own", { kind: "conflict" });
    bench.settle();
    assert.deepEqual(ends, ["happened"]);
  });
});

describe("reads and lists", () => {
  test("are asked again until they succeed; those who ask for one document in the meantime share its answer", () => {
    const bench = new ClientBench();
    let fails = 2;
    bench.storage.intercept = (effect) => {
      if (effect.kind === "readDocument" && fails-- > 0) {
        return { kind: "documentRead", key: effect.key, outcome: { kind: "failed", message: "slow" } };
      }
      return undefined;
    };
    bench.storage.documents.set("a", OLD);
    const found: unknown[] = [];
    for (let reader = 0; reader < 3; reader++) bench.client.read("a", (document) => found.push(document));
    bench.settle();
    bench.client.read("b", (document) => found.push(document));
    bench.settle();
    assert.deepEqual(found, [OLD, OLD, OLD, null]);
    assert.equal(bench.storage.asked.length, 4);
  });

  test("a list gives every document below its prefix", () => {
    const bench = new ClientBench();
    let fails = 1;
    bench.storage.intercept = (effect) =>
      effect.kind === "listDocuments" && fails-- > 0
        ? { kind: "documentsListed", prefix: effect.prefix, outcome: { kind: "failed", message: "slow" } }
        : undefined;
    bench.storage.documents.set("node/a", OLD);
    bench.storage.documents.set("shard/a", OWN);
    let keys: string[] = [];
    bench.client.list("node/", (found) => {
      keys = found.map(({ key }) => key);
    });
    bench.settle();
    assert.deepEqual(keys, ["node/a"]);
  });

  test("what no waiting mends is refused at once by its code, and not asked for again", () => {
    for (const code of ["journal_damaged", "document_damaged", "format_newer", "data_unreadable"]) {
      const outcome = { kind: "failed", message: "so it is", code } as const;
      const bench = new ClientBench();
      bench.client.read("k", () => assert.fail("it was not read"));
      bench.client.list("p", () => assert.fail("it was not listed"));
      bench.client.readRecords("l", 1, 1, 1, () => assert.fail("they were not read"));
      bench.client.documentRead("k", outcome);
      bench.client.documentsListed("p", outcome);
      assert.equal(bench.client.recordsRead("l", 1, outcome), true);
      assert.deepEqual(bench.refusals, new Array(3).fill({ code, message: "so it is" }));
      assert.equal(bench.client.wakeAtMs, null);
    }
    const bench = new ClientBench();
    bench.client.read("k", () => undefined);
    bench.client.documentRead("k", { kind: "failed", message: "no space", code: "disk_full" });
    assert.deepEqual(bench.refusals, []);
    assert.notEqual(bench.client.wakeAtMs, null);
  });

  test("answers that nobody here has asked for are left to others", () => {
    const bench = new ClientBench();
    assert.equal(bench.client.recordsRead("l", 1, { kind: "records", bodies: [] }), false);
    assert.equal(bench.client.appendEnded("l", 1, { kind: "happened" }), false);
    bench.client.documentRead("k", { kind: "absent" });
    bench.client.documentRead("k", { kind: "failed", message: "slow" });
    bench.client.documentsListed("p", { kind: "failed", message: "slow" });
    assert.equal(bench.client.wakeAtMs, null);
    bench.client.append("l", 1, OLD.body, () => undefined);
    assert.equal(bench.client.appendEnded("l", 2, { kind: "happened" }), false);
    assert.equal(bench.client.appendEnded("l", 1, { kind: "happened" }), true);
    assert.equal(bench.client.appendEnded("l", 1, { kind: "happened" }), false);
  });
});
