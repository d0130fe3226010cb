import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { checkHistory, type HistoryEvent } from "./history-is-the-state.js";

const event = (entityVersion: number, name: string, by: number, key: string): HistoryEvent => ({
  entityVersion,
  name,
  data: { by, key },
});
const EVENTS = [event(1, "credited", 5, "a"), event(2, "debited", 2, "b"), event(3, "credited", 1, "c")];
const STATE = { version: 3, balance: 4 };
const POSTINGS = new Map([
  ["a", 5],
  ["b", -2],
  ["c", 1],
]);
const check = (events = EVENTS, state = STATE, postings: ReadonlyMap<string, number> | null = POSTINGS): string =>
  checkHistory("ledger", events, state, postings).join("\n");

describe("a history that is read back", () => {
  it("is fine where it is", () => {
    assert.equal(check(), "");
    assert.equal(check(EVENTS, STATE, null), "");
    assert.deepEqual(checkHistory("ledger", [], { version: 0, balance: 0 }, new Map()), []);
  });

  it("is found out where a posting is lost, doubled, changed, or nobody's", () => {
    assert.match(check(EVENTS.slice(0, 2), { version: 2, balance: 3 }), /posting of c is gone/);
    assert.match(check([...EVENTS, event(4, "credited", 1, "c")], { version: 4, balance: 5 }), /posting of c stands there twice/);
    assert.match(check([...EVENTS.slice(0, 2), event(3, "credited", 2, "c")], { version: 3, balance: 5 }), /is 2, not 1/);
    assert.match(check([...EVENTS, event(4, "credited", 1, "d")], { version: 4, balance: 5 }), /nobody was told .* d/);
  });

  it("is found out where versions have a gap, or the state is not its fold", () => {
    assert.match(check([...EVENTS.slice(0, 2), event(4, "credited", 1, "c")]), /event 3 has version 4/);
    assert.match(check(EVENTS, { version: 3, balance: 5 }), /adds up to 4/);
    assert.match(check(EVENTS, { version: 4, balance: 4 }), /version 4 with 3 events/);
  });

  it("is found out where a debit was refused, and stands there", () => {
    assert.match(check([event(1, "debited", 1, "a")], { version: 1, balance: -1 }, null), /below zero/);
  });
});
