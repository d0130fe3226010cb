import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Message } from "../entity/command.js";
import { Outbox } from "./outbox.js";

const CART = { type: "shop/cart", id: "c1" };
const STOCK = { type: "shop/stock", id: "s1" };

function message(targetShard: number, number: number, changed: Partial<Message> = {}): Message {
  const command = {
    id: `m${targetShard}.${number}`,
    name: "note",
    isQuery: false,
    input: new Uint8Array(0),
    acceptedAtMs: 0,
    deadlineMs: Infinity,
    caller: CART,
    metadata: [],
    answer: null,
    replyTo: null,
    bodyHash: "",
  };
  return { sourceShard: 0, targetShard, number, to: STOCK, command, timer: null, ...changed };
}

function outboxOf(...messages: readonly Message[]): Outbox {
  const outbox = new Outbox();
  for (const one of messages) outbox.add(one);
  return outbox;
}

function numbers(outbox: Outbox, target: number, from = 0): number[] {
  return [...outbox.from(target, from)].map(({ number }) => number);
}

describe("the outbox", () => {
  test("keeps messages by target, in the order of their numbers, until each is removed", () => {
    const outbox = outboxOf(message(1, 1), message(2, 1), message(1, 2), message(1, 3));
    assert.equal(outbox.size, 4);
    assert.deepEqual([...outbox.targets()], [1, 2]);
    assert.deepEqual(numbers(outbox, 1), [1, 2, 3]);
    assert.deepEqual(numbers(outbox, 1, 2), [2, 3]);
    outbox.remove(1, 2);
    assert.deepEqual(numbers(outbox, 1), [1, 3]);
    assert.deepEqual(numbers(outbox, 2), [1]);
    assert.equal(outbox.size, 3);
    assert.ok(outbox.has(1, 3) && !outbox.has(1, 2) && !outbox.has(3, 1));
  });

  test("tells the lowest number that is not acknowledged, whatever was acknowledged above it", () => {
    const outbox = outboxOf(message(1, 4), message(1, 5), message(1, 6));
    assert.equal(outbox.lowest(1), 4);
    outbox.remove(1, 5);
    assert.equal(outbox.lowest(1), 4);
    outbox.remove(1, 4);
    assert.equal(outbox.lowest(1), 6);
    outbox.remove(1, 6);
    assert.equal(outbox.lowest(1), null);
    assert.equal(outbox.lowest(9), null);
  });

  test("takes a message once, and forgets it once, however often it is told", () => {
    const outbox = outboxOf(message(1, 1), message(1, 1));
    assert.equal(outbox.size, 1);
    outbox.remove(1, 1);
    outbox.remove(1, 1);
    outbox.remove(7, 1);
    assert.equal(outbox.size, 0);
  });

  test("is in order behind an opening, in which the newest came first", () => {
    const outbox = outboxOf(message(1, 12), message(1, 2), message(1, 10), message(2, 3), message(2, 1));
    outbox.sort();
    assert.deepEqual(numbers(outbox, 1), [2, 10, 12]);
    assert.deepEqual(numbers(outbox, 2), [1, 3]);
    assert.equal(outbox.lowest(1), 2);
    assert.equal(outbox.size, 5);
  });
});

describe("messages that an entity's timer has sent to the entity itself", () => {
  const own = (number: number, timer = "expiry"): Message => message(0, number, { to: CART, timer });

  test("are found by the timer's name while they wait", () => {
    const outbox = outboxOf(own(1), own(2), own(3, "other"));
    assert.deepEqual(outbox.ownTimer(CART, "expiry"), [1, 2]);
    outbox.remove(0, 1);
    assert.deepEqual(outbox.ownTimer(CART, "expiry"), [2]);
    outbox.remove(0, 2);
    assert.deepEqual(outbox.ownTimer(CART, "expiry"), []);
    assert.deepEqual(outbox.ownTimer(CART, "other"), [3]);
  });

  test("are told from those to others, from those without a timer, and from those of another entity", () => {
    const another = { ...CART, id: "c2" };
    const outbox = outboxOf(
      message(0, 1, { timer: "expiry" }),
      message(0, 2, { to: CART }),
      message(0, 3, { to: CART, timer: "expiry", command: { ...own(3).command, caller: another } }),
      message(0, 4, { to: CART, timer: "expiry", command: { ...own(4).command, caller: null } }),
    );
    assert.deepEqual(outbox.ownTimer(CART, "expiry"), []);
    assert.deepEqual(outbox.ownTimer(another, "expiry"), []);
    assert.equal(outbox.size, 4);
  });

  test("are not mixed up where a name could be read as part of an id", () => {
    const outbox = outboxOf(own(1, "b"));
    assert.deepEqual(outbox.ownTimer({ ...CART, id: "c1b" }, ""), []);
  });
});
