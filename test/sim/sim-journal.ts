/** The journal of src/ports/journal.ts under faults: appends with three outcomes, late landings, a disk that fills up. */
import type { AppendOutcome, LogId, ReadOutcome } from "../../src/core/log/record.js";
import type { Caller, Disk } from "./disk.js";

interface Log {
  readonly bodies: Map<number, Uint8Array>;
  base: number;
}

export interface JournalWatch {
  /** Somebody has sent this body for this position. */
  attempted(log: LogId, position: number, body: Uint8Array): void;
  /** A record has landed. */
  recorded(log: LogId, position: number, body: Uint8Array): void;
  /** The commands on whose account a record is refused for ever, if any. */
  refusedIn(body: Uint8Array): readonly string[];
  refused(caller: Caller, commandIds: readonly string[]): void;
  trimmed(log: LogId, base: number): void;
}

export class SimJournal {
  readonly #disk: Disk;
  readonly #watch: JournalWatch;
  readonly #logs = new Map<LogId, Log>();
  /** Bodies that their log's owner has sent, and that may still land. */
  readonly #underWay = new Map<string, Uint8Array>();

  constructor(disk: Disk, watch: JournalWatch) {
    this.#disk = disk;
    this.#watch = watch;
  }

  append(caller: Caller, log: LogId, position: number, body: Uint8Array, report: (outcome: AppendOutcome) => void): void {
    const disk = this.#disk;
    const { refused, permanent } = disk.mix.journal;
    const refusedIds = disk.isHealed ? [] : this.#watch.refusedIn(body);
    const isPermanent = refusedIds.length > 0 || disk.random.chance(permanent);
    this.#watch.attempted(log, position, body);
    if (refusedIds.length > 0) {
      this.#watch.refused(caller, refusedIds);
      disk.world.count("fault.append.unstorable");
    }
    if (isPermanent || disk.random.chance(refused) || (disk.isFull && !disk.isHealed)) {
      disk.world.count(isPermanent ? "fault.append.refusedForEver" : disk.isFull ? "fault.append.full" : "fault.append.refused");
      const outcome: AppendOutcome = { kind: "refused", isPermanent, message: "simulated", retryAfterMs: null };
      disk.world.after(disk.delayMs(), () => caller.isAlive && report(outcome));
      return;
    }
    const fate = disk.fateOf(disk.mix.journal, "append");
    this.#race(caller, log, position, body, fate !== "lost");
    disk.write(
      caller,
      "append",
      fate,
      () => this.#land(log, position, body),
      (outcome) => report(outcome ?? { kind: "unknown", message: "simulated" }),
    );
  }

  /** What is under way for a position that somebody else wants to seal lands just before the seal, as often as not. */
  #race(caller: Caller, log: LogId, position: number, body: Uint8Array, mayLand: boolean): void {
    const disk = this.#disk;
    const place = `${log}#${position}`;
    const earlier = this.#underWay.get(place);
    if (earlier !== undefined && caller.name !== log && !disk.isHealed && disk.random.chance(0.5)) {
      disk.world.count("fault.append.beforeSeal");
      this.#underWay.delete(place);
      this.#land(log, position, earlier);
    } else if (caller.name === log && mayLand && !caller.isCutOff) this.#underWay.set(place, body);
  }

  read(
    caller: Caller,
    log: LogId,
    position: number,
    countMax: number,
    bytesMax: number,
    report: (outcome: ReadOutcome) => void,
  ): void {
    const disk = this.#disk;
    const isFailed = caller.isCutOff || disk.random.chance(disk.mix.journalRead.failed);
    if (isFailed) disk.world.count("fault.readRecords.failed");
    disk.read(
      caller,
      (): ReadOutcome => (isFailed ? { kind: "failed", message: "simulated" } : this.#bodies(log, position, countMax, bytesMax)),
      report,
    );
  }

  trim(log: LogId, base: number): void {
    const trimmed = this.#log(log);
    if (base <= trimmed.base) return;
    trimmed.base = base;
    this.#watch.trimmed(log, base);
    for (const position of [...trimmed.bodies.keys()]) if (position < base) trimmed.bodies.delete(position);
  }

  /** Whether every record up to `position` has landed. */
  isDurable(log: LogId, position: number): boolean {
    const { bodies, base } = this.#log(log);
    for (let at = base; at <= position; at++) if (!bodies.has(at)) return false;
    return true;
  }

  /** Whether every record from `from` up to, not with, `to` is there. */
  holds(log: LogId, from: number, to: number): boolean {
    const { bodies } = this.#log(log);
    for (let at = from; at < to; at++) if (!bodies.has(at)) return false;
    return true;
  }

  #land(log: LogId, position: number, body: Uint8Array): AppendOutcome {
    const { bodies, base } = this.#log(log);
    const standing = bodies.get(position);
    if (standing !== undefined) return { kind: "taken", body: standing.slice() };
    if (position < base) return { kind: "refused", isPermanent: true, message: "trimmed", retryAfterMs: null };
    this.#underWay.delete(`${log}#${position}`);
    bodies.set(position, body.slice());
    this.#watch.recorded(log, position, body);
    this.#disk.world.count("landed.append");
    return { kind: "happened" };
  }

  #bodies(log: LogId, position: number, countMax: number, bytesMax: number): ReadOutcome {
    const found: Uint8Array[] = [];
    const { bodies } = this.#log(log);
    let bytes = 0;
    for (let at = position; found.length < countMax && bytes < bytesMax; at++) {
      const body = bodies.get(at);
      if (body === undefined) break;
      found.push(body.slice());
      bytes += body.length;
    }
    return { kind: "records", bodies: found };
  }

  #log(log: LogId): Log {
    let known = this.#logs.get(log);
    if (known === undefined) {
      known = { bodies: new Map(), base: 1 };
      this.#logs.set(log, known);
    }
    return known;
  }
}
