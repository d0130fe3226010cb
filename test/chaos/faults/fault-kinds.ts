/** What is done to a cluster, and undone again. Each of them is something that happens to machines, networks and services. */
import type { Random } from "../../sim/random.js";
import type { Build } from "../cluster/build.js";
import type { CutDirection } from "../cluster/peer-net.js";
import type { RouterCluster } from "../cluster/router-cluster.js";
import type { RouterNode } from "../cluster/router-node.js";

export interface FaultWorld {
  readonly cluster: RouterCluster;
  /** Decides what happens for how long. */
  readonly random: Random;
  /** Nodes change from one to the other at each rolling upgrade. */
  readonly builds: readonly [Build, Build];
  /** Waits, or not, when the faults are over. */
  wait(ms: number): Promise<void>;
  readonly isOver: () => boolean;
  /** Takes this node, once nothing else is being done to it, for as long as `act` lasts. */
  withNode(node: RouterNode, act: () => Promise<void>): Promise<void>;
  note(what: string): void;
}

export interface FaultKind {
  readonly name: string;
  /** How often it comes, in a round of all. */
  readonly weight: number;
  readonly on:
    | { readonly kind: "node"; readonly run: (world: FaultWorld, node: RouterNode) => Promise<void> }
    | { readonly kind: "cluster"; readonly run: (world: FaultWorld) => Promise<void> };
}

/** The lease is 3 s, and observers wait for 6: some pauses and cuts end before, some between, some behind both. */
const AWAY_MS = [2_500, 10_000] as const;
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
  { name: "rollingUpgrade", weight: 1, on: { kind: "cluster", run: rollingUpgrade } },
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

/** Each node in turn: stops in order, and starts on the build that it did not run. */
async function rollingUpgrade(world: FaultWorld): Promise<void> {
  const { cluster, builds } = world;
  for (const node of world.random.shuffled(cluster.nodes)) {
    if (world.isOver()) return;
    await world.withNode(node, async () => {
      const next = node.build === builds[0] ? builds[1] : builds[0];
      if (!(await node.stop(STOP_WITHIN_MS))) world.note("an orderly stop took too long, and was ended by a kill");
      node.start(next);
      // A build without peers stands by, and is not ready: the next one stops all the same, as it would when a deployment is forced.
      for (let waitedMs = 0; waitedMs < READY_WITHIN_MS && !(await node.isReady()) && next.hasPeers; waitedMs += READY_POLL_MS) {
        await world.wait(READY_POLL_MS);
      }
    });
  }
}
