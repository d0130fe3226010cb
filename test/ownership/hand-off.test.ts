/** Shards on their way from one router to another, by whole routers (RULES.md 8). */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Answer } from "../../src/core/answer.js";
import { ClusterBench, counted, ID_BY_SHARD, SHARDS } from "./cluster-bench.js";
import { type CoreBench, LEDGER } from "./core-bench.js";

const HALF = SHARDS / 2;

/** The version that a router's client sees of each entity, by shard. */
function versionsAt(cluster: ClusterBench, bench: CoreBench): readonly unknown[] {
  const requests = ID_BY_SHARD.map((id) => bench.askState(id, LEDGER, 5_000));
  cluster.run(6_000);
  return requests.map((request) => {
    const answer = bench.answers.get(request);
    return answer?.kind === "state" ? answer.version : bench.codeOf(request);
  });
}

function outcomeOf(bench: CoreBench, request: number): Answer & { readonly kind: "outcome" } {
  const answer = bench.answers.get(request);
  assert.ok(answer?.kind === "outcome", JSON.stringify(answer));
  return answer;
}

function writeAll(cluster: ClusterBench, bench: CoreBench): void {
  const requests = ID_BY_SHARD.map((id) => bench.put(id, LEDGER));
  cluster.run();
  for (const request of requests) outcomeOf(bench, request);
}

/** Both are open, and share the shards. */
function shared(cluster: ClusterBench): { readonly one: CoreBench; readonly other: CoreBench } {
  const one = cluster.start("a-1");
  writeAll(cluster, one);
  const other = cluster.start("b-1");
  cluster.until("both have their share", () => cluster.shardsOf("b-1").length >= HALF - 1);
  return { one, other };
}

describe("a second router", () => {
  test("asks for its share, gets it, and all that was written is there, whomever a client asks", () => {
    const cluster = new ClusterBench();
    const { one, other } = shared(cluster);
    const shares = [cluster.shardsOf("a-1").length, cluster.shardsOf("b-1").length];
    assert.equal(shares[0] === undefined ? 0 : shares[0] + (shares[1] ?? 0), SHARDS);
    for (const share of shares) assert.ok(share >= HALF - 1 && share <= HALF + 1, `${shares}`);
    for (const bench of [one, other]) {
      assert.deepEqual(
        versionsAt(cluster, bench),
        ID_BY_SHARD.map(() => 1),
      );
    }
  });

  test("is asked for what it has got, and answers for it", () => {
    const cluster = new ClusterBench();
    const { one, other } = shared(cluster);
    const requests = ID_BY_SHARD.map((id) => [one.put(id, LEDGER), other.put(id, LEDGER)] as const);
    cluster.run();
    for (const [here, there] of requests) {
      const versions = [outcomeOf(one, here).version, outcomeOf(other, there).version].sort();
      assert.deepEqual(versions, [2, 3], "both were done, one behind the other");
    }
    assert.ok(one.core.snapshot().forwarding.sent > 0 && other.core.snapshot().forwarding.sent > 0);
  });

  test("that leaves gives all back, and says when it has none left", () => {
    const cluster = new ClusterBench();
    const { one, other } = shared(cluster);
    writeAll(cluster, one);
    other.give({ kind: "leaveAsked" });
    cluster.until("it has left", () => other.leftWith !== null);
    assert.equal(other.leftWith, 0);
    assert.equal(cluster.shardsOf("a-1").length, SHARDS);
    other.give({ kind: "stopAsked" });
    cluster.run(1_000);
    assert.equal(other.ended?.kind, "stopped");
    assert.deepEqual(
      versionsAt(cluster, one),
      ID_BY_SHARD.map(() => 2),
    );
  });
});

describe("what an opening reads is read before anybody waits for it", () => {
  /** Reads of a shard's segments and of its descriptor, and swaps of that: by shard, in order. */
  function watched(bench: CoreBench, log: { readonly shard: number; readonly what: string }[]): void {
    bench.intercept = (effect) => {
      if (effect.kind === "store") log.push({ shard: effect.shard, what: effect.effect.kind });
      else if ("key" in effect && effect.key.startsWith("shard/"))
        log.push({ shard: Number(effect.key.slice(6)), what: effect.kind });
      return undefined;
    };
  }

  /** What was done of a shard, and what of it behind the last swap of its descriptor, before it has another owner. */
  function around(log: readonly { readonly shard: number; readonly what: string }[], shard: number) {
    const done = log.filter((one) => one.shard === shard).map(({ what }) => what);
    return { before: done.slice(0, done.lastIndexOf("swapDocument")), behind: done.slice(done.lastIndexOf("swapDocument")) };
  }

  test("at a hand-off: behind the swap the next owner reads neither segments nor the descriptor", () => {
    const cluster = new ClusterBench();
    const one = cluster.start("a-1");
    writeAll(cluster, one);
    const log: { readonly shard: number; readonly what: string }[] = [];
    watched(one, log);
    const other = cluster.add("b-1");
    watched(other, log);
    cluster.until("both have their share", () => cluster.shardsOf("b-1").length >= HALF - 1);
    cluster.run(20);
    for (const shard of cluster.shardsOf("b-1")) {
      const { before, behind } = around(log, shard);
      assert.ok(before.includes("readObject"), `${before}`);
      assert.deepEqual(behind, ["swapDocument"], `shard ${shard}`);
    }
  });

  test("at a take-over: segments are read while the log is brought to its end", () => {
    const cluster = new ClusterBench();
    const { one, other } = shared(cluster);
    writeAll(cluster, other);
    const had = cluster.shardsOf("b-1");
    const log: { readonly shard: number; readonly what: string }[] = [];
    watched(one, log);
    cluster.kill("b-1");
    cluster.until("all are back", () => cluster.shardsOf("a-1").length === SHARDS);
    for (const shard of had) {
      const { before, behind } = around(log, shard);
      assert.ok(before.includes("readObject"), `${before}`);
      assert.ok(!behind.includes("readObject"), `${behind}`);
    }
    assert.deepEqual(
      versionsAt(cluster, one),
      ID_BY_SHARD.map(() => 2),
    );
  });

  for (const kind of ["handOffAwaited", "shardShown"] as const) {
    test(`a shard goes all the same where every \`${kind}\` is lost`, () => {
      const cluster = new ClusterBench();
      cluster.isCarried = ({ frame }) => frame.kind !== kind;
      const { one, other } = shared(cluster);
      cluster.run(1_000);
      for (const bench of [one, other]) {
        assert.deepEqual(
          versionsAt(cluster, bench),
          ID_BY_SHARD.map(() => 1),
        );
      }
    });
  }
});

test("a node that has not said that it reads ahead is shown nothing, and gets its shards: it may be of an older version", () => {
  const cluster = new ClusterBench();
  cluster.isCarried = ({ frame }) => frame.kind !== "handOffAsked" || frame.epoch > 0;
  const { other } = shared(cluster);
  cluster.run(1_000);
  assert.ok(!cluster.frames.some(({ frame }) => frame.kind === "shardShown" || frame.kind === "handOffAwaited"));
  assert.deepEqual(
    versionsAt(cluster, other),
    ID_BY_SHARD.map(() => 1),
  );
});

describe("who asks for a shard and should not have it", () => {
  const ask = (cluster: ClusterBench, bench: CoreBench, shard: number, epoch: number): void => {
    bench.give({ kind: "peerReceived", from: "b-1", to: "a-1", frame: { kind: "handOffAsked", shard, epoch } });
    cluster.run(1_000);
  };

  test("does not get it: not by the placement, nor with an epoch that is over", () => {
    const cluster = new ClusterBench();
    const { one } = shared(cluster);
    const before = cluster.shardsOf("a-1");
    for (const shard of before) ask(cluster, one, shard, cluster.storage.shard(shard)?.epoch ?? 0);
    assert.deepEqual(cluster.shardsOf("a-1"), before);
    assert.equal(one.core.snapshot().cluster?.moves.handedOff, SHARDS - before.length);
  });
});

describe("what is under way when a shard is handed over gets its one right answer", () => {
  test("commands that wait and run: each runs to its end once, here or there", () => {
    const cluster = new ClusterBench();
    const one = cluster.start("a-1");
    writeAll(cluster, one);
    one.isFunctionSilent = true;
    const requests = ID_BY_SHARD.flatMap((id) => [one.put(id, LEDGER), one.put(id, LEDGER), one.put(id, LEDGER)]);
    cluster.run();
    assert.ok(one.unanswered.length > 0);
    const other = cluster.start("b-1");
    cluster.until("both have their share", () => cluster.shardsOf("b-1").length >= HALF - 1);
    one.isFunctionSilent = false;
    for (const { attempt } of one.unanswered) {
      one.give({ kind: "invocationEnded", attempt, end: { kind: "cut", message: "it was silent" } });
    }
    cluster.run(5_000);
    for (const request of requests) outcomeOf(one, request);
    assert.ok(other.invoked.length > 0);
    assert.deepEqual(
      versionsAt(cluster, one),
      ID_BY_SHARD.map(() => 4),
      "each of the three once",
    );
  });

  test("an answer of the function that comes when the shard is gone changes nothing", () => {
    const cluster = new ClusterBench();
    const one = cluster.start("a-1");
    one.isFunctionSilent = true;
    const requests = ID_BY_SHARD.map((id) => one.put(id, LEDGER));
    cluster.run();
    const other = cluster.start("b-1");
    cluster.until("both have their share", () => cluster.shardsOf("b-1").length >= HALF - 1);
    for (const { attempt, request } of one.unanswered.splice(0)) {
      for (const entity of request.entities)
        one.give({ kind: "entityFinished", attempt, result: { n: entity.n, ...counted(entity) } });
      one.give({ kind: "invocationEnded", attempt, end: { kind: "complete" } });
    }
    one.isFunctionSilent = false;
    cluster.run(5_000);
    for (const request of requests) assert.equal(outcomeOf(one, request).version, 1);
    assert.deepEqual(
      versionsAt(cluster, other),
      ID_BY_SHARD.map(() => 1),
    );
  });

  test("readers that wait for a state, and those that wait for an outcome, are answered from there", () => {
    const cluster = new ClusterBench();
    const one = cluster.start("a-1");
    one.isFunctionSilent = true;
    const sent = ID_BY_SHARD.map((id) => ({ ...one.commandTo(id, LEDGER), mode: "send" as const }));
    one.give(...sent);
    cluster.run();
    for (const { request } of sent) assert.equal(one.codeOf(request), "accepted");
    const untilMs = one.nowMs + 1_060_000;
    const waiting = sent.map(({ to, id }) => {
      const request = one.nextRequest();
      one.give({ kind: "outcomeAsked", request, of: to, commandId: id, untilMs });
      return request;
    });
    cluster.run();
    for (const request of waiting) assert.equal(one.answers.get(request), undefined);
    cluster.start("b-1");
    cluster.until("both have their share", () => cluster.shardsOf("b-1").length >= HALF - 1);
    one.isFunctionSilent = false;
    for (const { attempt } of one.unanswered) {
      one.give({ kind: "invocationEnded", attempt, end: { kind: "cut", message: "it was silent" } });
    }
    cluster.run(5_000);
    for (const request of waiting) assert.equal(outcomeOf(one, request).version, 1);
  });

  test("feeds of a shard that goes end with `moved`; those of one that stays go on", () => {
    const cluster = new ClusterBench();
    const one = cluster.start("a-1");
    writeAll(cluster, one);
    const feeds = ID_BY_SHARD.map((id) => {
      const request = one.nextRequest();
      const of = { type: LEDGER, id };
      one.give({ kind: "eventsAsked", request, of, after: 1, limit: 10, follow: true, isAdmin: true });
      return request;
    });
    cluster.run();
    cluster.start("b-1");
    cluster.until("both have their share", () => cluster.shardsOf("b-1").length >= HALF - 1);
    const gone = new Set(cluster.shardsOf("b-1"));
    for (const [shard, request] of feeds.entries()) {
      assert.equal(one.feeds.get(request)?.ended ?? null, gone.has(shard) ? "moved" : null, `shard ${shard}`);
    }
  });
});
