/**
 * Judges a canary by what became of commands, beside the stable version in the same time. Pure: it is told the time and the
 * counts, and says what is to be done; src/router/deployment/canary-keeper.ts does it.
 *
 *   watching ──surely more faults than the stable version's and the limit──> roll back
 *       ├──no answer for a while, and the stable version is not down as well──> roll back
 *       └──time is over, enough ran, not more faults than allowed──> promote
 *
 * Unavailability is no fault of a command, and one throttled call among many is none of the canary's; only an endpoint that
 * answers nobody, while the other one does, is down for everybody it serves.
 */
import type { CommandCounts } from "./command-tally.js";

export interface CanaryTuning {
  /** Faults are looked at over so long: what was an hour ago says little of now. */
  readonly windowMs: number;
  /** So long is the finest step of the window: it bounds what is remembered. */
  readonly stepMs: number;
  /** With fewer commands no share says anything. */
  readonly ranMin: number;
  /** How sure it has to be, in standard deviations: 2.58 errs once in 200 looks at independent counts. */
  readonly deviations: number;
  /** An endpoint without any answer for so long, and for so many calls, is down. Callers wait half a minute by default. */
  readonly downMs: number;
  readonly downCallsMin: number;
}

export const CANARY_TUNING: CanaryTuning = {
  windowMs: 600_000,
  stepMs: 10_000,
  ranMin: 10,
  deviations: 2.58,
  downMs: 10_000,
  downCallsMin: 5,
};

export type CanaryVerdict =
  | { readonly kind: "watching" }
  | { readonly kind: "rollBack"; readonly why: string }
  | { readonly kind: "promote"; readonly why: string };

export interface CanaryTrial {
  /** Share of commands that may fault beyond those of the stable version; 0 to 1. */
  readonly faultsMax: number;
  /** Promoted after this time if all went well; null: never by itself. */
  readonly forMs: number | null;
}

type Counts = Readonly<CommandCounts>;

interface Mark {
  readonly atMs: number;
  readonly canary: Counts;
  readonly stable: Counts;
}

interface Outage {
  readonly sinceMs: number;
  readonly canary: Counts;
  readonly stable: Counts;
}

const WATCHING: CanaryVerdict = { kind: "watching" };

export class CanaryWatch {
  readonly #trial: CanaryTrial;
  readonly #tuning: CanaryTuning;
  /** Counts at earlier looks, the oldest at the window's far end first. */
  #marks: Mark[] = [];
  #last: Mark | null = null;
  #outage: Outage | null = null;

  constructor(trial: CanaryTrial, tuning: CanaryTuning = CANARY_TUNING) {
    this.#trial = trial;
    this.#tuning = tuning;
  }

  /** `nowMs` only grows. `elapsedMs`: how long the canary has had its weight. Counts may begin anew, with an incarnation. */
  look(nowMs: number, elapsedMs: number, canary: Counts, stable: Counts): CanaryVerdict {
    const now: Mark = { atMs: nowMs, canary: { ...canary }, stable: { ...stable } };
    const last = this.#last;
    if (last === null) this.#marks = [now];
    else if (isAnew(last.canary, canary) || isAnew(last.stable, stable)) {
      this.#marks = [{ atMs: nowMs, canary: NOTHING, stable: NOTHING }];
      this.#outage = null;
    }
    const down = last === null ? null : this.#lookForOutage(now, last);
    this.#last = now;
    this.#slide(now);
    return down ?? this.#judge(now, elapsedMs);
  }

  #judge(now: Mark, elapsedMs: number): CanaryVerdict {
    const base = this.#marks[0] ?? now;
    const canary = between(base.canary, now.canary);
    const stable = between(base.stable, now.stable);
    const { faultsMax, forMs } = this.#trial;
    const { ranMin, deviations } = this.#tuning;
    if (canary.ran < ranMin) return WATCHING;
    const allowed = faultsMax + surelyAtLeast(stable, deviations);
    const told = `${canary.faulted} of ${canary.ran} commands faulted, ${stable.faulted} of ${stable.ran} on the stable version`;
    if (surelyAtLeast(canary, deviations) > allowed)
      return { kind: "rollBack", why: `${told}; ${percent(faultsMax)} more are allowed` };
    const isOver = forMs !== null && elapsedMs >= forMs;
    return isOver && share(canary) - share(stable) <= faultsMax ? { kind: "promote", why: told } : WATCHING;
  }

  #lookForOutage(now: Mark, last: Mark): CanaryVerdict | null {
    const since = between(last.canary, now.canary);
    if (since.answers > 0) this.#outage = null;
    else if (since.unavailable > 0) this.#outage ??= { sinceMs: last.atMs, canary: last.canary, stable: last.stable };
    const outage = this.#outage;
    if (outage === null) return null;
    const calls = between(outage.canary, now.canary).unavailable;
    const ms = now.atMs - outage.sinceMs;
    if (ms < this.#tuning.downMs || calls < this.#tuning.downCallsMin) return null;
    const stable = between(outage.stable, now.stable);
    if (stable.unavailable > 0 && stable.answers === 0) return null;
    return { kind: "rollBack", why: `its endpoint answered none of ${calls} calls in ${Math.round(ms / 1_000)} s` };
  }

  /** The first mark is the last one that is older than the window: what came since is what counts. */
  #slide(now: Mark): void {
    const marks = this.#marks;
    if (now.atMs - (marks.at(-1)?.atMs ?? -Infinity) >= this.#tuning.stepMs) marks.push(now);
    while ((marks[1]?.atMs ?? Infinity) <= now.atMs - this.#tuning.windowMs) marks.shift();
  }
}

const NOTHING: Counts = { ran: 0, faulted: 0, answers: 0, unavailable: 0 };

/** Counts only grow within an incarnation. */
function isAnew(before: Counts, now: Counts): boolean {
  return now.ran < before.ran || now.answers < before.answers || now.unavailable < before.unavailable;
}

function between(from: Counts, to: Counts): Counts {
  return {
    ran: Math.max(0, to.ran - from.ran),
    faulted: Math.max(0, to.faulted - from.faulted),
    answers: Math.max(0, to.answers - from.answers),
    unavailable: Math.max(0, to.unavailable - from.unavailable),
  };
}

function share({ faulted, ran }: Counts): number {
  return ran === 0 ? 0 : faulted / ran;
}

/** The lower end of Wilson's interval: right also for few commands, where the share itself jumps. */
function surelyAtLeast({ faulted, ran }: Counts, deviations: number): number {
  if (ran === 0) return 0;
  const squared = deviations ** 2;
  const found = faulted / ran;
  const margin = deviations * Math.sqrt((found * (1 - found)) / ran + squared / (4 * ran ** 2));
  return Math.max(0, (found + squared / (2 * ran) - margin) / (1 + squared / ran));
}

function percent(of: number): string {
  return `${Math.round(of * 10_000) / 100}%`;
}
