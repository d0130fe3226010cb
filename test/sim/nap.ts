/**
 * Machines that sleep, one after the other, for about as long as the lease of their routers. Meanwhile nobody reaches them, so
 * that nothing waits there that would tell a router at once, when it wakes, what has become of it: only readers do, who want
 * to see what it remembers.
 */
import type { Cluster } from "./cluster.js";
import type { Random } from "./random.js";
import type { SeedShape } from "./seed-shape.js";
import type { SimNode } from "./sim-node.js";
import { leaseOf } from "./sim-settings.js";
import type { World } from "./world.js";

export interface NapParts {
  readonly world: World;
  readonly shape: SeedShape;
  readonly cluster: Cluster;
}

/** What is under way comes to its end before it sleeps. */
const QUIET_MS = 150;
/** Readers come so long before it wakes. */
const EARLY_MS = 1;
/** Until then it has found out what has become of it. */
const FOUND_OUT_MS = 400;
const LOOK_EVERY_MS = 50;

/** So many of them; `then` behind the last, or as soon as it `isOver`. */
export function nap(count: number, parts: NapParts, random: Random, isOver: () => boolean, then: () => void): void {
  const { world, cluster } = parts;
  if (count === 0 || isOver()) return then();
  const next = (): void => nap(count - 1, parts, random, isOver, then);
  const ready = cluster.nodes.filter(({ isStarted, incarnation }) => isStarted && incarnation?.isAsleep === false);
  const slowest = Math.min(...ready.map(({ clock }) => clock.rate));
  const node = ready.length < 2 ? undefined : random.pick(ready.filter(({ clock }) => clock.rate === slowest));
  if (node === undefined) return world.after(LOOK_EVERY_MS, () => nap(count, parts, random, isOver, then));
  napOnce(node, parts, random, next);
}

function napOnce(node: SimNode, { world, shape, cluster }: NapParts, random: Random, then: () => void): void {
  const { incarnation, clock } = node;
  if (incarnation === null) return then();
  const { leaseMs, observeMs } = leaseOf(shape);
  // Others whose clocks are faster have waited for long enough, or are about to. By its own clock the lease is over; among wild
  // ones it may hold, and then only strict reads are safe.
  const isVoid = shape.clocks === "wild";
  const sleepMs = clock.worldMs(isVoid ? random.between(leaseMs / 2, leaseMs) : random.between(leaseMs, 1.2 * observeMs));
  const isWithMachine = cluster.mayStandStill && random.chance(0.3);
  const strict = isVoid ? 1 : random.pick([0, 0, 1]);
  world.count("operation.nap");
  world.trace(`operation: nap of ${incarnation.name} for ${sleepMs} ms`);
  node.isUnreachable = true;
  for (const other of cluster.nodes) {
    if (other !== node) cluster.peers.cut(other.address, node.address, QUIET_MS + sleepMs + FOUND_OUT_MS);
  }
  world.after(QUIET_MS, () => {
    incarnation.afterHeartbeat = () => {
      incarnation.sleep(sleepMs, isWithMachine);
      world.after(sleepMs - EARLY_MS, () => cluster.lookAround(incarnation, strict));
    };
  });
  world.after(QUIET_MS + sleepMs + FOUND_OUT_MS, () => {
    node.isUnreachable = false;
    then();
  });
}
