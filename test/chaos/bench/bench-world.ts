/** What all measurements of the cluster share. */
import type { RouterCluster } from "../cluster/router-cluster.js";
import type { Ownership } from "./ownership.js";

export interface BenchWorld {
  readonly cluster: RouterCluster;
  readonly ownership: Ownership;
  /** At least so many of what is counted. */
  readonly events: number;
  readonly seed: number;
  /** Entities that have a state. */
  readonly entities: number;
  readonly hasPeers: boolean;
  readonly log: (line: string) => void;
}
