import assert from "node:assert/strict";
import { test } from "node:test";
import type { Effect } from "../../src/core/effect.js";
import type { AppendOutcome } from "../../src/core/log/record.js";
import { sealLog } from "../../src/core/ownership/log-end.js";
import { WalkedRecords } from "../../src/core/ownership/walked-records.js";
import { ClientBench } from "./client-bench.js";
import { codec, entryOf } from "./storage.js";

const LOG = "dead-1";
const SOME = [entryOf(0, 1, 1)];

/** Seals the log, with what a test has to say before each append; gives where it ends, or why not. */
function sealed(
  bench: ClientBench,
  base = 1,
  appends: ((effect: Effect & { readonly kind: "append" }) => AppendOutcome)[] = [],
  walked = new WalkedRecords(),
) {
  bench.storage.intercept = (effect) => {
    const next = effect.kind === "append" ? appends.shift() : undefined;
    if (effect.kind !== "append" || next === undefined) return undefined;
    return { kind: "appendEnded", log: effect.log, position: effect.position, outcome: next(effect) };
  };
  const seals: number[] = [];
  const ending = { codec, client: bench.client, by: "me", nextNonce: () => bench.nextNonce(), walked };
  sealLog(
    ending,
    LOG,
    base,
    (seal) => seals.push(seal),
    (code, message) => bench.refuse(code, message),
  );
  bench.settle();
  return seals.length === 1 ? seals[0] : bench.refusals;
}

function sealerAt(bench: ClientBench, position: number): string | null {
  const body = bench.storage.at(LOG, position);
  const record = body === undefined ? null : codec.decode(body);
  return record?.kind === "seal" ? record.by : null;
}

test("a log ends behind its last record, where the seal is put; an empty one at its base", () => {
  const bench = new ClientBench();
  bench.storage.record(LOG, SOME, SOME, SOME);
  assert.equal(sealed(bench), 4);
  assert.equal(sealerAt(bench, 4), "me");
  assert.equal(sealed(new ClientBench()), 1);
  assert.equal(sealed(new ClientBench(), 700), 700);
});

test("the walk begins at the base: what was trimmed below is no end", () => {
  const bench = new ClientBench();
  bench.storage.record(LOG, SOME, SOME, SOME, SOME);
  bench.storage.logs.get(LOG)?.delete(1);
  bench.storage.logs.get(LOG)?.delete(2);
  assert.equal(sealed(bench, 3), 5);
});

test("a hole is the end, and what lies beyond it means nothing", () => {
  const bench = new ClientBench();
  bench.storage.record(LOG, SOME, SOME, SOME, SOME);
  bench.storage.logs.get(LOG)?.delete(3);
  assert.equal(sealed(bench), 3);
  assert.equal(sealerAt(bench, 3), "me");
});

test("another's seal is the end as well, also with records beyond; nothing is written", () => {
  const bench = new ClientBench();
  bench.storage.record(LOG, SOME, SOME, SOME);
  bench.storage.seal(LOG, 2, "another");
  assert.equal(sealed(bench), 2);
  assert.ok(bench.storage.asked.every(({ kind }) => kind === "readRecords"));
});

test("a record that lands where the seal was to be is walked over", () => {
  const bench = new ClientBench();
  bench.storage.record(LOG, SOME);
  const late = (position: number) => (): AppendOutcome => {
    const body = bench.storage.at(LOG, 1) ?? assert.fail();
    bench.storage.put(LOG, position, body);
    return { kind: "taken", body };
  };
  assert.equal(sealed(bench, 1, [late(2), late(3)]), 4);
  assert.equal(sealerAt(bench, 4), "me");
});

test("a seal whose fate is unknown is looked at: there, it is the end; not there, it is put again", () => {
  const landed = new ClientBench();
  const land = ({ position, body }: Effect & { readonly kind: "append" }): AppendOutcome => {
    landed.storage.put(LOG, position, body);
    return { kind: "unknown", message: "timed out" };
  };
  assert.equal(sealed(landed, 1, [land]), 1);
  const lost = new ClientBench();
  const lose = (): AppendOutcome => ({ kind: "unknown", message: "timed out" });
  assert.equal(sealed(lost, 1, [lose, lose]), 1);
  assert.equal(sealerAt(lost, 1), "me");
});

test("a seal of unknown fate, in whose place a record landed, is put behind it", () => {
  const bench = new ClientBench();
  bench.storage.record("other", SOME);
  const outrun = ({ position }: { readonly position: number }): AppendOutcome => {
    bench.storage.put(LOG, position, bench.storage.at("other", 1) ?? assert.fail());
    return { kind: "unknown", message: "timed out" };
  };
  assert.equal(sealed(bench, 1, [outrun]), 2);
});

test("a seal refused for now is put again, when the store says; one refused for ever refuses the start by its code", () => {
  const full = (retryAfterMs: number | null) => (): AppendOutcome => ({
    kind: "refused",
    isPermanent: false,
    message: "full",
    retryAfterMs,
  });
  const bench = new ClientBench();
  assert.equal(sealed(bench, 1, [full(null), full(3_000)]), 1);
  assert.equal(bench.nowMs, 3_200);
  const broken = { kind: "refused", isPermanent: true, message: "bad disk", retryAfterMs: null } as const;
  assert.deepEqual(sealed(new ClientBench(), 1, [() => broken]), [{ code: "disk_failed", message: "bad disk" }]);
  const damaged = sealed(new ClientBench(), 1, [() => ({ ...broken, code: "journal_damaged" })]);
  assert.deepEqual(damaged, [{ code: "journal_damaged", message: "bad disk" }]);
});

test("a record of a newer format refuses the start and names its position; nothing is sealed", () => {
  const bench = new ClientBench();
  bench.storage.record(LOG, SOME, SOME);
  const body = bench.storage.at(LOG, 2) ?? assert.fail();
  body[3] = 3;
  assert.deepEqual(sealed(bench), [{ code: "format_newer", message: "log dead-1 has a record of format 3 at position 2" }]);
  assert.equal(bench.storage.at(LOG, 3), undefined);
});

test("bytes that are no record of the cluster refuse the start and name their position; nothing is sealed", () => {
  const bench = new ClientBench();
  bench.storage.record(LOG, SOME, SOME);
  const body = bench.storage.at(LOG, 2) ?? assert.fail();
  body[0] = 0;
  const message = "log dead-1 holds no record of this cluster at position 2";
  assert.deepEqual(sealed(bench), [{ code: "journal_damaged", message }]);
  assert.equal(bench.storage.at(LOG, 3), undefined);
});

test("what was read ahead is not read again; a record that came since is met by the seal", () => {
  for (const since of [0, 2]) {
    const bench = new ClientBench();
    bench.storage.record(LOG, ...Array.from({ length: 3 + since }, () => SOME));
    const walked = new WalkedRecords();
    walked.add(
      LOG,
      1,
      [1, 2, 3].map((position) => bench.storage.at(LOG, position) ?? assert.fail()),
    );
    assert.equal(sealed(bench, 1, [], walked), 4 + since);
    assert.ok(sealerAt(bench, 4 + since) !== null);
    const reads = bench.storage.asked.flatMap((effect) => (effect.kind === "readRecords" ? [effect.position] : []));
    assert.deepEqual(reads, since === 0 ? [] : [4]);
  }
});

test("a long log is walked in pieces, and the seal itself finds that the last was the last", () => {
  const bench = new ClientBench();
  bench.storage.record(LOG, ...Array.from({ length: 2_400 }, () => SOME));
  assert.equal(sealed(bench), 2_401);
  const reads = bench.storage.asked.flatMap((effect) => (effect.kind === "readRecords" ? [effect.position] : []));
  assert.deepEqual(reads, [1, 1_025, 2_049]);
});
