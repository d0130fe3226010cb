import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { CoreBench } from "./core-bench.js";
import { Storage } from "./storage.js";

const LEASE = { heartbeatEveryMs: 100, leaseMs: 300, observeMs: 600 };

/** Both go on for so long, in turns: they see the same time. */
function together(one: CoreBench, other: CoreBench, ms: number): void {
  for (let left = ms; left > 0; left -= 20) {
    one.run(20);
    other.run(20);
  }
}

function standing(bench: CoreBench): string {
  return `${bench.core.phase}${bench.ended === null ? "" : ` ${bench.ended.kind}`}`;
}

function owners(storage: Storage): (string | null)[] {
  return [0, 1].map((shard) => storage.shard(shard)?.owner ?? null);
}

describe("where leases rule", () => {
  test("a router renews its document, and goes on counting while nothing else happens", () => {
    const bench = CoreBench.started("a-1", new Storage(), { lease: LEASE });
    bench.run(1_000);
    const counter = bench.storage.node("a-1")?.counter ?? 0;
    assert.ok(counter >= 8 && counter <= 11, `${counter} heartbeats in ten times their interval`);
  });

  test("a second router that nobody can reach joins and owns nothing while the first lives; it takes over when that has closed, without waiting", () => {
    const storage = new Storage();
    const first = CoreBench.started("a-1", storage, { lease: LEASE });
    const second = new CoreBench("b-1", storage, { lease: LEASE });
    together(first, second, 3_000);
    assert.equal(standing(first), "open");
    assert.equal(standing(second), "open");
    assert.deepEqual(second.watching, ["a-1"], "what the first owns waits for a sign of life, and that is told once");
    assert.deepEqual(owners(storage), ["a-1", "a-1"]);
    first.put("c1");
    first.run();
    first.stop();
    second.nowMs = first.nowMs;
    second.run(200);
    assert.deepEqual(owners(storage), ["b-1", "b-1"]);
    assert.equal(second.versionOf("c1"), 1);
  });

  test("one that died is taken for dead when its document stood still for long enough, and not before", () => {
    const storage = new Storage();
    const first = CoreBench.started("a-1", storage, { lease: LEASE });
    first.put("c1");
    first.run();
    const second = new CoreBench("b-1", storage, { lease: LEASE });
    second.run(590);
    assert.equal(standing(second), "replaying", "whether what the first owns is served nobody knows yet");
    assert.equal(storage.node("a-1")?.status, "alive");
    second.run(300);
    assert.equal(standing(second), "open");
    assert.equal(storage.node("a-1")?.status, "dead");
    assert.equal(second.versionOf("c1"), 1);
  });

  test("one that slept shows nothing that somebody else may have changed, and ends when it learns that it is dead", () => {
    const storage = new Storage();
    const first = CoreBench.started("a-1", storage, { lease: LEASE });
    first.put("c1");
    first.run();
    const second = new CoreBench("b-1", storage, { lease: LEASE });
    second.run(1_000);
    second.put("c1");
    second.run();
    assert.equal(second.versionOf("c1"), 2);
    // It wakes: its memory says 1, and nobody has told it.
    first.nowMs = second.nowMs;
    assert.equal(first.versionOf("c1"), undefined);
    first.run(100);
    assert.equal(standing(first), "ended fenced");
  });

  test("of two that begin together and cannot reach one another, one owns all and the other nothing", () => {
    const storage = new Storage();
    const one = new CoreBench("a-1", storage, { lease: LEASE });
    const other = new CoreBench("b-1", storage, { lease: LEASE });
    together(one, other, 5_000);
    assert.deepEqual([standing(one), standing(other)], ["open", "open"]);
    assert.equal(new Set(owners(storage)).size, 1, owners(storage).join());
  });
});
