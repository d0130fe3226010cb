/** What a fault is given: the cluster, its own luck, and waits that end when the faults are over. */
import type { Random } from "../../sim/random.js";
import type { Build } from "../cluster/build.js";
import type { RouterCluster } from "../cluster/router-cluster.js";
import type { RouterNode } from "../cluster/router-node.js";

/** The lease is 3 s, and observers wait for 6: some pauses and cuts end before, some between, some behind both. */
export const AWAY_MS = [2_500, 10_000] as const;

export interface FaultWorld {
  readonly cluster: RouterCluster;
  /** Decides what happens for how long. */
  readonly random: Random;
  /** What a node runs when it is replaced now. */
  nextBuild(node: RouterNode): Build;
  /** Waits, or not, when the faults are over. */
  wait(ms: number): Promise<void>;
  readonly isOver: () => boolean;
  /** Takes this node, once nothing else is being done to it, for as long as `act` lasts. */
  withNode(node: RouterNode, act: () => Promise<void>): Promise<void>;
  note(what: string): void;
}
