import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Effect } from "../effect.js";
import type { Message } from "../entity/command.js";
import { Gate } from "../log/gate.js";
import type { Shard } from "../shard/shard.js";
import { Delivery } from "./delivery.js";
import type { PeerFrame } from "./frames.js";

const [SOURCE, TARGET] = [1, 2];
const EPOCH = 4;
type Sent = PeerFrame & { readonly kind: "messageSent" };

function message(number: number, targetShard = TARGET): Message {
  const command = {
    id: `m-${number}`,
    name: "put",
    isQuery: false,
    input: new Uint8Array(0),
    acceptedAtMs: 0,
    deadlineMs: Infinity,
    caller: null,
    metadata: [],
    answer: null,
    replyTo: null,
    bodyHash: "",
  };
  return { sourceShard: SOURCE, targetShard, number, to: { type: "shop/cart", id: "c1" }, command, timer: null };
}

/** One node: the source's side, or the target's. */
class Bench {
  readonly gate = new Gate();
  readonly effects: Effect[] = [];
  readonly received: number[] = [];
  readonly restarted: number[] = [];
  readonly acknowledged: number[] = [];
  readonly reread: number[] = [];
  owner: string | null = "b-1";
  isServing = true;
  /** The part of the target that consumes what is sent, where the target was split. */
  half: number | null = null;
  hasRoom = true;
  lowest: number | null = 1;
  last = 0;
  nowMs = 0;
  readonly delivery: Delivery;

  constructor() {
    const shard = {
      receive: ({ number }: Message) => {
        if (this.hasRoom) this.received.push(number);
        return this.hasRoom;
      },
      restartStream: (target: number) => this.restarted.push(target),
      acknowledged: (_target: number, number: number) => this.acknowledged.push(number),
      state: { outbox: { lowest: () => this.lowest } },
    } as unknown as Shard;
    this.delivery = new Delivery({
      incarnation: "a-1",
      gate: this.gate,
      effects: this.effects,
      ownerOf: () => this.owner,
      taking: () => (this.isServing ? shard : null),
      holderOf: (sent) => this.half ?? sent.targetShard,
      lastPosition: () => this.last,
      tickMs: () => this.nowMs,
      reread: (target) => this.reread.push(target),
    });
  }

  send(number: number, lowest = 1): boolean {
    const sent = message(number);
    return this.delivery.send(sent, this.half ?? sent.targetShard, EPOCH, lowest);
  }

  /** What was said to other nodes since the last time. */
  frames(): PeerFrame[] {
    return this.effects.splice(0).map((effect) => (effect.kind === "peerSend" ? effect.frame : assert.fail(effect.kind)));
  }

  sent(): { readonly number: number; readonly previous: number; readonly stream: number }[] {
    return this.frames().map((frame) => {
      assert.ok(frame.kind === "messageSent");
      return { number: frame.message.number, previous: frame.previous, stream: frame.stream.number };
    });
  }

  get(number: number, previous: number, stream: number, epoch = EPOCH): void {
    const frame: Sent = { kind: "messageSent", message: message(number), stream: { epoch, number: stream }, previous };
    this.delivery.received("s-1", frame);
  }
}

describe("the source", () => {
  test("sends in order, each naming the one before, and nothing before it is durable", () => {
    const bench = new Bench();
    bench.last = 2;
    for (const number of [1, 2, 5]) assert.equal(bench.send(number), true);
    assert.deepEqual(bench.sent(), []);
    bench.gate.release(2, bench.effects);
    assert.deepEqual(bench.sent(), [
      { number: 1, previous: 0, stream: 1 },
      { number: 2, previous: 1, stream: 1 },
      { number: 5, previous: 2, stream: 1 },
    ]);
    assert.equal(bench.send(2), true, "it was sent in this stream");
    assert.deepEqual(bench.sent(), []);
  });

  test("begins a stream with the lowest that is not acknowledged, and with no other", () => {
    const bench = new Bench();
    assert.equal(bench.send(4, 3), false);
    assert.deepEqual(bench.restarted, [TARGET]);
    assert.equal(bench.send(3, 3), true);
    assert.deepEqual(bench.sent(), [{ number: 3, previous: 0, stream: 1 }]);
  });

  test("keeps what does not fit into the target's window, and what has no known owner", () => {
    const bench = new Bench();
    assert.equal(bench.send(1), true);
    assert.equal(bench.send(1_000), true);
    assert.equal(bench.send(1_001), false);
    bench.owner = null;
    assert.equal(bench.send(2), false);
  });

  test("begins anew when the stream is broken, its target has moved, or its link was lost; what is old is not believed", () => {
    const bench = new Bench();
    bench.send(1);
    const broken = { kind: "streamBroken", sourceShard: SOURCE, targetShard: TARGET } as const;
    bench.delivery.broken({ ...broken, stream: { epoch: EPOCH, number: 9 } });
    bench.delivery.broken({ ...broken, stream: { epoch: EPOCH - 1, number: 1 } });
    bench.delivery.lost("x-1");
    bench.delivery.moved(SOURCE);
    assert.deepEqual(bench.restarted, []);
    bench.delivery.broken({ ...broken, stream: { epoch: EPOCH, number: 1 } });
    assert.deepEqual([bench.restarted, bench.reread], [[TARGET], [TARGET]]);
    bench.send(1);
    bench.delivery.moved(TARGET);
    bench.send(1);
    bench.delivery.lost("b-1");
    bench.send(1);
    assert.deepEqual(
      bench.sent().map(({ stream }) => stream),
      [1, 2, 3, 4],
    );
    assert.equal(bench.restarted.length, 3);
  });

  test("begins anew at another owner, and in another epoch of its own shard", () => {
    const bench = new Bench();
    bench.send(1);
    bench.owner = "c-1";
    assert.equal(bench.send(2), false, "not in the middle");
    assert.equal(bench.send(1), true);
    assert.equal(bench.delivery.send(message(1), message(1).targetShard, EPOCH + 1, 1), true);
    assert.deepEqual(
      bench.sent().map(({ stream }) => stream),
      [1, 2, 3],
    );
  });

  test("is two streams where its target was split, each with its own numbers, and begins anew for each alone", () => {
    const bench = new Bench();
    bench.half = 100;
    assert.equal(bench.send(1), true);
    bench.half = 101;
    assert.equal(bench.send(2, 2), true);
    bench.half = 100;
    assert.equal(bench.send(3), true);
    assert.deepEqual(bench.sent(), [
      { number: 1, previous: 0, stream: 1 },
      { number: 2, previous: 0, stream: 2 },
      { number: 3, previous: 1, stream: 1 },
    ]);
    bench.delivery.moved(101);
    assert.equal(bench.restarted.length, 1);
    bench.half = 101;
    assert.equal(bench.send(2, 2), true);
    assert.deepEqual(bench.sent(), [{ number: 2, previous: 0, stream: 3 }]);
  });

  test("sends again when nothing was acknowledged for long; a stream with nothing left is forgotten", () => {
    const bench = new Bench();
    bench.send(1);
    bench.nowMs = 4_000;
    bench.delivery.acknowledged({ kind: "messagesAcknowledged", sourceShard: SOURCE, targetShard: TARGET, numbers: [1] });
    assert.deepEqual(bench.acknowledged, [1]);
    bench.nowMs = bench.delivery.wakeAtMs;
    bench.delivery.turn();
    assert.deepEqual(bench.restarted, [], "it was heard of");
    bench.nowMs = Math.max(9_000, bench.delivery.wakeAtMs);
    bench.delivery.turn();
    assert.deepEqual(bench.restarted, [TARGET]);
    bench.send(1);
    bench.lowest = null;
    bench.nowMs = bench.delivery.wakeAtMs;
    bench.delivery.turn();
    assert.deepEqual(bench.restarted, [TARGET]);
    assert.equal(bench.delivery.wakeAtMs, Infinity);
  });
});

describe("the target", () => {
  const brokenAt = (number: number, epoch = EPOCH): PeerFrame => {
    return { kind: "streamBroken", sourceShard: SOURCE, targetShard: TARGET, stream: { epoch, number } };
  };

  test("takes a stream in order; a gap breaks it, is told once, and nothing more of it is taken", () => {
    const bench = new Bench();
    bench.get(1, 0, 1);
    bench.get(3, 1, 1);
    bench.get(7, 5, 1);
    bench.get(8, 7, 1);
    assert.deepEqual(bench.received, [1, 3]);
    assert.deepEqual(bench.frames(), [brokenAt(1)]);
    bench.get(5, 0, 2);
    assert.deepEqual(bench.received, [1, 3, 5], "the source begins anew");
  });

  test("drops what comes of a stream that is over: by number, and by the source's epoch", () => {
    const bench = new Bench();
    bench.get(1, 0, 3);
    bench.get(2, 0, 2);
    bench.get(1, 0, 1, EPOCH + 1);
    bench.get(2, 1, 3);
    assert.deepEqual(bench.received, [1, 1]);
    assert.deepEqual(bench.frames(), []);
  });

  test("without room, or without the shard, breaks the stream at once, whatever its log is waiting for", () => {
    for (const how of ["room", "shard"] as const) {
      const bench = new Bench();
      bench.last = 9;
      if (how === "room") bench.hasRoom = false;
      else bench.isServing = false;
      bench.get(1, 0, 1);
      assert.deepEqual(bench.received, []);
      assert.deepEqual(bench.frames(), [brokenAt(1)], how);
    }
  });

  test("acknowledges what it has consumed in one frame a turn, and only when the marks are durable", () => {
    const bench = new Bench();
    bench.last = 5;
    for (const number of [1, 2]) bench.delivery.acknowledge(SOURCE, TARGET, number);
    assert.deepEqual(bench.frames(), []);
    bench.delivery.turn();
    assert.deepEqual(bench.frames(), [], "its entry is not durable yet");
    bench.gate.release(5, bench.effects);
    const frame = { kind: "messagesAcknowledged", sourceShard: SOURCE, targetShard: TARGET, numbers: [1, 2] };
    assert.deepEqual(bench.frames(), [frame]);
    bench.delivery.turn();
    assert.deepEqual(bench.frames(), []);
  });

  test("that has given the shard away forgets its streams: they begin anew if it comes back", () => {
    const bench = new Bench();
    bench.get(1, 0, 1);
    bench.delivery.forget(TARGET);
    bench.get(2, 1, 1);
    assert.deepEqual(bench.received, [1]);
    assert.deepEqual(bench.frames(), [brokenAt(1)]);
  });
});
