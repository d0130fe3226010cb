/** Messages and requests between shards of different routers, by whole routers: once, whatever is lost (RULES.md 9, 10). */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { EntityResult, InvocationEntity } from "../../src/core/entity/invocation.js";
import { ClusterBench, counted, ID_BY_SHARD, type SentFrame, SHARDS } from "./cluster-bench.js";
import { type CoreBench, LEDGER } from "./core-bench.js";
import { assertVersions, putAll } from "./ledgers.js";

const HALF = SHARDS / 2;
const ROUNDS = 5;

/** Every command of a client is an event, and a message to the entity of the next shard, for which it is an event alone. */
function sending(entity: InvocationEntity): Omit<EntityResult, "n"> {
  const { state, outcomes } = counted(entity);
  const next = ID_BY_SHARD[(ID_BY_SHARD.indexOf(entity.id) + 1) % SHARDS] ?? "";
  const send = { kind: "send", to: { type: LEDGER, id: next }, command: "put", input: new Uint8Array(0) } as const;
  const effects = [{ ...send, replyTo: null, afterMs: 0, timer: null }];
  const isClients = entity.commands.map(({ caller }) => caller === null);
  return {
    state: state ?? null,
    outcomes: outcomes.map((outcome, at) => (outcome.kind === "done" && isClients[at] ? { ...outcome, effects } : outcome)),
  };
}

function started(cluster: ClusterBench): { readonly one: CoreBench; readonly other: CoreBench } {
  const [one, other] = [cluster.add("a-1"), cluster.add("b-1")];
  for (const bench of [one, other]) bench.answerOf = sending;
  cluster.until("both have their share", () => ["a-1", "b-1"].every((log) => cluster.shardsOf(log).length >= HALF - 1));
  cluster.run(1_000);
  return { one, other };
}

/** Each entity has had so many commands, and as many messages. */
function assertAll(cluster: ClusterBench, bench: CoreBench, version: number): void {
  cluster.run(20_000);
  assertVersions(cluster, bench, version);
  assert.equal(bench.core.snapshot().outbox, 0, "all of it is acknowledged");
}

/** Loses every so many-th frame of a kind, without a word. */
function losing(cluster: ClusterBench, kinds: readonly string[], every: number): { lost: number } {
  const count = { seen: 0, lost: 0 };
  cluster.isCarried = ({ frame }: SentFrame) => {
    if (!kinds.includes(frame.kind) || ++count.seen % every !== 0) return true;
    count.lost++;
    return false;
  };
  return count;
}

function writeAll(cluster: ClusterBench, bench: CoreBench): readonly number[] {
  const requests = putAll(bench);
  cluster.run(10);
  return requests;
}

describe("messages arrive once, in the end,", () => {
  test("when nothing is in the way", () => {
    const cluster = new ClusterBench();
    const { one } = started(cluster);
    for (let round = 0; round < ROUNDS; round++) writeAll(cluster, one);
    assertAll(cluster, one, 2 * ROUNDS);
    assert.ok(cluster.frames.some(({ frame }) => frame.kind === "messageSent"));
  });

  for (const kind of ["messageSent", "messagesAcknowledged", "streamBroken"] as const) {
    test(`when every third ${kind} is lost`, () => {
      const cluster = new ClusterBench();
      const { one } = started(cluster);
      const lossy = losing(cluster, [kind, ...(kind === "streamBroken" ? ["messageSent"] : [])], 3);
      for (let round = 0; round < ROUNDS; round++) writeAll(cluster, one);
      cluster.run(20_000);
      assert.ok(lossy.lost > 0);
      cluster.isCarried = () => true;
      assertAll(cluster, one, 2 * ROUNDS);
    });
  }

  test("when their shards move to and fro while they are under way", () => {
    const cluster = new ClusterBench();
    const { one, other } = started(cluster);
    for (let round = 0; round < ROUNDS; round++) writeAll(cluster, one);
    other.give({ kind: "leaveAsked" });
    for (let round = 0; round < ROUNDS; round++) writeAll(cluster, one);
    cluster.until("it has left", () => other.leftWith !== null);
    const third = cluster.add("c-1");
    third.answerOf = sending;
    for (let round = 0; round < ROUNDS; round++) writeAll(cluster, one);
    assertAll(cluster, one, 6 * ROUNDS);
    assert.ok(cluster.shardsOf("c-1").length > 0);
  });

  test("when their target dies, and another has its shards", () => {
    const cluster = new ClusterBench();
    const { one } = started(cluster);
    const requests = writeAll(cluster, one);
    cluster.kill("b-1");
    cluster.until("all are back", () => cluster.shardsOf("a-1").length === SHARDS);
    for (const request of requests) assert.equal(one.codeOf(request), "outcome");
    assertAll(cluster, one, 2);
  });
});

describe("a command that was sent to its shard's owner", () => {
  test("runs once, though the answer was lost and it goes out again", () => {
    const cluster = new ClusterBench();
    const { one } = started(cluster);
    cluster.isCarried = ({ frame }) => frame.kind !== "answered";
    const requests = writeAll(cluster, one);
    assert.ok(requests.some((request) => one.codeOf(request) === null));
    cluster.isCarried = () => true;
    cluster.cut("a-1", "b-1");
    cluster.run(50);
    cluster.heal("a-1", "b-1");
    cluster.run(5_000);
    for (const request of requests) assert.equal(one.codeOf(request), "outcome");
    assertAll(cluster, one, 2);
  });

  test("runs once, though the owner died with it, before or behind its entry", () => {
    for (const isDurable of [false, true]) {
      const cluster = new ClusterBench();
      const { one, other } = started(cluster);
      cluster.isCarried = ({ frame }) => frame.kind !== "answered";
      other.isFunctionSilent = !isDurable;
      const requests = writeAll(cluster, one);
      cluster.kill("b-1");
      cluster.isCarried = () => true;
      cluster.until("all are back", () => cluster.shardsOf("a-1").length === SHARDS);
      cluster.run(5_000);
      for (const request of requests) assert.equal(one.codeOf(request), "outcome", String(isDurable));
      assertAll(cluster, one, 2);
    }
  });
});

test("a router that slept through the loss of its shards answers nothing by what it remembers, and begins anew", () => {
  const cluster = new ClusterBench();
  const { one, other } = started(cluster);
  writeAll(cluster, one);
  cluster.run(1_000);
  cluster.pause("b-1");
  cluster.until("all are taken", () => cluster.shardsOf("a-1").length === SHARDS);
  writeAll(cluster, one);
  const requests = ID_BY_SHARD.map((id) => other.askState(id, LEDGER, 5_000));
  cluster.resume("b-1");
  cluster.run(3_000);
  for (const request of requests) {
    const answer = other.answers.get(request);
    assert.ok(answer?.kind !== "state" || answer.version === 4, `it said ${JSON.stringify(answer)}`);
  }
  assert.equal(other.ended?.kind, "fenced");
  assertAll(cluster, one, 4);
});
