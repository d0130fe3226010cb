import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { LogWriter } from "../log/log-writer.js";
import type { Shard } from "../shard/shard.js";
import type { Custody } from "./custody.js";
import { HandOff } from "./hand-off.js";

/** A shard, its custody and its log, of which a test says how they are. */
class Bench {
  readonly shard = {
    shard: 3,
    isReading: false,
    isRunning: false,
    lastPosition: 5,
    pause: () => this.did.push("pause"),
    unpause: () => this.did.push("unpause"),
    close: () => this.did.push("close"),
  };
  readonly custody = {
    isIdle: true,
    isDirty: false,
    isLeaving: false,
    token: "t-1",
    flush: (position: number) => {
      this.did.push(`flush ${position}`);
      this.custody.isIdle = false;
    },
    handOver: (to: string, last: number, then: () => void) => {
      this.did.push(`hand over to ${to}, behind ${last}`);
      this.#swapped = then;
      return 4;
    },
  };
  readonly log = { durable: 5, cut: () => 9 };
  readonly did: string[] = [];
  isLiving = true;
  isReader = true;
  #swapped: () => void = () => assert.fail("no swap");
  readonly handOff = new HandOff(
    this.shard as unknown as Shard,
    this.custody as unknown as Custody,
    "b-1",
    {
      log: this.log as unknown as LogWriter,
      isLiving: () => this.isLiving,
      show: () => {
        if (this.isReader) this.did.push(`show ${this.custody.token}`);
        return this.isReader;
      },
      handedOver: () => this.did.push("handed over"),
      kept: () => this.did.push("kept"),
    },
    0,
  );

  /** What a turn has done. */
  turn(tickMs: number): string[] {
    this.did.length = 0;
    this.handOff.turn(tickMs);
    return [...this.did];
  }

  /** What a turn has done in which the next owner has read ahead what it was shown. */
  shown(tickMs: number): string[] {
    assert.deepEqual(this.turn(tickMs), ["show t-1"]);
    this.handOff.awaited();
    return this.turn(tickMs);
  }

  swapped(): string[] {
    this.did.length = 0;
    this.#swapped();
    return [...this.did];
  }
}

const GOING = ["close", "hand over to b-1, behind 5"];

test("a shard with nothing to flush, at rest and durable, goes at once; it is another's when the swap has happened", () => {
  const bench = new Bench();
  assert.deepEqual(bench.shown(1), ["pause", ...GOING]);
  assert.equal(bench.custody.isLeaving, true);
  assert.equal(bench.handOff.ownRangeFrom, 4);
  assert.equal(bench.handOff.wakeAtMs(1), Infinity);
  bench.isLiving = false;
  assert.deepEqual(bench.turn(99_000), [], "there is no way back");
  assert.deepEqual(bench.swapped(), ["handed over"]);
});

describe("while it is flushed", () => {
  test("it serves, and one flush is enough, whatever is written meanwhile", () => {
    const bench = new Bench();
    bench.custody.isDirty = true;
    assert.deepEqual(bench.turn(1), ["flush 9"]);
    assert.equal(bench.handOff.isDraining, false);
    assert.deepEqual(bench.turn(100), []);
    bench.custody.isIdle = true;
    assert.deepEqual(bench.shown(200), ["pause", ...GOING]);
  });

  test("it waits for a flush that was under way before, and then makes its own", () => {
    const bench = new Bench();
    bench.custody.isDirty = true;
    bench.custody.isIdle = false;
    assert.deepEqual(bench.turn(1), []);
    bench.custody.isIdle = true;
    assert.deepEqual(bench.turn(2), ["flush 9"]);
  });

  test("it stays when that takes too long, or its next owner is gone; the moment to look is told", () => {
    const bench = new Bench();
    bench.custody.isDirty = true;
    bench.turn(1);
    const giveUpAtMs = bench.handOff.wakeAtMs(1);
    assert.deepEqual(bench.turn(giveUpAtMs - 1), []);
    assert.deepEqual(bench.turn(giveUpAtMs), ["kept"]);
    bench.isLiving = false;
    assert.deepEqual(bench.turn(2), ["kept"]);
  });
});

describe("while its next owner reads ahead", () => {
  test("it serves, and begins no flush and no merge", () => {
    const bench = new Bench();
    assert.deepEqual(bench.turn(1), ["show t-1"]);
    assert.equal(bench.handOff.isDraining, false);
    assert.equal(bench.custody.isLeaving, true);
    assert.deepEqual(bench.turn(500), []);
  });

  test("a merge that ends meanwhile is shown, too, and read", () => {
    const bench = new Bench();
    bench.turn(1);
    bench.custody.isIdle = false;
    bench.handOff.awaited();
    assert.deepEqual(bench.turn(2), []);
    bench.custody.isIdle = true;
    bench.custody.token = "t-2";
    assert.deepEqual(bench.turn(3), ["show t-2"]);
    assert.deepEqual(bench.turn(4), []);
    bench.handOff.awaited();
    assert.deepEqual(bench.turn(5), ["pause", ...GOING]);
  });

  test("it goes without, when nothing is heard; the moment is told", () => {
    const bench = new Bench();
    bench.turn(1);
    const goesAtMs = bench.handOff.wakeAtMs(1);
    assert.deepEqual(bench.turn(goesAtMs - 1), []);
    assert.deepEqual(bench.turn(goesAtMs), ["pause", ...GOING]);
  });

  test("one that does not read ahead is not waited for", () => {
    const bench = new Bench();
    bench.isReader = false;
    assert.deepEqual(bench.turn(1), ["pause", ...GOING]);
  });

  test("it stays when the next owner is gone", () => {
    const bench = new Bench();
    bench.turn(1);
    bench.isLiving = false;
    assert.deepEqual(bench.turn(2), ["kept"]);
    assert.equal(bench.custody.isLeaving, false);
  });
});

describe("while it drains", () => {
  for (const [what, spoil, mend] of [
    ["its last entry is durable", (bench: Bench) => (bench.log.durable = 4), (bench: Bench) => (bench.log.durable = 5)],
    [
      "its reads have come back",
      (bench: Bench) => (bench.shard.isReading = true),
      (bench: Bench) => (bench.shard.isReading = false),
    ],
    [
      "its invocations have ended",
      (bench: Bench) => (bench.shard.isRunning = true),
      (bench: Bench) => (bench.shard.isRunning = false),
    ],
  ] as const) {
    test(`it is not handed over before ${what}`, () => {
      const bench = new Bench();
      spoil(bench);
      assert.deepEqual(bench.shown(1), ["pause"]);
      assert.equal(bench.handOff.isDraining, true);
      assert.ok(bench.handOff.wakeAtMs(1) > 1);
      assert.deepEqual(bench.turn(50), []);
      mend(bench);
      assert.deepEqual(bench.turn(60), GOING);
    });
  }

  test("an invocation that takes long is not waited for: it runs again at the next owner", () => {
    const bench = new Bench();
    bench.shard.isRunning = true;
    bench.shown(1);
    assert.deepEqual(bench.turn(100), []);
    assert.deepEqual(bench.turn(101), GOING);
  });

  test("it serves again when its log or its store takes too long, or its next owner is gone", () => {
    for (const spoil of ["log", "owner"] as const) {
      const bench = new Bench();
      bench.log.durable = 4;
      bench.shown(1);
      if (spoil === "owner") bench.isLiving = false;
      const atMs = spoil === "owner" ? 2 : 2_002;
      assert.deepEqual(bench.turn(atMs), ["unpause", "kept"], spoil);
      assert.equal(bench.custody.isLeaving, false);
    }
  });
});
