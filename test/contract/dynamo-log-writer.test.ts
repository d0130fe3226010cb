/** The real log writer on the real journal, while requests are lost, cut off, late, doubled, throttled and failed. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, test } from "node:test";
import { crc32 } from "node:zlib";
import type { Effect } from "../../src/core/effect.js";
import type { Entry } from "../../src/core/log/entry.js";
import type { LogLimits } from "../../src/core/log/log-limits.js";
import { LogWriter } from "../../src/core/log/log-writer.js";
import type { JournalPort } from "../../src/ports/journal.js";
import { recordCodec } from "../../src/protocol/record/record-codec.js";
import { AwsProxy, PASS } from "../aws/fault-proxy/aws-proxy.js";
import { Faults } from "../aws/fault-proxy/faults.js";
import { startDynalite } from "../aws/servers/dynalite.js";
import { emulator, journalTable, openJournal } from "./dynamo-subjects.js";
import { realClock } from "./real-clock.js";

const server = await startDynalite();
const upstream = { dynamodb: server.endpoint, s3: "", lambda: "" };
const table = await journalTable(emulator(server.endpoint));
after(() => server.stop());

const LIMITS: LogLimits = {
  appendsInFlightMax: 4,
  recordBytesTarget: 4 << 10,
  recordBytesMax: 400_000,
  spillBytesMin: Infinity,
  valueBytesMax: 400_000,
  spillPatienceMs: 1_000,
  retryMinMs: 2,
  retryMaxMs: 20,
  standstillMaxMs: 60_000,
};
const codec = recordCodec(randomBytes(16));
const newWriter = (log: string, limits = LIMITS) => new LogWriter(log, codec, limits, () => randomBytes(12), crc32);

function entryOf(sequence: number): Entry {
  return { shard: 0, epoch: 1, sequence, atMs: sequence, body: { kind: "acknowledged", targetShard: 0, numbers: [sequence] } };
}

/** Writes entries until all are durable, or the log has ended: what the driver does, one IO for each effect. */
async function write(writer: LogWriter, journal: JournalPort, entries: number): Promise<void> {
  const effects: Effect[] = [];
  const running = new Set<Promise<void>>();
  const now = () => realClock.monotonicMs();
  let added = 0;
  while (writer.end === null && (added < entries || writer.durable < writer.last)) {
    // As many as come in one turn.
    for (let count = 0; added < entries && writer.depth < LIMITS.appendsInFlightMax && count < 7; count++) {
      writer.add(entryOf(++added), now());
    }
    writer.flush(now(), effects);
    for (const effect of effects.splice(0)) {
      const done: Promise<void> = perform(effect, writer, journal, effects, now).finally(() => running.delete(done));
      running.add(done);
    }
    const wakeMs = Math.max(0, (writer.wakeAtMs() ?? now()) - now());
    await Promise.race([...running, realClock.sleep(Math.min(wakeMs, 50))]);
  }
  await Promise.all(running);
}

async function perform(
  effect: Effect,
  writer: LogWriter,
  journal: JournalPort,
  effects: Effect[],
  now: () => number,
): Promise<void> {
  if (effect.kind === "append") {
    const outcome = await journal.append(effect.log, effect.position, effect.body);
    writer.appendEnded(effect.position, outcome, now(), effects);
  } else if (effect.kind === "readRecords") {
    const outcome = await journal.read(effect.log, effect.position, effect.countMax, effect.bytesMax);
    writer.recordsRead(effect.position, outcome, now());
  } else assert.fail(`the log writer has no ${effect.kind}`);
}

async function sequences(journal: JournalPort, log: string): Promise<number[]> {
  const outcome = await journal.read(log, 1, 100_000, 1 << 30);
  assert.ok(outcome.kind === "records", outcome.kind === "failed" ? outcome.message : "");
  return outcome.bodies.flatMap((body) => {
    const record = codec.decode(body);
    assert.ok(record.kind === "entries");
    return record.entries.map(({ sequence }) => sequence);
  });
}

for (const seed of [1, 2, 3, 4]) {
  test(`every entry becomes durable once and in order, whatever becomes of requests (seed ${seed})`, async () => {
    const rates = { rate: 0.4, delayMsMax: 30 };
    const faults = new Faults(seed, { dynamodb: rates, s3: rates, lambda: rates });
    const proxy = await AwsProxy.open({ upstream, plan: () => PASS });
    const journal = await openJournal(emulator(proxy.url), table);
    proxy.plan = faults.plan;
    const log = `seed-${seed}`;
    const writer = newWriter(log);
    await write(writer, journal, 400);
    assert.equal(writer.end, null, `an own record was taken for another's: ${writer.end?.message}`);
    assert.ok([...faults.counts.values()].reduce((sum, count) => sum + count, 0) >= 10, "the faults did happen");
    proxy.plan = () => PASS;
    assert.deepEqual(
      await sequences(journal, log),
      Array.from({ length: 400 }, (_, n) => n + 1),
    );
    await journal.close();
    await proxy.close();
  });
}

test("an append of which only the answer was lost is durable after one look, without a second write", async () => {
  const actions: string[] = [];
  const proxy = await AwsProxy.open({ upstream, plan: () => PASS });
  const journal = await openJournal(emulator(proxy.url), table);
  proxy.plan = ({ action }) => {
    actions.push(action);
    return actions.length === 1 ? { kind: "loseReply" } : PASS;
  };
  const writer = newWriter("lost-answer");
  await write(writer, journal, 1);
  assert.equal(writer.end, null);
  assert.deepEqual(actions, ["dynamodb:PutItem", "dynamodb:GetItem"]);
  assert.deepEqual(await sequences(journal, "lost-answer"), [1]);
  await journal.close();
  await proxy.close();
});

test("two writers of one log: one of them commits, the other ends at the first position that it finds taken", async () => {
  const journal = await openJournal(emulator(server.endpoint), table);
  const writers = [newWriter("contended"), newWriter("contended")];
  await Promise.all(writers.map((writer) => write(writer, journal, 200)));
  const ended = writers.filter((writer) => writer.end !== null);
  assert.ok(ended.length >= 1, "both went on");
  for (const { end } of ended) assert.equal(end?.kind, "lost");
  await journal.close();
});
