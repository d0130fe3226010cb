import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { VirtualClock } from "./virtual-clock.js";

describe("the virtual clock", () => {
  it("rings alarms in the order they are due, once, and not those that were cancelled", () => {
    const clock = new VirtualClock(1_000);
    const rung: string[] = [];
    clock.after(30, () => rung.push("c"));
    clock.after(10, () => rung.push("a"));
    clock.after(20, () => rung.push("b"));
    clock.after(5, () => rung.push("never"))();
    assert.equal(clock.nextDueMs(), 1_010);
    clock.advanceTo(1_020);
    assert.deepEqual(rung, ["a", "b"]);
    clock.advanceTo(1_500);
    assert.deepEqual(rung, ["a", "b", "c"]);
    assert.deepEqual([clock.nowMs(), clock.monotonicMs(), clock.nextDueMs()], [1_500, 500, Infinity]);
  });

  it("never goes back", () => {
    const clock = new VirtualClock(0);
    clock.advanceTo(10);
    clock.advanceTo(5);
    assert.equal(clock.nowMs(), 10);
  });

  it("ends a sleep when its time has come or its signal aborts", async () => {
    const clock = new VirtualClock(0);
    const abort = new AbortController();
    const slept = Promise.all([clock.sleep(10), clock.sleep(1_000, abort.signal), clock.sleep(1_000, AbortSignal.abort())]);
    clock.advanceTo(10);
    abort.abort();
    await slept;
    assert.equal(clock.nextDueMs(), Infinity);
  });
});
