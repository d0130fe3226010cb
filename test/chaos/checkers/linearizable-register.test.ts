import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Random } from "../../sim/random.js";
import { checkRegister, type RegisterOperation } from "./linearizable-register.js";

const NODE = "node-1";
const write = (value: number, invokedAtMs: number, answeredAtMs: number): RegisterOperation => ({
  kind: "write",
  value,
  invokedAtMs,
  answeredAtMs,
  node: NODE,
});
const read = (value: number, invokedAtMs: number, answeredAtMs: number): RegisterOperation => ({
  kind: "read",
  value,
  invokedAtMs,
  answeredAtMs,
  node: NODE,
});
const swap = (expected: number, value: number, isSet: boolean | null, at: number, to: number): RegisterOperation => ({
  kind: "compareAndSet",
  value,
  expected,
  isSet,
  invokedAtMs: at,
  answeredAtMs: to,
  node: NODE,
});

const kindOf = (operations: readonly RegisterOperation[]): string => checkRegister(operations).kind;

describe("linearizability of a register", () => {
  it("takes one operation after the other, and overlapping ones in either order", () => {
    assert.equal(kindOf([]), "linearizable");
    assert.equal(kindOf([write(1, 0, 1), read(1, 2, 3), write(2, 4, 5), read(2, 6, 7)]), "linearizable");
    assert.equal(kindOf([write(1, 0, 10), read(0, 1, 2), read(1, 3, 4)]), "linearizable");
    assert.equal(kindOf([write(1, 0, 10), write(2, 0, 10), read(2, 11, 12), read(2, 11, 12)]), "linearizable");
  });

  it("finds a read of what was overwritten before it was asked", () => {
    assert.equal(kindOf([write(1, 0, 1), write(2, 2, 3), read(1, 4, 5)]), "violated");
  });

  it("finds reads that go back, though each of them by itself could be", () => {
    assert.equal(kindOf([write(1, 0, 1), write(2, 2, 20), read(2, 3, 4), read(1, 5, 6)]), "violated");
  });

  it("finds a write that is lost", () => {
    assert.equal(kindOf([write(1, 0, 1), read(0, 2, 3)]), "violated");
  });

  it("finds two reads that disagree about the order of two writes", () => {
    const writes = [write(1, 0, 10), write(2, 0, 10)];
    assert.equal(kindOf([...writes, read(1, 11, 12), read(2, 13, 14)]), "violated");
  });

  it("finds two compare-and-sets from the same value that both were told they did", () => {
    assert.equal(kindOf([swap(0, 1, true, 0, 5), swap(0, 2, true, 0, 5)]), "violated");
    assert.equal(kindOf([swap(0, 1, true, 0, 5), swap(0, 2, false, 0, 5)]), "linearizable");
  });

  it("lets what was never answered take effect at any time, or not at all", () => {
    const lost = write(1, 0, Number.POSITIVE_INFINITY);
    assert.equal(kindOf([lost, read(0, 5, 6), read(1, 7, 8)]), "linearizable");
    assert.equal(kindOf([lost, read(0, 5, 6)]), "linearizable");
    assert.equal(kindOf([lost, read(1, 5, 6), read(0, 7, 8)]), "violated");
    assert.equal(kindOf([swap(0, 3, null, 0, Number.POSITIVE_INFINITY), read(3, 5, 6)]), "linearizable");
  });

  it("says so when it would search for too long", () => {
    const many = Array.from({ length: 30 }, (_, index) => write(index + 1, 0, 100));
    assert.equal(checkRegister([...many, read(99, 101, 102)], 0, 1_000).kind, "undecided");
  });

  it("takes histories of a real register, thousands of operations long, and finds one stale read planted in them", () => {
    for (let seed = 1; seed <= 5; seed++) {
      const history = realHistory(new Random(seed), 3_000);
      assert.equal(kindOf(history), "linearizable", `seed ${seed}`);
      assert.equal(kindOf(withStaleRead(history)), "violated", `seed ${seed}`);
    }
  });
});

/** Clients at a register that takes each operation at some moment between request and answer. */
function realHistory(random: Random, length: number): RegisterOperation[] {
  const clients = Array.from({ length: 12 }, () => 0);
  const planned = Array.from({ length }, (_, index) => {
    const client = random.below(clients.length);
    const invokedAtMs = (clients[client] as number) + random.between(0, 20);
    const answeredAtMs = invokedAtMs + random.between(1, 15) + (random.chance(0.02) ? 200 : 0);
    clients[client] = answeredAtMs;
    const isWrite = random.chance(0.4);
    return { isWrite, value: index + 1, invokedAtMs, answeredAtMs, atMs: random.between(invokedAtMs, answeredAtMs) };
  });
  let value = 0;
  return planned
    .sort((left, right) => left.atMs - right.atMs)
    .map(({ isWrite, value: written, invokedAtMs, answeredAtMs }) => {
      if (isWrite) value = written;
      return isWrite ? write(written, invokedAtMs, answeredAtMs) : read(value, invokedAtMs, answeredAtMs);
    });
}

/** The first value, read once more when half of all has long been answered. */
function withStaleRead(history: readonly RegisterOperation[]): RegisterOperation[] {
  const [first] = history.filter(({ kind }) => kind === "write");
  const middle = Math.max(...history.slice(0, history.length / 2).map(({ answeredAtMs }) => answeredAtMs));
  return [...history, read(first?.value ?? 0, middle + 1, middle + 2)];
}
