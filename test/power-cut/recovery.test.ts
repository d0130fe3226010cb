import assert from "node:assert/strict";
import { test } from "node:test";
import { LocalJournal } from "../../src/journal-local/local-journal.js";
import { Counters } from "./counters.js";
import { ManualClock } from "./manual-clock.js";
import { PowerCutDisk } from "./power-cut-disk.js";
import { Random } from "./random.js";

const STEPS = 34;

/** The records that a process finds; null when it was killed before it could tell. */
async function shown(disk: PowerCutDisk, random: Random, killAfter: number | null): Promise<readonly Uint8Array[] | null> {
  const { files, isRunning } = disk.plugIn();
  if (killAfter !== null) disk.endAfter(killAfter, "kill");
  const options = { files, clock: new ManualClock(), randomU32: () => random.u32(), root: "data" };
  const journal = await LocalJournal.open(options).catch(() => null);
  const outcome = await journal?.read("log", 1, 100, 1 << 20);
  if (!isRunning()) return null;
  assert.ok(outcome?.kind === "records", JSON.stringify(outcome));
  return outcome.bodies;
}

async function append(disk: PowerCutDisk, random: Random, killAfter: number): Promise<number> {
  const { files, isRunning } = disk.plugIn();
  const journal = await LocalJournal.open({ files, clock: new ManualClock(), randomU32: () => random.u32(), root: "data" });
  let happened = 0;
  disk.endAfter(killAfter, "kill");
  for (let position = 1; isRunning() && position < STEPS; position++) {
    const { kind } = await journal.append("log", position, new Uint8Array(700).fill(position));
    if (isRunning() && kind === "happened") happened = position;
  }
  return happened;
}

test("killed at any step of writing and again at any step of recovery: what a restart has shown, a power cut leaves", async () => {
  let unacknowledged = 0;
  for (let writing = 1; writing <= STEPS; writing++) {
    for (let recovering = 1; recovering <= STEPS; recovering++) {
      const random = new Random(writing * 1000 + recovering);
      const disk = new PowerCutDisk(random, new Counters());
      const happened = await append(disk, random, writing);
      disk.kill();
      await shown(disk, random, recovering);
      disk.kill();
      const before = await shown(disk, random, null);
      disk.cut();
      const after = await shown(disk, random, null);
      assert.deepEqual(after, before, `writing ${writing}, recovering ${recovering}`);
      assert.ok((before?.length ?? 0) >= happened);
      if ((before?.length ?? 0) > happened) unacknowledged++;
    }
  }
  assert.ok(unacknowledged > 20, "records that were written but not synced came up");
});
