/**
 * An upgrade from the version before: one router after the other leaves and comes back as one of the new version, until all
 * have; and when records of the newer format may be written (RULES.md 15d), all are started once more, so that they are.
 */
import { CLUSTER_KEY } from "../../src/core/ownership/documents.js";
import { documentCodec } from "../../src/protocol/record/document-codec.js";
import type { Cluster } from "./cluster.js";
import type { SimDirectory } from "./sim-directory.js";
import type { SimNode } from "./sim-node.js";
import type { World } from "./world.js";

export interface UpgradeParts {
  readonly world: World;
  readonly cluster: Cluster;
  readonly directory: SimDirectory;
}

const LOOK_EVERY_MS = 500;
/** Longer than the new ones have to be among themselves. */
const RAISED_WITHIN_MS = 90_000;

/** `restart`: in good order, if the node is up to it. `then` behind all of it, or as soon as it `isOver`. */
export function upgrade(
  parts: UpgradeParts,
  restart: (node: SimNode, then: () => void) => void,
  isOver: () => boolean,
  then: () => void,
): void {
  const { world, cluster, directory } = parts;
  renew(() => awaitFloor(world.nowMs + RAISED_WITHIN_MS, () => again(0)));

  /** Until no router of the version before runs. */
  function renew(done: () => void): void {
    if (isOver()) return then();
    const old = cluster.nodes.find(({ incarnation }) => incarnation?.isBefore === true);
    for (const node of cluster.nodes) node.isBefore = false;
    if (old === undefined) return done();
    restart(old, () => world.after(LOOK_EVERY_MS, () => renew(done)));
  }

  function awaitFloor(untilMs: number, done: () => void): void {
    if (isOver()) return then();
    if (floorOf(directory) === 1 && world.nowMs < untilMs) return world.after(LOOK_EVERY_MS, () => awaitFloor(untilMs, done));
    if (floorOf(directory) > 1) world.count("operation.upgraded");
    done();
  }

  function again(at: number): void {
    const node = cluster.nodes[at];
    if (node === undefined || isOver()) return then();
    restart(node, () => again(at + 1));
  }
}

/** Nobody may write records of a newer format than that. */
export function floorOf({ documents }: SimDirectory): number {
  const cluster = documents.get(CLUSTER_KEY);
  return cluster === undefined ? 1 : documentCodec.decodeCluster(cluster.body).recordFormatFloor;
}
