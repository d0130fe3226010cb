import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Answer } from "../answer.js";
import type { Effect } from "../effect.js";
import type { Asked, CommandArrived } from "../request.js";
import { Forwarding } from "./forwarding.js";
import type { PeerFrame } from "./frames.js";

const of = { type: "shop/cart", id: "c1" };
const DONE: Answer = { kind: "done" };
const SHARD = 3;

/** A node that has none of the shards, unless a test says so. */
class Bench {
  readonly effects: Effect[] = [];
  readonly sent: { readonly to: string; readonly frame: PeerFrame }[] = [];
  readonly servedHere: Asked[] = [];
  readonly turnedAway: number[] = [];
  readonly reread: number[] = [];
  owner: string | null = "b-1";
  isHere = false;
  isComing = false;
  isStranded = false;
  /** The shard of what is asked for, as far as is known. */
  shard = SHARD;
  nowMs = 0;
  readonly forwarding: Forwarding;

  constructor() {
    this.forwarding = new Forwarding({
      effects: this.effects,
      ownerOf: () => this.owner,
      epochOf: () => 7,
      isServedHere: () => this.isHere,
      isComing: () => this.isComing,
      isStranded: () => this.isStranded,
      serve: (asked) => this.servedHere.push(asked),
      shardOf: () => this.shard,
      turnAway: (request) => this.turnedAway.push(request),
      send: (to, frame) => this.sent.push({ to, frame }),
      reread: (shard) => this.reread.push(shard),
      nowMs: () => this.nowMs,
      tickMs: () => this.nowMs,
    });
  }

  run(ms: number): void {
    const untilMs = this.nowMs + ms;
    while (this.forwarding.wakeAtMs <= untilMs) {
      this.nowMs = this.forwarding.wakeAtMs;
      this.forwarding.turn();
    }
    this.nowMs = untilMs;
  }

  /** What was asked of other nodes since the last time. */
  asked(): { readonly to: string; readonly asked: Asked }[] {
    return this.sent.splice(0).flatMap(({ to, frame }) => (frame.kind === "asked" ? [{ to, asked: frame.asked }] : []));
  }

  answers(): [request: number, answer: string][] {
    return this.effects.splice(0).map((effect) => {
      assert.ok(effect.kind === "answer");
      return [effect.request, effect.answer.kind === "problem" ? effect.answer.problem.code : effect.answer.kind];
    });
  }
}

function command(request: number, changed: Partial<CommandArrived> = {}): CommandArrived {
  return {
    kind: "commandArrived",
    request,
    to: of,
    name: "put",
    input: new Uint8Array(0),
    id: `c-${request}`,
    hasKey: false,
    bodyHash: "",
    acceptedAtMs: 0,
    deadlineMs: 30_000,
    metadata: [],
    mode: "call",
    delayMs: 0,
    isAdmin: false,
    isRepeat: false,
    isStrict: false,
    ...changed,
  };
}

const follow = (request: number): Asked => ({
  kind: "eventsAsked",
  request,
  of,
  after: 0,
  limit: 10,
  follow: true,
  isAdmin: false,
});

/** Sends it and gives the number that it went out under. */
function sentAs(bench: Bench, asked: Asked): number {
  bench.forwarding.route(SHARD, asked);
  const [first] = bench.asked();
  return first?.asked.request ?? assert.fail("it was not sent");
}

describe("a client's request", () => {
  test("goes to the owner, with the shard and its epoch, and its answer comes back under the client's number", () => {
    const bench = new Bench();
    bench.forwarding.route(SHARD, command(9));
    const [out] = bench.sent;
    assert.ok(out?.frame.kind === "asked");
    assert.deepEqual([out.to, out.frame.shard, out.frame.epoch], ["b-1", SHARD, 7]);
    assert.ok(out.frame.asked.kind === "commandArrived" && !out.frame.asked.isRepeat && out.frame.asked.id === "c-9");
    bench.forwarding.answered("b-1", { kind: "answered", request: out.frame.asked.request, answer: DONE });
    assert.deepEqual(bench.answers(), [[9, "done"]]);
    bench.forwarding.answered("b-1", { kind: "answered", request: out.frame.asked.request, answer: DONE });
    assert.deepEqual(bench.answers(), [], "once");
    assert.equal(bench.forwarding.open, 0);
  });

  test("that went on to the next owner is answered by what the one before has done, and not by its refusal", () => {
    const bench = new Bench();
    const number = sentAs(bench, command(9));
    bench.owner = "c-1";
    bench.forwarding.lost("b-1");
    bench.forwarding.moved(SHARD);
    assert.equal(bench.asked()[0]?.to, "c-1");
    const problem: Answer = { kind: "problem", problem: { code: "storage_slow", message: "", retryAfterMs: null } };
    bench.forwarding.answered("b-1", { kind: "answered", request: number, answer: problem });
    assert.deepEqual(bench.answers(), [], "the next owner may have taken it by now");
    bench.forwarding.answered("b-1", { kind: "answered", request: number, answer: DONE });
    assert.deepEqual(bench.answers(), [[9, "done"]]);
  });

  test("waits while the owner is not known, looks for it ever more seldom, and goes when it is", () => {
    const bench = new Bench();
    bench.owner = null;
    bench.forwarding.route(SHARD, command(9));
    bench.run(500);
    assert.deepEqual(bench.asked(), []);
    assert.deepEqual(bench.reread, [SHARD, SHARD]);
    bench.owner = "c-1";
    bench.forwarding.moved(SHARD);
    const [out] = bench.asked();
    assert.equal(out?.to, "c-1");
    assert.ok(out.asked.kind === "commandArrived" && !out.asked.isRepeat, "it was nowhere before");
  });

  test("goes to the half that has its entity when its shard was split while it waited", () => {
    const bench = new Bench();
    bench.owner = null;
    bench.forwarding.route(SHARD, command(9));
    bench.shard = SHARD + 100;
    bench.forwarding.moved(SHARD);
    bench.owner = "c-1";
    bench.forwarding.moved(SHARD);
    assert.deepEqual(bench.asked(), [], "it waits for the half");
    bench.forwarding.moved(SHARD + 100);
    assert.equal(bench.sent.length, 1);
    const [sent] = bench.sent;
    assert.ok(sent?.frame.kind === "asked" && sent.frame.shard === SHARD + 100);
  });

  test("is served here when its shard has come", () => {
    const bench = new Bench();
    bench.owner = null;
    bench.forwarding.route(SHARD, command(9));
    bench.isHere = true;
    bench.forwarding.moved(SHARD);
    assert.deepEqual(bench.servedHere, [command(9)]);
    assert.equal(bench.forwarding.open, 0);
  });

  test("that was turned away reads the descriptor again and goes on, as one that may have run", () => {
    const bench = new Bench();
    const number = sentAs(bench, command(9));
    bench.forwarding.turnedAway("b-1", { kind: "turnedAway", request: number, shard: SHARD });
    assert.deepEqual(bench.reread, [SHARD]);
    bench.owner = "c-1";
    bench.run(150);
    const [again] = bench.asked();
    assert.equal(again?.to, "c-1");
    assert.ok(again.asked.kind === "commandArrived" && again.asked.isRepeat && again.asked.id === "c-9");
  });

  test("whose owner is lost goes to the next one, or is served here, with the same id, so that it runs once", () => {
    for (const isHere of [false, true]) {
      const bench = new Bench();
      sentAs(bench, command(9));
      bench.owner = null;
      bench.forwarding.lost("b-1");
      assert.deepEqual(bench.answers(), []);
      bench.owner = "c-1";
      bench.isHere = isHere;
      bench.forwarding.moved(SHARD);
      const asked = isHere ? bench.servedHere[0] : bench.asked()[0]?.asked;
      assert.ok(asked?.kind === "commandArrived" && asked.isRepeat && asked.id === "c-9", String(isHere));
    }
  });

  test("is answered by what its former owner says after all: it is as true", () => {
    const bench = new Bench();
    const number = sentAs(bench, command(9));
    bench.owner = "c-1";
    bench.forwarding.lost("b-1");
    bench.run(150);
    bench.forwarding.answered("b-1", { kind: "answered", request: number, answer: DONE });
    assert.deepEqual(bench.answers(), [[9, "done"]]);
  });

  test("what somebody says whom it was never sent to is no answer", () => {
    const bench = new Bench();
    bench.owner = null;
    bench.forwarding.route(SHARD, command(9));
    bench.forwarding.answered("x-1", { kind: "answered", request: 1, answer: DONE });
    bench.forwarding.turnedAway("x-1", { kind: "turnedAway", request: 1, shard: SHARD });
    assert.deepEqual(bench.answers(), []);
    assert.equal(bench.forwarding.open, 1);
  });
});

describe("a request that is turned away", () => {
  const turnAway = (bench: Bench, from: string): void =>
    bench.forwarding.turnedAway(from, { kind: "turnedAway", request: 1, shard: SHARD });

  test("goes on at once where another owner is known by then, and nobody has to be asked for it", () => {
    const bench = new Bench();
    bench.forwarding.route(SHARD, command(1));
    bench.asked();
    bench.owner = "c-1";
    turnAway(bench, "b-1");
    assert.deepEqual(
      bench.asked().map(({ to }) => to),
      ["c-1"],
    );
    assert.deepEqual(bench.reread, []);
  });

  test("by the owner itself, again and again, asks it ever more seldom", () => {
    const bench = new Bench();
    bench.forwarding.route(SHARD, command(1));
    let asked = bench.asked().length;
    for (let ms = 0; ms < 10_000; ms += 10) {
      turnAway(bench, "b-1");
      bench.run(10);
      asked += bench.asked().length;
    }
    assert.ok(asked > 5 && asked < 20, `${asked}`);
  });

  test("is answered where the shard came to this node, which stops and does not open it", () => {
    const bench = new Bench();
    bench.forwarding.route(SHARD, command(1));
    bench.owner = null;
    bench.isStranded = true;
    turnAway(bench, "b-1");
    bench.run(100);
    assert.deepEqual(bench.answers(), [[1, "outcome_unknown"]]);
    bench.forwarding.route(SHARD, command(2));
    assert.deepEqual(bench.answers(), [[2, "shard_moving"]]);
  });
});

describe("a deadline", () => {
  test("that passes while a request is nowhere is told: nothing was begun", () => {
    const bench = new Bench();
    bench.owner = null;
    bench.forwarding.route(SHARD, command(9, { deadlineMs: 1_000 }));
    bench.forwarding.route(SHARD, { kind: "timersAsked", request: 10, of, limit: 1 });
    bench.run(990);
    assert.deepEqual(bench.answers(), []);
    bench.run(200);
    assert.deepEqual(bench.answers(), [[9, "shard_moving"]]);
    bench.run(10_000);
    assert.deepEqual(bench.answers(), [[10, "shard_moving"]], "without one of its own it waits as long as is waited");
  });

  test("of a command that was sent is not called that: it may run", () => {
    const bench = new Bench();
    sentAs(bench, command(9, { deadlineMs: 1_000 }));
    bench.owner = null;
    bench.forwarding.lost("b-1");
    bench.run(5_000);
    assert.deepEqual(bench.answers(), [[9, "outcome_unknown"]]);
    assert.equal(bench.forwarding.open, 0);
  });
});

describe("a followed feed", () => {
  test("goes on behind its first answer, and ends where the owner ends it", () => {
    const bench = new Bench();
    const number = sentAs(bench, follow(9));
    bench.forwarding.answered("b-1", {
      kind: "answered",
      request: number,
      answer: { kind: "events", version: 1, events: [], next: null },
    });
    bench.effects.length = 0;
    bench.forwarding.fed("b-1", { kind: "fed", request: number, events: [], ended: null });
    bench.forwarding.fed("x-1", { kind: "fed", request: number, events: [], ended: "slow" });
    bench.forwarding.fed("b-1", { kind: "fed", request: number, events: [], ended: "purged" });
    assert.deepEqual(bench.effects, [
      { kind: "feed", request: 9, events: [], ended: null },
      { kind: "feed", request: 9, events: [], ended: "purged" },
    ]);
    assert.equal(bench.forwarding.open, 0);
  });

  test("ends with `moved` when its owner is lost: the reader knows where it was", () => {
    const bench = new Bench();
    sentAs(bench, follow(9));
    bench.forwarding.lost("b-1");
    assert.deepEqual(bench.effects, [{ kind: "feed", request: 9, events: [], ended: "moved" }]);
    assert.equal(bench.forwarding.open, 0);
  });
});

test("a client that leaves is told to the owner, and nothing is said to it any more", () => {
  const bench = new Bench();
  const number = sentAs(bench, command(9));
  assert.equal(bench.forwarding.left(9), true);
  assert.deepEqual(bench.sent, [{ to: "b-1", frame: { kind: "askerLeft", request: number } }]);
  bench.forwarding.answered("b-1", { kind: "answered", request: number, answer: DONE });
  assert.deepEqual(bench.answers(), []);
  assert.equal(bench.forwarding.left(9), false);
});

describe("a request of another node's client", () => {
  test("is turned away where the shard is not here, and never sent on", () => {
    const bench = new Bench();
    bench.forwarding.route(SHARD, command(-4));
    assert.deepEqual(bench.turnedAway, [-4]);
    assert.deepEqual(bench.asked(), []);
  });

  test("waits for a shard that is about to be here, and is turned away when it goes elsewhere, or does not come in time", () => {
    const bench = new Bench();
    bench.isComing = true;
    for (const request of [-4, -5]) bench.forwarding.route(SHARD, command(request, { deadlineMs: 1_000 }));
    assert.deepEqual(bench.turnedAway, []);
    bench.isHere = true;
    bench.forwarding.moved(SHARD);
    assert.deepEqual(
      bench.servedHere.map(({ request }) => request),
      [-4, -5],
    );
    bench.isHere = false;
    bench.forwarding.route(SHARD, command(-6));
    bench.isComing = false;
    bench.forwarding.moved(SHARD);
    assert.deepEqual(bench.turnedAway, [-6]);
    bench.isComing = true;
    bench.forwarding.route(SHARD, command(-7, { deadlineMs: 1_000 }));
    bench.run(2_000);
    assert.deepEqual(bench.turnedAway, [-6, -7]);
  });
});

describe("a node that is asked for all that it has", () => {
  const listed: Asked = { kind: "deadLettersAsked", request: 9, of: null, limit: 5 };

  test("answers to whoever gathers, and to nobody else", () => {
    const bench = new Bench();
    const gathered: (Answer | null)[] = [];
    bench.forwarding.askNode("b-1", listed, (answer) => gathered.push(answer));
    const [out] = bench.asked();
    bench.forwarding.answered("b-1", { kind: "answered", request: out?.asked.request ?? 0, answer: DONE });
    assert.deepEqual(gathered, [DONE]);
    assert.deepEqual(bench.answers(), []);
  });

  test("that turns it away, is lost, or says nothing, has said nothing: the others' answer goes out", () => {
    for (const how of ["turned away", "lost", "silent"] as const) {
      const bench = new Bench();
      const gathered: (Answer | null)[] = [];
      bench.forwarding.askNode("b-1", listed, (answer) => gathered.push(answer));
      const [out] = bench.asked();
      const request = out?.asked.request ?? assert.fail();
      if (how === "turned away") bench.forwarding.turnedAway("b-1", { kind: "turnedAway", request, shard: 0 });
      else if (how === "lost") bench.forwarding.lost("b-1");
      else bench.run(10_200);
      assert.deepEqual(gathered, [null], how);
      assert.equal(bench.forwarding.open, 0);
    }
  });
});
