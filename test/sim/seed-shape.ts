/** What a seed is: one router with a lock on its data, one at a time under leases, or a cluster of several. */
import type { Random } from "./random.js";

export interface SeedShape {
  readonly kind: "single" | "cluster";
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

/** Two seeds of five are single routers, one of ten is a calm cluster. */
export function drawShape(random: Random, seed: number): SeedShape {
  if (seed % 5 === 1 || seed % 5 === 3) {
    const splitsMax = random.pick([0, 0, 1]);
    return {
      kind: "single",
      isCalm: false,
      nodes: 1,
      shards: 3,
      splitsMax,
      clocks: "true",
      network: CALM_NETWORK,
      commandsMin: 2_000,
    };
  }
  const isCalm = seed % 10 === 0;
  const isHarsh = random.chance(0.3);
  const network = {
    delayMs: random.pick([0.3, 2, 10]),
    breaks: random.chance(0.6) ? random.unit() ** 2 * 0.02 : 0,
    doubled: isHarsh ? random.unit() * 0.1 : 0,
    overtaking: isHarsh ? random.unit() * 0.1 : 0,
  };
  const shards = random.pick([3, 4, 8]);
  return {
    kind: "cluster",
    isCalm,
    nodes: random.pick([2, 2, 3, 3, 4]),
    shards,
    // No more than 16 at any time: each costs the simulation some time.
    splitsMax: random.pick(shards === 8 ? [0, 1] : [0, 1, 2]),
    clocks: isCalm ? "true" : random.pick(["true", "skewed", "skewed", "wild"]),
    network: isCalm ? CALM_NETWORK : network,
    commandsMin: 900,
  };
}

/** How fast a node's clock runs. */
export function drawRate(random: Random, clocks: SeedShape["clocks"]): number {
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
