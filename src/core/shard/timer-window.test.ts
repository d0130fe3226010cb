import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { TimerWindow } from "./timer-window.js";

const owner = { type: "demo/alarm", id: "a" };

function windowOf(sizeMax: number, horizonMs = Infinity): TimerWindow {
  const window = new TimerWindow(sizeMax);
  window.beginExtension();
  window.extend(horizonMs, []);
  return window;
}

function popped(window: TimerWindow, nowMs: number): string[] {
  const names: string[] = [];
  for (let due = window.popDue(nowMs); due !== undefined; due = window.popDue(nowMs)) names.push(`${due.name}@${due.dueAtMs}`);
  return names;
}

describe("the timer window", () => {
  it("gives what is due, earliest first, and nothing before its time", () => {
    const window = windowOf(16);
    for (const [name, dueAtMs] of [
      ["c", 30],
      ["a", 10],
      ["b", 20],
    ] as const)
      window.set({ owner, name, dueAtMs });
    assert.deepEqual(popped(window, 9), []);
    assert.deepEqual(popped(window, 20), ["a@10", "b@20"]);
    assert.equal(window.firstMs, 30);
  });

  it("knows a timer that was set again by its last due time alone, and a cancelled one not at all", () => {
    const window = windowOf(16);
    window.set({ owner, name: "a", dueAtMs: 10 });
    window.set({ owner, name: "a", dueAtMs: 40 });
    window.set({ owner, name: "b", dueAtMs: 20 });
    window.cancel(owner, "b");
    assert.deepEqual(popped(window, 30), []);
    assert.deepEqual(popped(window, 40), ["a@40"]);
  });

  it("leaves what is due behind its horizon to the store", () => {
    const window = windowOf(16, 100);
    window.set({ owner, name: "far", dueAtMs: 100 });
    assert.equal(window.size, 0);
    assert.equal(window.dueAtMs(owner, "far"), undefined);
  });

  it("keeps the earlier half when it grows too large, and lowers its horizon to what it let go", () => {
    const window = windowOf(8);
    for (let at = 1; at <= 9; at++) window.set({ owner, name: `t${at}`, dueAtMs: at });
    assert.equal(window.size, 4);
    assert.equal(window.horizonMs, 5);
    assert.deepEqual(popped(window, 100), ["t1@1", "t2@2", "t3@3", "t4@4"]);
  });

  it("takes many timers of one moment in little time, and gives them all", () => {
    const window = windowOf(64);
    for (let at = 0; at < 20_000; at++) window.set({ owner, name: `t${at}`, dueAtMs: 7 });
    assert.equal(popped(window, 7).length, 20_000);
  });

  it("does not grow by a timer that is set again and again", () => {
    const window = windowOf(64);
    for (let at = 1; at <= 50_000; at++) window.set({ owner, name: "again", dueAtMs: at });
    assert.equal(window.size, 1);
    assert.ok(window.entries < 200, `${window.entries} entries for one timer`);
    assert.deepEqual(popped(window, 50_000), ["again@50000"]);
  });
});
