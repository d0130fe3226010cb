/** What is done to a cluster, and undone again. Each of them is something that happens to machines, networks and services. */
import type { CutDirection } from "../cluster/peer-net.js";
import type { RouterNode } from "../cluster/router-node.js";
import { AWAY_MS, type FaultWorld } from "./fault-world.js";
import { drainNode, moveShard } from "./operators.js";

export interface FaultKind {
  readonly name: string;
  /** How often it comes, in a round of all. */
  readonly weight: number;
  readonly on:
    | { readonly kind: "node"; readonly run: (world: FaultWorld, node: RouterNode) => Promise<void> }
    | { readonly kind: "cluster"; readonly run: (world: FaultWorld) => Promise<void> };
}

export const UPGRADE = "rollingUpgrade";
const DOWN_MS_MAX = 4_000;
/** Longer than a stop takes that flushes to a store with faults; a node that takes longer is killed, and counted. */
const STOP_WITHIN_MS = 20_000;
const READY_WITHIN_MS = 15_000;
const FUNCTIONS_DOWN_MS = [300, 3_000] as const;
const READY_POLL_MS = 250;

const awayMs = ({ random }: FaultWorld): number => random.between(...AWAY_MS);

export const FAULT_KINDS: readonly FaultKind[] = [
  {
    name: "kill",
    weight: 3,
    on: {
      kind: "node",
      async run(world, node) {
        const downMs = world.random.between(0, DOWN_MS_MAX);
        await node.kill();
        await world.wait(downMs);
        node.start();
      },
    },
  },
  {
    name: "pause",
    weight: 3,
    on: {
      kind: "node",
      async run(world, node) {
        const ms = awayMs(world);
        node.pause();
        await world.wait(ms);
        node.resume();
      },
    },
  },
  {
    name: "cutFromStore",
    weight: 3,
    on: {
      kind: "node",
      async run(world, node) {
        const ms = awayMs(world);
        node.door.cut(world.random.pick(["drop", "swallow"]));
        await world.wait(ms);
        node.door.healed();
      },
    },
  },
  {
    name: "storeStorm",
    weight: 2,
    on: {
      kind: "node",
      async run(world, node) {
        const ms = awayMs(world);
        node.door.storm();
        await world.wait(ms);
        node.door.healed();
      },
    },
  },
  { name: "cutFromPeers", weight: 2, on: { kind: "node", run: (world, node) => cutFromPeers(world, node, "both") } },
  {
    name: "cutOneWay",
    weight: 2,
    on: { kind: "node", run: (world, node) => cutFromPeers(world, node, world.random.pick(["in", "out"])) },
  },
  {
    name: "killFunctions",
    weight: 2,
    on: {
      kind: "cluster",
      async run(world) {
        const ms = world.random.between(...FUNCTIONS_DOWN_MS);
        await world.cluster.functions.kill();
        await world.wait(ms);
        await world.cluster.functions.start();
      },
    },
  },
  { name: UPGRADE, weight: 2, on: { kind: "cluster", run: rollingUpgrade } },
  { name: "drainNode", weight: 2, on: { kind: "cluster", run: drainNode } },
  { name: "moveShard", weight: 2, on: { kind: "cluster", run: moveShard } },
  {
    name: "killAll",
    weight: 1,
    on: {
      kind: "cluster",
      async run(world) {
        const { random, cluster } = world;
        const down = random.shuffled(cluster.nodes).map((node) => ({ node, downMs: random.between(0, DOWN_MS_MAX) }));
        await Promise.all(
          down.map(({ node, downMs }) =>
            world.withNode(node, async () => {
              await node.kill();
              await world.wait(downMs);
              node.start();
            }),
          ),
        );
      },
    },
  },
];

async function cutFromPeers(world: FaultWorld, { name }: RouterNode, direction: CutDirection): Promise<void> {
  const { peers } = world.cluster;
  const ms = awayMs(world);
  peers.cut(name, direction, world.random.chance(0.5));
  await world.wait(ms);
  peers.heal(name);
}

/** Each node in turn: stops in order, and starts on the build that is next for it. */
async function rollingUpgrade(world: FaultWorld): Promise<void> {
  for (const node of world.random.shuffled(world.cluster.nodes)) {
    if (world.isOver()) return;
    await world.withNode(node, () => replaced(world, node));
  }
}

/** An orderly stop, and a start on the build that is next for the node. */
export async function replaced(world: FaultWorld, node: RouterNode): Promise<void> {
  const next = world.nextBuild(node);
  if (!(await node.stop(STOP_WITHIN_MS))) world.note("an orderly stop took too long, and was ended by a kill");
  node.start(next);
  // A build without peers stands by, and is not ready: the next one stops all the same, as it would when a deployment is forced.
  for (let waitedMs = 0; waitedMs < READY_WITHIN_MS && !(await node.isReady()) && next.hasPeers; waitedMs += READY_POLL_MS) {
    await world.wait(READY_POLL_MS);
  }
}
