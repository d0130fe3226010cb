/** Random programs on the local snapshot store under power cuts. */
import type { ObjectWriter } from "../../src/ports/snapshots.js";
import { StorageProblem } from "../../src/ports/storage-problem.js";
import { LocalSnapshots } from "../../src/snapshots-local/local-snapshots.js";
import { type Counters, check } from "./counters.js";
import { type Life, runLives, type Wrap } from "./lives.js";
import type { Random } from "./random.js";

const ROOT = "data/router";

interface ObjectModel {
  readonly name: string;
  content: Uint8Array;
  /** `open`: it may be there, whole, or not. */
  state: "never" | "open" | "there" | "gone";
}

export async function snapshotsCase(random: Random, counters: Counters, wrap: Wrap): Promise<void> {
  const objects: ObjectModel[] = [];
  await runLives(random, counters, wrap, async (life) => {
    const snapshots = await openSnapshots(life);
    if (snapshots === null) return false;
    if (!(await checkAll(life, snapshots, objects))) return false;
    const underWay = new Set<Promise<void>>();
    for (let steps = life.isLast ? 0 : random.between(5, 30); steps > 0 && life.isRunning(); steps--) {
      const step = random.chance(0.7) ? write(life, snapshots, objects) : removeOrRead(life, snapshots, objects);
      const tracked = step.finally(() => underWay.delete(tracked));
      underWay.add(tracked);
      tracked.catch(() => undefined); // its failure is the case's failure, where it is awaited
      if (underWay.size > 3) await Promise.all(underWay);
    }
    await Promise.all(underWay);
    if (!life.isRunning() || random.chance(0.5)) return false;
    await snapshots.close();
    return true;
  });
}

async function openSnapshots(life: Life): Promise<LocalSnapshots | null> {
  try {
    return await LocalSnapshots.open(life.files, ROOT);
  } catch (error) {
    check(
      error instanceof StorageProblem && isDiskTrouble(error.code) && !life.isLast,
      `opening the snapshots: ${String(error)}`,
    );
    return null;
  }
}

const isDiskTrouble = (code: string | undefined) => code === "disk_full" || code === "disk_failed";

async function checkAll(life: Life, snapshots: LocalSnapshots, objects: readonly ObjectModel[]): Promise<boolean> {
  for (const object of objects) if (!(await checkObject(life, snapshots, object, true))) return false;
  const outcome = await snapshots.list("");
  if (!life.isRunning()) return false;
  check(outcome.kind === "listed", "the objects cannot be listed");
  const expected = objects.filter(({ state }) => state === "there").map(({ name }) => name);
  check(outcome.names.join() === expected.sort().join(), `the list is ${outcome.names.join()}, not ${expected.join()}`);
  return true;
}

async function checkObject(life: Life, snapshots: LocalSnapshots, object: ObjectModel, isStart: boolean): Promise<boolean> {
  const before = object.state;
  const outcome = await snapshots.read(object.name, 0, 1 << 30);
  if (!life.isRunning()) return false;
  const { name, state, content } = object;
  if (state !== before) return true; // deleted meanwhile: the read may show either
  switch (outcome.kind) {
    case "failed":
      check(isDiskTrouble(outcome.code) && !life.isLast, `${name}: ${outcome.message}`);
      return false;
    case "absent":
      check(state !== "there", `${name}: an object that was finished is gone`);
      if (isStart && state === "open") object.state = "gone";
      break;
    case "found":
      check(state === "there" || state === "open", `${name}: shows although it is ${state}`);
      check(
        Buffer.compare(outcome.bytes, content) === 0,
        `${name}: shows ${outcome.bytes.length} bytes, not its ${content.length}`,
      );
      object.state = "there";
  }
  life.counters.add(`snapshots: objects checked, ${outcome.kind}`);
  return true;
}

async function write(life: Life, snapshots: LocalSnapshots, objects: ObjectModel[]): Promise<void> {
  const { random, counters } = life;
  const name = `Segment/${objects.length}${random.chance(0.1) ? "y".repeat(300) : ""}`;
  const object: ObjectModel = { name, content: new Uint8Array(0), state: "never" };
  objects.push(object);
  const writer: ObjectWriter = snapshots.create(name);
  for (let chunks = random.below(4); chunks > 0; chunks--) {
    const chunk = random.bytes(random.pick([1, random.between(1, 4000)]));
    object.content = Buffer.concat([object.content, chunk]);
    await writer.write(chunk);
  }
  if (random.chance(0.1)) return; // left unfinished
  if (random.chance(0.1)) return writer.abort();
  object.state = "open";
  const outcome = await writer.finish();
  if (!life.isRunning()) return;
  counters.add(`snapshots: finishes ${outcome.kind}`);
  if (outcome.kind === "happened") object.state = "there";
  if (outcome.kind === "refused") object.state = "never";
}

async function removeOrRead(life: Life, snapshots: LocalSnapshots, objects: readonly ObjectModel[]): Promise<void> {
  const { random, counters } = life;
  const there = objects.filter(({ state }) => state === "there");
  if (there.length === 0) return;
  const object = random.pick(there);
  if (random.chance(0.5)) {
    await checkObject(life, snapshots, object, false);
    return;
  }
  object.state = "open";
  const outcome = await snapshots.delete(object.name);
  if (!life.isRunning()) return;
  counters.add(`snapshots: deletes ${outcome.kind}`);
  if (outcome.kind === "happened") object.state = "gone";
}
