/** Which faults a simulation meets, and how often. Drawn from its seed: some have many of one kind and none of another. */
import type { Random } from "./random.js";
import type { SeedShape, Temper } from "./seed-shape.js";

export interface FaultMix {
  readonly journal: {
    readonly lost: number;
    readonly landed: number;
    readonly late: number;
    readonly refused: number;
    readonly permanent: number;
  };
  readonly journalRead: { readonly failed: number };
  readonly directory: { readonly lost: number; readonly landed: number; readonly late: number; readonly readFailed: number };
  readonly snapshot: {
    readonly refused: number;
    readonly torn: number;
    readonly lost: number;
    readonly landed: number;
    readonly late: number;
    readonly readFailed: number;
    readonly deleteFailed: number;
  };
  readonly functions: {
    readonly timeout: number;
    readonly cut: number;
    readonly unavailable: number;
    readonly malformed: number;
    readonly partial: number;
    readonly doubled: number;
    readonly wrong: number;
    readonly slow: number;
    readonly poison: number;
    /** One command faults, this once: what stands behind it in the invocation is skipped. */
    readonly fault: number;
  };
  readonly clients: { readonly leave: number; readonly duplicate: number; readonly reuse: number };
  /** Times of one operation: usual milliseconds, and how often it takes much longer. */
  readonly diskMs: number;
  readonly diskSlow: number;
  readonly crashes: number;
  /** How many of the crashes are none: the process goes on, while the next one has started already. */
  readonly zombies: number;
  readonly stops: number;
  readonly clockJumps: number;
  readonly fullDisks: number;
  readonly slowDisks: number;
  readonly outages: number;
  readonly longOutages: number;
  readonly redeployments: number;
  readonly isCalmJournal: boolean;
}

export const NO_FAULTS: FaultMix = {
  journal: { lost: 0, landed: 0, late: 0, refused: 0, permanent: 0 },
  journalRead: { failed: 0 },
  directory: { lost: 0, landed: 0, late: 0, readFailed: 0 },
  snapshot: { refused: 0, torn: 0, lost: 0, landed: 0, late: 0, readFailed: 0, deleteFailed: 0 },
  functions: { timeout: 0, cut: 0, unavailable: 0, malformed: 0, partial: 0, doubled: 0, wrong: 0, slow: 0, poison: 0, fault: 0 },
  clients: { leave: 0, duplicate: 0, reuse: 0 },
  diskMs: 1,
  diskSlow: 0,
  crashes: 0,
  zombies: 0,
  stops: 0,
  clockJumps: 0,
  fullDisks: 0,
  slowDisks: 0,
  outages: 0,
  longOutages: 0,
  redeployments: 0,
  isCalmJournal: true,
};

export function drawFaults(random: Random, { kind, isCalm, temper }: SeedShape): FaultMix {
  const mix = tempered(drawMix(random), temper);
  const functions = { ...NO_FAULTS.functions, slow: temper === "patient" ? 0.3 : 0.05 };
  if (isCalm)
    return { ...NO_FAULTS, functions, clients: { leave: 0, duplicate: mix.clients.duplicate, reuse: mix.clients.reuse } };
  // Heartbeats of an hour are many.
  return kind === "cluster" ? { ...mix, longOutages: 0, stops: 0 } : mix;
}

function tempered(mix: FaultMix, temper: Temper): FaultMix {
  switch (temper) {
    case "sleepy":
      // Clocks that jump must not stand still (cluster.ts).
      return { ...mix, clockJumps: 0 };
    case "restless":
      // Swaps whose end nobody knows, and which land when everybody has seen that they did not.
      return { ...mix, directory: { lost: 0, landed: 0, late: 0.15, readFailed: 0 } };
    case "dividing":
      // Whoever looks at the directory sees a swap sooner than its sender hears of it.
      return { ...mix, directory: { lost: 0, landed: 0.1, late: 0.2, readFailed: 0 } };
    default:
      return mix;
  }
}

function drawMix(random: Random): FaultMix {
  // Half of all faults are absent from a seed; those that are there come at very different rates.
  const rate = (max: number): number => (random.chance(0.5) ? max * random.unit() ** 2 : 0);
  const isCalmJournal = random.chance(0.3);
  return {
    journal: isCalmJournal
      ? NO_FAULTS.journal
      : { lost: rate(0.1), landed: rate(0.1), late: rate(0.1), refused: rate(0.1), permanent: random.chance(0.2) ? 0.002 : 0 },
    journalRead: { failed: rate(0.2) },
    directory: { lost: rate(0.2), landed: rate(0.2), late: rate(0.2), readFailed: rate(0.2) },
    snapshot: {
      refused: rate(0.2),
      torn: rate(0.2),
      lost: rate(0.2),
      landed: rate(0.2),
      late: rate(0.2),
      readFailed: rate(0.2),
      deleteFailed: rate(0.3),
    },
    functions: {
      timeout: rate(0.02),
      cut: rate(0.1),
      unavailable: rate(0.1),
      malformed: rate(0.1),
      partial: rate(0.1),
      doubled: rate(0.2),
      wrong: rate(0.15),
      slow: rate(0.05),
      poison: rate(0.01),
      fault: rate(0.05),
    },
    clients: { leave: rate(0.1), duplicate: rate(0.5), reuse: rate(0.05) },
    diskMs: random.pick([0.2, 1, 4]),
    diskSlow: rate(0.1),
    crashes: 3 + random.below(4),
    zombies: random.pick([0, 0.2, 0.6]),
    stops: random.below(3),
    clockJumps: random.chance(0.4) ? 1 + random.below(4) : 0,
    fullDisks: random.chance(0.3) ? 1 : 0,
    slowDisks: random.chance(0.3) ? 1 : 0,
    outages: random.chance(0.3) ? 1 : 0,
    longOutages: random.chance(0.05) ? 1 : 0,
    redeployments: random.chance(0.3) ? 1 + random.below(2) : 0,
    isCalmJournal,
  };
}
