/** What a seed is: one router with a lock on its data, one at a time under leases, or a cluster of several. */
import type { Random } from "./random.js";

/**
 * What a seed makes common that seldom happens by chance. `sleepy`: routers that sleep for about as long as a lease, reached
 * by nobody, and are asked the moment they wake. `restless`: plans that send few shards to and fro. `dividing`: shards that are
 * split while a router crashes and links break, so that what was sent to the whole comes again to a half. `upgrading`: routers of
 * two versions, of which the older does not know the newest records. `patient`: a calm in
 * which routers stop while others are slow to do what their clients wait for. `even`: none of these.
 */
export type Temper = "even" | "sleepy" | "restless" | "dividing" | "upgrading" | "patient";

export interface SeedShape {
  readonly kind: "single" | "cluster";
  readonly temper: Temper;
  /** Nothing fails: nodes come, go and hand shards over, and no command may notice. */
  readonly isCalm: boolean;
  /** Nodes at once, at most. */
  readonly nodes: number;
  /** At the beginning. */
  readonly shards: number;
  /** How often operators may have every shard halved. */
  readonly splitsMax: number;
  /**
   * `true`: all run alike. `skewed`: rates differ by less than a factor of two, as leases allow (RULES.md 4b). `wild`: by any
   * factor; then only what a barrier proves is held to be linearizable.
   */
  readonly clocks: "true" | "skewed" | "wild";
  readonly network: NetworkMix;
  /** Commands to run in both phases. */
  readonly commandsMin: number;
}

export interface NetworkMix {
  readonly delayMs: number;
  /** Of frames: those on whose way the link breaks. */
  readonly breaks: number;
  /** Of frames that may come twice, or overtake others; see sim-peers.ts. */
  readonly doubled: number;
  readonly overtaking: number;
}

const CALM_NETWORK: NetworkMix = { delayMs: 1, breaks: 0, doubled: 0, overtaking: 0 };

/** Of 25 seeds two each are sleepy, restless, dividing and upgrading; a third of the calm ones are patient. */
export function temperOf(seed: number): Temper {
  if (seed % 30 === 20) return "patient";
  if (seed % 25 === 7 || seed % 25 === 17) return "sleepy";
  if (seed % 25 === 12 || seed % 25 === 22) return "upgrading";
  if (seed % 25 === 14 || seed % 25 === 24) return "dividing";
  return seed % 25 === 9 || seed % 25 === 19 ? "restless" : "even";
}

/** Two seeds of five are single routers, one of ten is a calm cluster. */
export function drawShape(random: Random, seed: number): SeedShape {
  if (seed % 5 === 1 || seed % 5 === 3) {
    const splitsMax = random.pick([0, 0, 1]);
    const single = { kind: "single", temper: "even", isCalm: false, nodes: 1, shards: 3, splitsMax, clocks: "true" } as const;
    return { ...single, network: CALM_NETWORK, commandsMin: 2_000 };
  }
  const isCalm = seed % 10 === 0;
  const temper = temperOf(seed);
  const isHarsh = random.chance(0.3);
  const network = {
    delayMs: random.pick([0.3, 2, 10]),
    breaks: random.chance(0.6) ? random.unit() ** 2 * (temper === "dividing" ? 0.05 : 0.02) : 0,
    doubled: isHarsh ? random.unit() * 0.1 : 0,
    overtaking: isHarsh ? random.unit() * 0.1 : 0,
  };
  const shards = random.pick(temper === "restless" || temper === "dividing" ? [3, 4] : [3, 4, 8]);
  // No more than 16 shards at any time: each costs the simulation some time.
  // The version before knows no splits.
  const mayHalve = temper !== "restless" && temper !== "upgrading";
  const splitsMax = temper === "dividing" ? 2 : mayHalve ? random.pick(shards === 8 ? [0, 1] : [0, 1, 2]) : 0;
  return {
    kind: "cluster",
    temper,
    isCalm,
    nodes: random.pick(temper === "restless" ? [2, 2, 3] : [2, 2, 3, 3, 4]),
    shards,
    splitsMax,
    // Among clocks that run alike nobody takes over while a sleeper's lease may be thought to hold.
    clocks: isCalm ? "true" : random.pick(temper === "sleepy" ? ["skewed", "wild"] : ["true", "skewed", "skewed", "wild"]),
    network: isCalm ? CALM_NETWORK : network,
    commandsMin: 900,
  };
}

/** How fast the clock of a node runs. Where they sleep, every second one is as slow as can be, and the others as fast. */
export function drawRate(random: Random, { clocks, temper }: SeedShape, at: number): number {
  const isSlow = at % 2 === 0;
  if (temper === "sleepy") return clocks === "wild" ? (isSlow ? 0.4 : 2) : isSlow ? 0.72 : 1.4;
  switch (clocks) {
    case "true":
      return 1;
    case "skewed":
      // Any two differ by less than a factor of two.
      return random.pick([0.72, 1, 1.4]) * random.between(0.99, 1.01);
    case "wild":
      return random.pick([0.3, 0.6, 1, 2, 3]);
  }
}
