import assert from "node:assert/strict";
import { test } from "node:test";
import { AdmissionControl, type Arrival, type ShardLoad } from "./admission.js";
import { MemoryBudget } from "./memory-budget.js";

const LIMITS = { tailBytesMax: 1_000, tailRecordsMax: 10, durableLagMaxMs: 5_000, recordAgeMaxMs: 60_000 };
const QUIET: ShardLoad = { tailBytes: 0, tailRecords: 0, durableLagMs: 0, recordAgeMs: 0 };
const COMMAND: Arrival = {
  origin: "client",
  isForwarded: false,
  isQuery: false,
  bytes: 100,
  mailboxLength: 0,
  mailboxMax: 3,
};
const MESSAGE: Arrival = { ...COMMAND, origin: "message" };

function openAdmission(budget = new MemoryBudget(10_000, 1_000)): AdmissionControl {
  const admission = new AdmissionControl(budget, LIMITS);
  admission.opened();
  return admission;
}

/** The code of the refusal, or the decision. */
function decided(admission: AdmissionControl, arrival: Arrival, shard: ShardLoad = QUIET): string {
  const decision = admission.decide(arrival, shard);
  return decision.kind === "refuse" ? decision.problem.code : decision.kind;
}

test("a quiet router admits commands, messages and timers", () => {
  const admission = openAdmission();
  for (const origin of ["client", "message", "timer"] as const) {
    assert.equal(decided(admission, { ...COMMAND, origin }), "admit");
  }
});

test("another router's client is served before all shards are open, and not once it stops", () => {
  const admission = new AdmissionControl(new MemoryBudget(10_000, 1_000), LIMITS);
  assert.equal(decided(admission, { ...COMMAND, isForwarded: true }), "admit");
  admission.stopped();
  assert.equal(decided(admission, { ...COMMAND, isForwarded: true }), "stopping");
});

test("before all shards are open, and once it stops, a router takes nothing", () => {
  const admission = new AdmissionControl(new MemoryBudget(10_000, 1_000), LIMITS);
  assert.equal(decided(admission, COMMAND), "starting");
  assert.equal(decided(admission, MESSAGE), "hold");
  admission.opened();
  assert.equal(decided(admission, COMMAND), "admit");
  admission.stopped();
  admission.opened();
  assert.equal(decided(admission, COMMAND), "stopping");
  assert.equal(decided(admission, MESSAGE), "hold");
});

test("a full mailbox refuses a client and holds a message back", () => {
  const admission = openAdmission();
  assert.equal(decided(admission, { ...COMMAND, mailboxLength: 2 }), "admit");
  assert.equal(decided(admission, { ...COMMAND, mailboxLength: 3 }), "mailbox_full");
  assert.equal(decided(admission, { ...MESSAGE, mailboxLength: 3 }), "hold");
});

test("entries that wait too long, or a tail at its bound, mean slow storage", () => {
  const admission = openAdmission();
  assert.equal(decided(admission, COMMAND, { ...QUIET, durableLagMs: 5_000 }), "admit");
  for (const load of [{ durableLagMs: 5_001 }, { tailBytes: 1_000 }, { tailRecords: 10 }]) {
    assert.equal(decided(admission, COMMAND, { ...QUIET, ...load }), "storage_slow");
    assert.equal(decided(admission, MESSAGE, { ...QUIET, ...load }), "hold");
    assert.equal(decided(admission, { ...COMMAND, isQuery: true }, { ...QUIET, ...load }), "admit");
  }
});

test("memory above the limit refuses clients; messages go on in the reserve, until that is used up", () => {
  const budget = new MemoryBudget(10_000, 1_000);
  const admission = openAdmission(budget);
  budget.take("state", 8_900);
  assert.equal(decided(admission, COMMAND), "admit");
  budget.take("state", 1);
  assert.equal(decided(admission, COMMAND), "overloaded");
  assert.equal(decided(admission, MESSAGE), "admit");
  budget.take("mailboxes", 1_000);
  assert.equal(decided(admission, MESSAGE), "hold");
});

test("a full cache alone refuses nobody", () => {
  const budget = new MemoryBudget(10_000, 1_000);
  budget.take("cache", 50_000);
  assert.equal(decided(openAdmission(budget), COMMAND), "admit");
});

test("every refusal says when to retry, between a second and thirty", () => {
  const budget = new MemoryBudget(10_000, 1_000);
  const admission = openAdmission(budget);
  const retryAfterMs = (shard: ShardLoad): number | null => {
    const decision = admission.decide(COMMAND, shard);
    assert.equal(decision.kind, "refuse");
    return decision.kind === "refuse" ? decision.problem.retryAfterMs : null;
  };
  assert.equal(retryAfterMs({ ...QUIET, tailRecords: 10 }), 1_000);
  assert.equal(retryAfterMs({ ...QUIET, durableLagMs: 7_000.5 }), 7_001);
  assert.equal(retryAfterMs({ ...QUIET, durableLagMs: 3_600_000 }), 30_000);
  budget.take("state", 20_000);
  assert.equal(retryAfterMs(QUIET), 30_000, "nothing drains: nobody knows");
  budget.passed(0);
  budget.give("state", 1_000);
  budget.passed(1_000);
  const relief = retryAfterMs(QUIET) ?? 0;
  assert.ok(relief > 10_000 && relief < 30_000, `${relief}`);
});

test("with a record that could expire before the next flush, a client's command is refused and a query is not", () => {
  const admission = openAdmission();
  const old = { ...QUIET, recordAgeMs: 60_001 };
  assert.equal(decided(admission, COMMAND, { ...QUIET, recordAgeMs: 60_000 }), "admit");
  assert.equal(decided(admission, COMMAND, old), "storage_slow");
  assert.equal(decided(admission, MESSAGE, old), "hold");
  assert.equal(decided(admission, { ...COMMAND, isQuery: true }, old), "admit");
});
