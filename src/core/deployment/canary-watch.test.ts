import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type CanaryTrial, type CanaryVerdict, CanaryWatch } from "./canary-watch.js";
import { noCounts } from "./command-tally.js";

/** A canary and a stable version, and a watch that looks once a second. */
class Bench {
  readonly canary = noCounts();
  readonly stable = noCounts();
  readonly watch: CanaryWatch;
  nowMs = 0;

  constructor(trial: Partial<CanaryTrial> = {}) {
    this.watch = new CanaryWatch({ faultsMax: 0.02, forMs: null, ...trial });
    this.look();
  }

  ran(which: "canary" | "stable", count: number, faulted = 0): this {
    this[which].ran += count;
    this[which].faulted += faulted;
    this[which].answers += count;
    return this;
  }

  look(afterMs = 1_000): CanaryVerdict {
    this.nowMs += afterMs;
    return this.watch.look(this.nowMs, this.nowMs, this.canary, this.stable);
  }
}

describe("a canary is rolled back", () => {
  it("when surely more of its commands fault than allowed", () => {
    const bench = new Bench().ran("stable", 1_000).ran("canary", 100, 20);
    const verdict = bench.look();
    assert.ok(verdict.kind === "rollBack");
    assert.equal(verdict.why, "20 of 100 commands faulted, 0 of 1000 on the stable version; 2% more are allowed");
  });

  it("soon when everything faults, but not before ten commands", () => {
    assert.equal(new Bench().ran("canary", 9, 9).look().kind, "watching");
    assert.equal(new Bench().ran("canary", 10, 10).look().kind, "rollBack");
  });

  it("not for what chance does: one fault among few, or a share at the limit", () => {
    assert.equal(new Bench().ran("canary", 20, 1).look().kind, "watching");
    assert.equal(new Bench().ran("canary", 1_000, 20).look().kind, "watching");
    assert.equal(new Bench().ran("canary", 1_000, 60).look().kind, "rollBack");
  });

  it("not for faults that the stable version has as well", () => {
    assert.equal(new Bench().ran("stable", 2_000, 200).ran("canary", 500, 50).look().kind, "watching");
    assert.equal(new Bench().ran("stable", 2_000, 200).ran("canary", 500, 150).look().kind, "rollBack");
    const barely = new Bench().ran("stable", 1, 1).ran("canary", 50, 30);
    assert.equal(barely.look().kind, "rollBack", "one fault of one command says little of the stable version");
  });

  it("by what came within ten minutes alone", () => {
    const bench = new Bench().ran("canary", 40, 3);
    assert.equal(bench.look().kind, "watching");
    for (let at = 0; at < 620; at++) assert.equal(bench.look().kind, "watching");
    assert.equal(bench.ran("canary", 40, 3).look().kind, "watching", "six of eighty would be too many");
    const soon = new Bench().ran("canary", 40, 3);
    assert.equal(soon.look().kind, "watching");
    assert.equal(soon.ran("canary", 40, 3).look(60_000).kind, "rollBack");
  });

  it("by what came since it began: earlier faults of the same deployment are another trial's", () => {
    const canary = { ...noCounts(), ran: 100, faulted: 100, answers: 100 };
    const watch = new CanaryWatch({ faultsMax: 0.02, forMs: null });
    assert.equal(watch.look(0, 0, canary, noCounts()).kind, "watching");
    assert.equal(watch.look(1_000, 1_000, { ...canary, ran: 200, answers: 200 }, noCounts()).kind, "watching");
  });

  it("also where counting begins anew in between, with another incarnation", () => {
    const bench = new Bench().ran("canary", 1_000);
    assert.equal(bench.look().kind, "watching");
    Object.assign(bench.canary, noCounts());
    Object.assign(bench.stable, noCounts());
    bench.look();
    assert.equal(bench.ran("canary", 20, 20).look().kind, "rollBack");
    const atOnce = new Bench().ran("canary", 1_000);
    atOnce.look();
    Object.assign(atOnce.canary, noCounts());
    assert.equal(atOnce.ran("canary", 20, 20).look().kind, "rollBack", "what came before the first look at it counts");
  });
});

describe("a canary whose endpoint answers nobody", () => {
  const down = (bench: Bench, seconds: number, stable: (bench: Bench) => void): CanaryVerdict => {
    let verdict: CanaryVerdict = { kind: "watching" };
    for (let at = 0; at < seconds && verdict.kind === "watching"; at++) {
      bench.canary.unavailable++;
      stable(bench);
      verdict = bench.look();
    }
    return verdict;
  };

  it("is rolled back after ten seconds", () => {
    const bench = new Bench();
    assert.equal(down(bench, 9, (one) => one.ran("stable", 1)).kind, "watching");
    const verdict = down(bench, 1, (one) => one.ran("stable", 1));
    assert.ok(verdict.kind === "rollBack");
    assert.equal(verdict.why, "its endpoint answered none of 10 calls in 10 s");
  });

  it("is rolled back also where nobody asks anything of the stable version", () => {
    assert.equal(down(new Bench(), 20, () => undefined).kind, "rollBack");
  });

  it("stays while the stable version is down as well", () => {
    assert.equal(down(new Bench(), 60, ({ stable }) => stable.unavailable++).kind, "watching");
  });

  it("stays while single calls get through: throttling is nobody's fault", () => {
    const bench = new Bench();
    for (let at = 0; at < 10; at++) {
      assert.equal(down(bench, 8, (one) => one.ran("stable", 1)).kind, "watching");
      assert.equal(bench.ran("canary", 1).look().kind, "watching");
    }
  });

  it("stays after few calls: somebody has to have asked", () => {
    assert.equal(down(new Bench(), 4, (one) => one.ran("stable", 1)).kind, "watching");
    const bench = new Bench();
    down(bench, 4, (one) => one.ran("stable", 1));
    assert.equal(bench.look(60_000).kind, "watching");
  });
});

describe("a canary with a time", () => {
  it("is promoted once it is over, if enough ran and no more faulted than allowed", () => {
    const bench = new Bench({ forMs: 60_000 }).ran("canary", 100, 1);
    assert.equal(bench.look(58_000).kind, "watching");
    const verdict = bench.look();
    assert.deepEqual(verdict, { kind: "promote", why: "1 of 100 commands faulted, 0 of 0 on the stable version" });
  });

  it("is not promoted untried, nor with more faults than allowed", () => {
    assert.equal(new Bench({ forMs: 60_000 }).ran("canary", 9).look(60_000).kind, "watching");
    assert.equal(new Bench({ forMs: 60_000 }).ran("canary", 20, 1).look(60_000).kind, "watching");
    assert.equal(new Bench().ran("canary", 100).look(3_600_000).kind, "watching", "nobody asked for it");
  });
});
