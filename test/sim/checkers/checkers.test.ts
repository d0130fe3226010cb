/** Checkers whose subject another one mostly sees first, on histories made by hand. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { bytesOf } from "../business/book.js";
import { type CommandRecord, History, type SightRecord } from "../history.js";
import type { Books } from "./final-books.js";
import { checkRegisters } from "./register-values.js";
import { checkSets } from "./set-full.js";

const REGISTER = { type: "sim/register", id: "0:0" };
const SET = { type: "sim/set", id: "0:0" };
const NO_BOOKS: Books = new Map();

function command(record: Partial<CommandRecord> & Pick<CommandRecord, "id" | "entity" | "name" | "input">): CommandRecord {
  return {
    mode: "call",
    hasKey: false,
    delayMs: 0,
    invokedAtMs: 0,
    open: 0,
    mayHaveRun: false,
    status: "replied",
    answeredAtMs: 1,
    wasAccepted: false,
    sight: null,
    replyText: "",
    ...record,
  };
}

function sight(shown: Partial<SightRecord> & Pick<SightRecord, "entity" | "invokedAtMs" | "answeredAtMs">): SightRecord {
  return { what: "query", isStrict: false, sight: { n: 0, chain: 0 }, value: null, tokens: null, ...shown };
}

function booksWith(...tokens: readonly string[]): Books {
  const book = { n: tokens.length, chain: 0, log: tokens.map((t) => ({ t, k: "write" })), x: {} };
  return new Map([["sim/register/0:0", { book, version: tokens.length, history: null }]]);
}

/** Writes 1, answered at 10, and 2, from 20 to 30; then a read. */
function registerRead(value: number, invokedAtMs: number, answeredAtMs: number): readonly string[] {
  const history = new History();
  const write = (id: string, v: number, fromMs: number, toMs: number): void => {
    const input = bytesOf({ t: id, v });
    const record = command({ id, entity: REGISTER, name: "write", input, invokedAtMs: fromMs, answeredAtMs: toMs });
    history.commands.set(id, record);
  };
  write("c1", 1, 0, 10);
  write("c2", 2, 20, 30);
  history.sights.push(sight({ entity: REGISTER, value, invokedAtMs, answeredAtMs }));
  checkRegisters(booksWith("c1", "c2"), history);
  return history.violations;
}

test("a register may show either value while a write is under way", () => {
  assert.deepEqual(registerRead(1, 22, 28), []);
  assert.deepEqual(registerRead(2, 22, 28), []);
});

test("a register that shows what was overwritten, or not yet written, has no order", () => {
  assert.match(registerRead(1, 40, 50).join(), /the 3 operations of sim\/register\/0:0 have no order/);
  assert.match(registerRead(2, 12, 18).join(), /have no order/);
  assert.match(registerRead(3, 22, 28).join(), /have no order/);
});

test("a comparison that is refused though it fits has no order", () => {
  const history = new History();
  const input = bytesOf({ t: "c1", a: "0", v: 1 });
  history.commands.set("c1", command({ id: "c1", entity: REGISTER, name: "cas", input, status: "refused" }));
  checkRegisters(NO_BOOKS, history);
  assert.match(history.violations.join(), /have no order/);
});

/** Adds c1, answered at 10; a read from 20 to 30, and another from 40 to 50. */
function setReads(first: readonly string[], second: readonly string[]): readonly string[] {
  const history = new History();
  const add = (id: string, answeredAtMs: number, status: CommandRecord["status"]): void => {
    history.commands.set(id, command({ id, entity: SET, name: "add", input: bytesOf({ t: id }), answeredAtMs, status }));
  };
  add("c1", 10, "replied");
  add("c2", Infinity, "none");
  history.sights.push(sight({ entity: SET, tokens: first, invokedAtMs: 20, answeredAtMs: 30 }));
  history.sights.push(sight({ entity: SET, tokens: second, invokedAtMs: 40, answeredAtMs: 50 }));
  checkSets(history);
  return history.violations;
}

test("a set shows all that was added, and what is not known to be added, or not", () => {
  assert.deepEqual(setReads(["c1"], ["c1"]), []);
  assert.deepEqual(setReads(["c1"], ["c1", "c2"]), []);
});

test("a set that loses, forgets or invents an element is found", () => {
  assert.match(setReads([], ["c1"]).join(), /does not show c1, which was added before/);
  assert.match(setReads(["c1", "c2"], ["c1"]).join(), /does not show c2, which was seen before/);
  assert.match(setReads(["c1", "c9"], ["c1", "c9"]).join(), /shows c9, which nobody added/);
});
