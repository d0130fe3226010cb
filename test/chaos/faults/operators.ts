/** What operators ask for while everything else goes on: drains, moves and splits, of whichever router answers them. */
import { setTimeout as delay } from "node:timers/promises";
import type { Random } from "../../sim/random.js";
import { type ClusterView, viewOf, wholeIn } from "../cluster/cluster-view.js";
import type { HttpAnswer } from "../cluster/http-try.js";
import type { RouterCluster } from "../cluster/router-cluster.js";
import type { RouterNode } from "../cluster/router-node.js";
import { AWAY_MS, type FaultWorld } from "./fault-world.js";

/** An operator whose router does not answer soon asks another one. */
const ASK_MS = 5_000;
const AGAIN_AFTER_MS = 250;
/** While single routers are hurt another one answers; after a kill of all they are back within seconds. */
const INSIST_MS = 60_000;
/** A shard that was moved stays where it was put, or goes back. */
const MOVED_BACK = 0.5;

/** A node gives away all that it has, and takes its share again. */
export async function drainNode(world: FaultWorld): Promise<void> {
  const { cluster, random } = world;
  const address = addressOf(random.pick(cluster.nodes));
  await insist(world, (node) => ask(node, "drain", { node: address }));
  await world.wait(random.between(...AWAY_MS));
  await insist(world, (node) => ask(node, "drain", { node: address, undo: true }));
}

/** A shard goes to a node that it does not fall to by itself. */
export async function moveShard(world: FaultWorld): Promise<void> {
  const { random } = world;
  let moved: number | null = null;
  await insist(world, async (node, view) => {
    const living = view.nodes.filter(({ isLiving }) => isLiving);
    if (living.length === 0) return null;
    moved = random.pick(view.shards).shard;
    return ask(node, "move", { shard: moved, node: random.pick(living).address });
  });
  await world.wait(random.between(...AWAY_MS));
  if (random.chance(MOVED_BACK)) await insist(world, (node) => ask(node, "move", { shard: moved, node: null }));
}

/** False: the faults were over before a router took it. `before`: how often it was asked for; nobody else may ask meanwhile. */
export async function askForSplit(world: FaultWorld, before: number): Promise<boolean> {
  let isAsked = false;
  await insist(world, async (node, { splits = 0 }) => {
    // Whoever asked and heard nothing may have been understood all the same.
    isAsked = splits > before;
    if (isAsked || world.isOver()) return DONE;
    const answer = await ask(node, "split");
    isAsked = answer.status === DONE.status;
    return answer;
  });
  return isAsked;
}

/** Until a router sees that all shards are halves, or the faults are over. */
export async function splitIsDone(world: FaultWorld, splits: number): Promise<boolean> {
  for (;;) {
    const view = await viewOf(world.random.pick(world.cluster.nodes));
    if (view !== null && (view.splits ?? 0) === splits && wholeIn(view) === 0) return true;
    if (world.isOver()) return false;
    await world.wait(AGAIN_AFTER_MS);
  }
}

const DONE = { status: 200 } as const;
type Outcome = Pick<HttpAnswer, "status">;

/** At one router after the other until one says that it is done: also when the faults are over, so that what was done is undone. */
async function insist(
  { cluster, random }: { readonly cluster: RouterCluster; readonly random: Random },
  act: (node: RouterNode, view: ClusterView) => Promise<Outcome | null>,
): Promise<void> {
  let last = "nobody answers";
  for (const beganAtMs = performance.now(); performance.now() - beganAtMs < INSIST_MS; await delay(AGAIN_AFTER_MS)) {
    const node = random.pick(cluster.nodes);
    const view = node.isUp ? await viewOf(node) : null;
    if (view === null) continue;
    const outcome = await act(node, view).catch((error: unknown) => ({ status: 0, text: String(error) }));
    if (outcome?.status === 200) return;
    if (outcome !== null) last = `${node.name}: ${JSON.stringify(outcome)}`;
  }
  throw new Error(`what an operator asked for was not done within ${INSIST_MS / 1_000} s; last: ${last}`);
}

function ask(node: RouterNode, what: "drain" | "move" | "split", body: object = {}): Promise<HttpAnswer> {
  return node.admin(`/v1/cluster/${what}`, JSON.stringify(body), ASK_MS);
}

function addressOf({ advertisedPort }: RouterNode): string {
  return `127.0.0.1:${advertisedPort}`;
}
