import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Input } from "../../src/core/input.js";
import { nodeKey, PLAN_KEY, SHARD_PREFIX, shardKey } from "../../src/core/ownership/documents.js";
import { documentCodec } from "../../src/protocol/record/document-codec.js";
import { CoreBench } from "./core-bench.js";
import { CLUSTER_ID, type Storage } from "./storage.js";

const IDS = Array.from({ length: 12 }, (_, index) => `c${index}`);
const SWEEP_MS = 30_000;
/** Where a document's head says its version. */
const VERSION_AT = 3;

/** What an incarnation left behind that was killed: a state for each of the ids, in both shards. */
function left(): Storage {
  const bench = CoreBench.started("a-1");
  for (const id of IDS) bench.put(id);
  bench.run();
  return bench.storage;
}

/** Puts something in the place of a document's body, under its token, and gives what puts the body back. */
function spoil(storage: Storage, key: string, change: (body: Uint8Array) => Uint8Array): () => void {
  const standing = storage.documents.get(key) ?? assert.fail(`no document ${key}`);
  storage.documents.set(key, { ...standing, body: change(standing.body.slice()) });
  return () => void storage.documents.set(key, standing);
}

const cutOff = (body: Uint8Array): Uint8Array => body.slice(0, body.length - 1);
const newer = (body: Uint8Array): Uint8Array => body.map((byte, at) => (at === VERSION_AT ? 9 : byte));

/** What becomes of each id, as version or as the code of the problem. */
function standing(bench: CoreBench): Map<string, unknown> {
  return new Map(
    IDS.map((id) => {
      const request = bench.askState(id);
      bench.run();
      const answer = bench.answers.get(request);
      return [id, answer?.kind === "state" ? answer.version : bench.codeOf(request)];
    }),
  );
}

/** Moves the previous manifest of every shard that is served off what former incarnations left. */
function flushTwice(bench: CoreBench): void {
  for (let round = 0; round < 2; round++) {
    for (const id of IDS) bench.put(id);
    bench.run(11_000);
  }
}

function countOf(found: Map<string, unknown>, what: unknown): number {
  return [...found.values()].filter((one) => one === what).length;
}

describe("a shard's descriptor that cannot be read", () => {
  test("refuses that shard, with the document's key, and no other", () => {
    const storage = left();
    spoil(storage, shardKey(1), cutOff);
    const bench = CoreBench.started("b-1", storage);
    const found = standing(bench);
    assert.ok(countOf(found, 1) > 0);
    assert.ok(countOf(found, "shard_refused") > 0);
    assert.equal(countOf(found, 1) + countOf(found, "shard_refused"), IDS.length);
    assert.equal(bench.refused.length, 1);
    assert.deepEqual(
      bench.refused.map(({ shard }) => shard),
      [1],
    );
    assert.match(bench.refused[0]?.message ?? "", /^document_damaged: shard\/000001: /);
    const [[id] = []] = [...found].filter(([, code]) => code === "shard_refused");
    const command = bench.put(id ?? assert.fail());
    bench.run();
    const answer = bench.answers.get(command);
    assert.ok(answer?.kind === "problem" && answer.problem.code === "shard_refused");
    assert.match(answer.problem.message, /document_damaged: shard\/000001/);
    assert.deepEqual(bench.core.snapshot().refusedShards, bench.refused);
  });

  test("is looked at again: mended, it is served without a restart, with all that was in it", () => {
    const storage = left();
    const mend = spoil(storage, shardKey(0), cutOff);
    const bench = CoreBench.started("b-1", storage);
    bench.run(2 * SWEEP_MS);
    assert.ok(countOf(standing(bench), "shard_refused") > 0);
    assert.equal(bench.refused.length, 1, "it is told once");
    mend();
    bench.run(SWEEP_MS);
    assert.equal(countOf(standing(bench), 1), IDS.length);
    assert.deepEqual(bench.core.snapshot().refusedShards, []);
  });

  test("may name any log: none is removed, though no other descriptor names it any more", () => {
    const storage = left();
    const mend = spoil(storage, shardKey(0), cutOff);
    const bench = CoreBench.started("b-1", storage);
    flushTwice(bench);
    const { ranges, previous } = storage.shard(1) ?? assert.fail();
    assert.ok(
      [...ranges, ...(previous?.ranges ?? [])].every(({ log }) => log !== "a-1"),
      "the other shard needs it no more",
    );
    bench.run(SWEEP_MS);
    assert.notEqual(storage.node("a-1"), null);
    assert.ok(storage.logs.get("a-1")?.size);
    mend();
    bench.run(SWEEP_MS);
    assert.equal(countOf(standing(bench), "shard_refused"), 0);
    flushTwice(bench);
    bench.run(SWEEP_MS);
    assert.equal(storage.node("a-1"), null, "now nobody needs it");
  });

  test("found by a listing of a store that sees the damage itself is refused in the same way", () => {
    const storage = left();
    const message = "documents/shard: its checksum is wrong";
    const damaged = [{ key: shardKey(1), message }];
    storage.intercept = (effect): Input | undefined => {
      if (effect.kind === "readDocument" && effect.key === shardKey(1))
        return { kind: "documentRead", key: effect.key, outcome: { kind: "failed", code: "document_damaged", message } };
      if (effect.kind !== "listDocuments" || effect.prefix !== SHARD_PREFIX) return undefined;
      const all = storage.performed(effect);
      assert.ok(all?.kind === "documentsListed" && all.outcome.kind === "listed");
      const documents = all.outcome.documents.filter(({ key }) => key !== shardKey(1));
      return { ...all, outcome: { kind: "listed", documents, damaged } };
    };
    const bench = CoreBench.started("b-1", storage);
    assert.deepEqual(bench.refused, [{ shard: 1, message: `document_damaged: ${shardKey(1)}: ${message}` }]);
    storage.intercept = () => undefined;
    bench.run(SWEEP_MS);
    assert.equal(countOf(standing(bench), 1), IDS.length);
  });

  test("of a shard that is open is found by the next swap: a new incarnation serves what is left", () => {
    const bench = CoreBench.started("a-1");
    for (const id of IDS) bench.put(id);
    bench.run();
    const message = "its checksum is wrong";
    const isDamaged = (key: string): boolean => key === shardKey(1);
    bench.storage.intercept = (effect): Input | undefined => {
      if (effect.kind === "swapDocument" && isDamaged(effect.key)) {
        const { key, document } = effect;
        return { kind: "documentSwapped", key, token: document.token, outcome: { kind: "unknown", message } };
      }
      if (effect.kind !== "readDocument" || !isDamaged(effect.key)) return undefined;
      return { kind: "documentRead", key: effect.key, outcome: { kind: "failed", code: "document_damaged", message } };
    };
    bench.run(11_000);
    assert.equal(bench.ended?.kind, "fenced");
  });
});

test("a descriptor of a newer format refuses the start, and is left as it is", () => {
  const storage = left();
  spoil(storage, shardKey(1), newer);
  const before = storage.documents.get(shardKey(1));
  const bench = new CoreBench("b-1", storage);
  bench.run();
  assert.ok(bench.ended?.kind === "refused" && bench.ended.code === "format_newer", JSON.stringify(bench.ended));
  assert.equal(storage.documents.get(shardKey(1)), before);
});

test("a damaged document that says who is there refuses the start by its code and key", () => {
  for (const key of [nodeKey("a-1"), PLAN_KEY]) {
    const storage = left();
    storage.putDocument(PLAN_KEY, documentCodec.encodePlan({ drained: [], placed: [] }, CLUSTER_ID));
    spoil(storage, key, cutOff);
    const bench = new CoreBench("b-1", storage);
    bench.run();
    assert.ok(bench.ended?.kind === "refused" && bench.ended.code === "document_damaged", JSON.stringify(bench.ended));
    assert.match(bench.ended.message, new RegExp(`^${key}: `));
  }
});
