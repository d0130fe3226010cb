/** Random programs on the local journal under power cuts. */

import { LocalJournal } from "../../src/journal-local/local-journal.js";
import { scanFile } from "../../src/journal-local/scan.js";
import { WHOLE_LOG } from "../../src/ports/journal.js";
import { StorageProblem } from "../../src/ports/storage-problem.js";
import { type Counters, check } from "./counters.js";
import { LogModel } from "./journal-model.js";
import { type Life, runLives, type Wrap } from "./lives.js";
import { ManualClock } from "./manual-clock.js";
import type { PowerCutDisk } from "./power-cut-disk.js";
import type { Random } from "./random.js";

const ROOT = "data/router";

export async function journalCase(random: Random, counters: Counters, wrap: Wrap): Promise<void> {
  const logs: LogModel[] = [];
  const disk = await runLives(random, counters, wrap, async (life) => {
    const clock = new ManualClock();
    const journal = await openJournal(life, clock);
    if (journal === null) return false;
    for (const log of logs) log.startLife();
    await checkStart(life, journal, logs);
    if (life.isLast) {
      await journal.close();
      return true;
    }
    const log = new LogModel(`log-${logs.length + 1}/A`);
    logs.push(log);
    await new Program(life, clock, journal, logs, log).run();
    if (!life.isRunning() || life.random.chance(0.6)) return false;
    await journal.close();
    return true;
  });
  if (random.chance(0.4)) await damageCase(disk, random, counters, logs);
}

/** Null when a fault or the cut kept it from opening: the process gives up and another one starts. */
async function openJournal({ files, random }: Pick<Life, "files" | "random">, clock: ManualClock): Promise<LocalJournal | null> {
  try {
    const randomU32 = () => random.u32();
    return await LocalJournal.open({ files, clock, randomU32, root: ROOT, fileBytesMax: random.pick([4096, 16_384, 1 << 20]) });
  } catch (error) {
    check(error instanceof StorageProblem && isDiskTrouble(error.code), `opening the journal: ${String(error)}`);
    return null;
  }
}

const isDiskTrouble = (code: string | undefined) => code === "disk_full" || code === "disk_failed";

/** Everything that may be there is there or not, and what is shown now is durable from now on. */
async function checkStart(life: Life, journal: LocalJournal, logs: readonly LogModel[]): Promise<void> {
  for (const log of logs) {
    const highest = Math.max(0, ...log.attemptsByPosition.keys());
    for (let position = 1; position <= highest + 1; position++) {
      const outcome = await journal.read(log.name, position, 1, 1);
      if (!life.isRunning()) return;
      if (outcome.kind === "failed") {
        check(isDiskTrouble(outcome.code) && !life.isLast, `log ${log.name}: ${outcome.message}`);
        return;
      }
      const body = outcome.bodies[0];
      if (body === undefined) log.absentAfterStart(position);
      else log.shown(position, body);
    }
    life.counters.add("journal: logs checked at a start");
  }
}

class Program {
  readonly #life: Life;
  readonly #clock: ManualClock;
  readonly #journal: LocalJournal;
  readonly #logs: readonly LogModel[];
  /** The log of this life; the others are read, sealed and trimmed. */
  readonly #own: LogModel;
  readonly #underWay = new Set<Promise<void>>();
  #next = 1;
  #isEnded = false;

  constructor(life: Life, clock: ManualClock, journal: LocalJournal, logs: readonly LogModel[], own: LogModel) {
    this.#life = life;
    this.#clock = clock;
    this.#journal = journal;
    this.#logs = logs;
    this.#own = own;
  }

  async run(): Promise<void> {
    const { random } = this.#life;
    const kinds = [
      "append",
      "append",
      "append",
      "append",
      "again",
      "read",
      "idle",
      "settle",
      "settle",
      "seal",
      "trim",
      "drop",
    ] as const;
    for (let steps = random.between(5, 60); steps > 0 && this.#life.isRunning(); steps--) {
      const kind = random.pick(kinds);
      if (kind === "settle") await Promise.all(this.#underWay);
      else this.#start(this.#step(kind));
    }
    await Promise.all(this.#underWay);
  }

  #start(step: Promise<void>): void {
    const tracked = step.finally(() => this.#underWay.delete(tracked));
    this.#underWay.add(tracked);
    // Its failure is the case's failure, wherever it is awaited.
    tracked.catch(() => undefined);
  }

  async #step(kind: "append" | "again" | "read" | "idle" | "seal" | "trim" | "drop"): Promise<void> {
    const { random, counters } = this.#life;
    const log = random.pick(this.#logs);
    switch (kind) {
      case "append":
        // The writer's rule: a few positions in flight, none behind an append whose end is not known.
        if (!this.#isEnded && this.#underWay.size < 8) await this.#append(this.#own, this.#next++, this.#body());
        return;
      case "again":
        if (this.#next > 1) await this.#append(this.#own, random.between(1, this.#next - 1), this.#body());
        return;
      case "read":
        return this.#read(log, random.between(1, 20));
      case "idle":
        this.#clock.fireAll();
        return;
      case "seal": {
        if (log === this.#own || log.base === WHOLE_LOG) return;
        const end = await this.#end(log);
        if (end !== null) await this.#append(log, end, this.#body());
        return;
      }
      case "trim": {
        const base = random.between(1, 30);
        log.base = Math.max(log.base, base);
        counters.add("journal: trims");
        await this.#journal.trim(log.name, base).catch((error) => this.#checkTrouble(error));
        return;
      }
      case "drop":
        if (log === this.#own || random.chance(0.7)) return;
        log.base = WHOLE_LOG;
        counters.add("journal: logs removed");
        await this.#journal.trim(log.name, WHOLE_LOG).catch((error) => this.#checkTrouble(error));
    }
  }

  async #append(log: LogModel, position: number, body: Uint8Array): Promise<void> {
    const attempt = log.issue(position, body);
    const outcome = await this.#journal.append(log.name, position, body);
    if (!this.#life.isRunning()) return;
    this.#life.counters.add(`journal: appends ${outcome.kind}`);
    switch (outcome.kind) {
      case "happened":
        return log.happened(position, attempt);
      case "taken":
        log.refused(position, attempt);
        return log.shown(position, outcome.body);
      case "refused":
        log.refused(position, attempt);
        if (outcome.isPermanent && log === this.#own && position >= log.base) this.#isEnded = true;
        else if (!outcome.isPermanent && log === this.#own && !this.#isEnded) await this.#append(log, position, this.#body());
        return;
      case "unknown":
        if (log === this.#own) this.#isEnded = true;
    }
  }

  async #read(log: LogModel, position: number): Promise<void> {
    const outcome = await this.#journal.read(log.name, position, 50, 20_000);
    if (!this.#life.isRunning()) return;
    if (outcome.kind === "failed") return check(isDiskTrouble(outcome.code), outcome.message);
    for (const [at, body] of outcome.bodies.entries()) log.shown(position + at, body);
  }

  /** The first absent position of somebody else's log. */
  async #end(log: LogModel): Promise<number | null> {
    const { base } = log;
    const outcome = await this.#journal.read(log.name, base, 1000, 1 << 30);
    if (!this.#life.isRunning() || outcome.kind === "failed") return null;
    for (const [at, body] of outcome.bodies.entries()) log.shown(base + at, body);
    return base + outcome.bodies.length;
  }

  /** Random bytes, sometimes full of what frames begin with. */
  #body(): Uint8Array {
    const { random } = this.#life;
    const body = random.bytes(random.pick([random.between(1, 40), random.between(1, 600), random.between(1, 6000)]));
    if (random.chance(0.2)) for (let at = 0; at + 4 <= body.length; at += 36) body.set([0xf1, 0x48, 0x46, 0x52], at);
    return body;
  }

  #checkTrouble(error: unknown): void {
    check(error instanceof StorageProblem && isDiskTrouble(error.code), `trimming: ${String(error)}`);
  }
}

/** One bit of what was synced flips: the log is refused, and the message says where. */
async function damageCase(disk: PowerCutDisk, random: Random, counters: Counters, logs: readonly LogModel[]): Promise<void> {
  const files = disk.filesSeen().filter(([path]) => path.endsWith(".journal"));
  if (files.length === 0) return;
  const [path, file] = random.pick(files);
  const bytes = (content: typeof file) => Buffer.from(content.read(0, content.length));
  const number = Number(path.slice(-18, -8));
  const log = logs.find(({ name }) => path.includes(`/${name.replace("/A", "%2f%41")}/`));
  check(log !== undefined, `a file of no log: ${path}`);
  const next = files.find(([other]) => other === `${path.slice(0, -18)}${String(number + 1).padStart(10, "0")}.journal`);
  const expected = { log: log.name, number };
  const end =
    next === undefined ? null : scanFile(bytes(next[1]), next[0], { log: log.name, number: number + 1 }, null).header.previousEnd;
  const provenEnd = scanFile(bytes(file), path, expected, end).provenEnd;
  const offset = random.below(provenEnd);
  file.damage(offset, 1 << random.below(8));
  const journal = await openJournal({ files: disk.plugIn().files, random }, new ManualClock());
  check(journal !== null, "opening the journal");
  const outcome = await journal.read(log.name, 1, 1, 1);
  check(outcome.kind === "failed", `${path}: a bit that flipped at ${offset} of ${provenEnd} is not noticed`);
  // The version byte cannot be told from that of a newer format.
  check(outcome.code === "journal_damaged" || (outcome.code === "format_newer" && offset === 8), `damage: ${outcome.message}`);
  check(outcome.message.startsWith(`${path}: `), `the damaged file is not named: ${outcome.message}`);
  const named = Number(/damaged at offset (\d+)/.exec(outcome.message)?.[1] ?? offset);
  check(named <= offset, `the damage at ${offset} is said to be at ${named}`);
  counters.add("journal: flipped bits found");
}
