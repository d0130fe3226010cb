import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { NODE_PREFIX, nodeKey, PLAN_KEY } from "../../src/core/ownership/documents.js";
import type { LeaseLimits } from "../../src/core/ownership/lease.js";
import { Membership } from "../../src/core/ownership/membership.js";
import type { OwnNode } from "../../src/core/ownership/own-node.js";
import { documentCodec } from "../../src/protocol/record/document-codec.js";
import { ClientBench } from "./client-bench.js";
import { CLUSTER_ID } from "./storage.js";

const LEASE: LeaseLimits = { heartbeatEveryMs: 100, leaseMs: 300, observeMs: 600 };

/** A membership that looks when it wants to; listings take as long as a test says. */
class Bench {
  readonly storage = new ClientBench();
  readonly membership: Membership;
  isLeased = true;
  looks = 0;
  nowMs = 0;
  listMs = 0;

  constructor(lease: LeaseLimits | null = LEASE) {
    const bench = this;
    this.storage.storage.putNode({ incarnation: "me-1" });
    const document = documentCodec.decodeNode(this.#bodyOf("me-1"), CLUSTER_ID);
    const ownNode = {
      document,
      get isLeased() {
        return bench.isLeased;
      },
    } as unknown as OwnNode;
    this.membership = new Membership(lease, {
      client: this.storage.client,
      codec: documentCodec,
      ownNode,
      refuse: (code, message) => this.storage.refuse(code, message),
      looked: () => this.looks++,
    });
  }

  begin(): this {
    this.storage.client.moveTo(this.nowMs);
    this.membership.begin(CLUSTER_ID);
    this.#settle();
    return this;
  }

  run(ms: number): void {
    const untilMs = this.nowMs + ms;
    while (this.membership.wakeAtMs <= untilMs) {
      this.nowMs = Math.max(this.nowMs, this.membership.wakeAtMs);
      this.storage.client.moveTo(this.nowMs);
      this.membership.turn(this.nowMs);
      this.#settle();
    }
    this.nowMs = Math.max(untilMs, this.nowMs);
  }

  put(incarnation: string, counter = 1): void {
    this.storage.storage.putNode({ incarnation, counter });
  }

  isSilent(incarnation: string): boolean | undefined {
    return this.membership.of(incarnation)?.isSilent;
  }

  #settle(): void {
    this.nowMs += this.listMs;
    this.storage.client.moveTo(this.nowMs);
    for (let effect = this.storage.effects.shift(); effect !== undefined; effect = this.storage.effects.shift()) {
      assert.equal(effect.kind, "listDocuments");
      const input = this.storage.storage.performed(effect);
      if (input !== null) this.storage.report(input);
    }
  }

  #bodyOf(incarnation: string): Uint8Array {
    return this.storage.storage.documents.get(nodeKey(incarnation))?.body ?? assert.fail();
  }
}

describe("another node", () => {
  test("is silent when its document has stood still for the whole wait since it was first seen, and not before", () => {
    const bench = new Bench();
    bench.put("a-1");
    bench.begin();
    assert.equal(bench.membership.isLiving("a-1"), true);
    assert.equal(bench.membership.isSettled, false, "whether it lives is not known yet");
    bench.run(599);
    assert.equal(bench.isSilent("a-1"), false);
    bench.run(1);
    assert.equal(bench.isSilent("a-1"), true, "looked at just when the wait was over");
    assert.equal(bench.membership.isLiving("a-1"), false);
    assert.equal(bench.membership.isSettled, true);
    assert.deepEqual(
      bench.membership.living.map(({ incarnation }) => incarnation),
      ["me-1"],
    );
  });

  test("is looked at when its wait ends, also between two beats", () => {
    const bench = new Bench({ heartbeatEveryMs: 400, leaseMs: 600, observeMs: 1_350 }).begin();
    bench.put("a-1");
    bench.run(400 + 1_349);
    assert.equal(bench.isSilent("a-1"), false);
    bench.run(1);
    assert.equal(bench.isSilent("a-1"), true);
  });

  test("is late when two beats of it are missing, if any was ever seen: then what its end will need may be read", () => {
    const bench = new Bench();
    bench.put("a-1");
    bench.put("b-1");
    bench.begin().run(250);
    bench.put("a-1", 2);
    bench.run(100);
    const isLate = (incarnation: string) => bench.membership.of(incarnation)?.isLate;
    assert.deepEqual([isLate("a-1"), isLate("b-1")], [false, false], "it may never have lived");
    bench.run(200);
    assert.deepEqual([isLate("a-1"), isLate("b-1")], [true, false]);
    bench.put("a-1", 3);
    bench.run(100);
    assert.equal(isLate("a-1"), false);
  });

  test("that renews its document lives, and is waited for anew", () => {
    const bench = new Bench();
    bench.put("a-1");
    bench.begin();
    bench.run(550);
    bench.put("a-1", 2);
    bench.run(100);
    assert.equal(bench.isSilent("a-1"), false);
    assert.equal(bench.membership.of("a-1")?.hasRenewed, true);
    assert.equal(bench.membership.isSettled, true);
    bench.run(500);
    assert.equal(bench.isSilent("a-1"), false);
    bench.run(150);
    assert.equal(bench.isSilent("a-1"), true);
    bench.put("a-1", 3);
    bench.run(200);
    assert.equal(bench.isSilent("a-1"), false, "it was slow, and nobody has marked it");
  });

  test("is not judged by a look that took long, nor by one without a lease of our own: the wait begins again", () => {
    for (const spoil of ["slow", "unleased"] as const) {
      const bench = new Bench();
      bench.put("a-1");
      bench.begin();
      bench.run(500);
      if (spoil === "slow") bench.listMs = LEASE.heartbeatEveryMs + 1;
      else bench.isLeased = false;
      bench.run(100);
      bench.listMs = 0;
      bench.isLeased = true;
      const spoiltAtMs = bench.nowMs;
      bench.run(400);
      assert.equal(bench.isSilent("a-1"), false, spoil);
      bench.run(350);
      assert.equal(bench.isSilent("a-1"), true, `${spoil} at ${spoiltAtMs}`);
    }
  });

  test("that has closed, or was marked dead, does not live, and nobody waits for it", () => {
    const bench = new Bench();
    bench.storage.storage.putNode({ incarnation: "a-1", status: "closed" });
    bench.storage.storage.putNode({ incarnation: "b-1", status: "dead" });
    bench.begin();
    assert.equal(bench.membership.isSettled, true);
    assert.equal(bench.membership.living.length, 1);
    assert.equal(bench.membership.wakeAtMs, bench.nowMs + LEASE.heartbeatEveryMs);
  });

  test("whose document is gone is no member any more", () => {
    const bench = new Bench();
    bench.put("a-1");
    bench.begin();
    bench.storage.storage.documents.delete(nodeKey("a-1"));
    bench.run(100);
    assert.equal(bench.membership.of("a-1"), null);
  });
});

test("where a lock proves that nobody else runs there is one look, and no wait", () => {
  const bench = new Bench(null);
  bench.put("a-1");
  bench.begin();
  assert.equal(bench.isSilent("a-1"), true);
  assert.equal(bench.membership.wakeAtMs, Infinity);
  assert.equal(bench.looks, 1);
});

test("who has heard something looks at once, and not twice at the same time", () => {
  const bench = new Bench().begin();
  bench.run(30);
  bench.storage.client.moveTo(bench.nowMs);
  bench.membership.lookSoon();
  assert.equal(bench.membership.wakeAtMs, bench.nowMs);
  bench.membership.turn(bench.nowMs);
  assert.equal(bench.membership.wakeAtMs, Infinity, "a look is under way");
  bench.membership.turn(bench.nowMs);
  assert.equal(
    bench.storage.effects.filter((effect) => effect.kind === "listDocuments" && effect.prefix === NODE_PREFIX).length,
    1,
  );
});

test("what operators have decided comes with the look, and goes with its document", () => {
  const bench = new Bench().begin();
  const plan = { drained: ["a.host:1"], placed: [[3, "b.host:1"]] } as const;
  bench.storage.storage.putDocument(PLAN_KEY, documentCodec.encodePlan(plan, CLUSTER_ID));
  bench.run(100);
  assert.deepEqual(bench.membership.plan, plan);
  assert.equal(bench.membership.planToken, bench.storage.storage.documents.get(PLAN_KEY)?.token);
  bench.storage.storage.documents.delete(PLAN_KEY);
  bench.run(100);
  assert.deepEqual(bench.membership.plan, { drained: [], placed: [] });
  assert.equal(bench.membership.planToken, null);
});
