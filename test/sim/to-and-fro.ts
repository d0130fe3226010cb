/**
 * Shards that are sent to another node and back, soon, and their node then crashes: in its log lie entries of their former
 * stay, in front of those of the present one, which no flush holds yet.
 */
import type { Cluster } from "./cluster.js";
import type { Random } from "./random.js";
import type { SeedShape } from "./seed-shape.js";
import type { SimNode } from "./sim-node.js";
import type { World } from "./world.js";

export interface ToAndFroParts {
  readonly world: World;
  readonly shape: SeedShape;
  readonly cluster: Cluster;
}

const LOOK_EVERY_MS = 50;
/** Something is in the way: it goes on without. */
const GATHERED_WITHIN_MS = 2_000;
/** At each place something is done. */
const STAY_MS_MAX = 300;

/** So often; `then` behind the last, or as soon as it `isOver`. `gather` plans that all shards lie at a node. */
export function toAndFro(
  count: number,
  parts: ToAndFroParts,
  random: Random,
  gather: (node: SimNode) => void,
  isOver: () => boolean,
  then: () => void,
): void {
  const { world, shape, cluster } = parts;
  if (count === 0 || isOver()) return then();
  const next = (left: number): void => toAndFro(left, parts, random, gather, isOver, then);
  const [home, away] = random.shuffled(cluster.nodes.filter(({ isStarted, incarnation }) => isStarted && incarnation !== null));
  if (home === undefined || away === undefined) return world.after(LOOK_EVERY_MS, () => next(count));
  visit(home, () =>
    visit(away, () =>
      visit(home, () => {
        // Not one that might only hang: it is the take-over of what came back that counts.
        if (home.incarnation !== null && !isOver()) {
          world.count("fault.crash");
          cluster.ended(home.incarnation, { kind: "broken", message: "crash" });
        }
        next(count - 1);
      }),
    ),
  );

  function visit(node: SimNode, done: () => void): void {
    gather(node);
    const untilMs = world.nowMs + GATHERED_WITHIN_MS;
    const look = (): void => {
      const isThere = (node.incarnation?.core.snapshot().shards ?? 0) >= shape.shards;
      if (!isThere && world.nowMs < untilMs && !isOver()) return world.after(LOOK_EVERY_MS, look);
      world.after(random.between(0, STAY_MS_MAX), done);
    };
    look();
  }
}
