/**
 * (b) What a planned hand-off adds to the commands of its shard, and how many it fails: commands come at a fixed rate, each
 * once, through all nodes, while shards are moved one after the other.
 */
import { setTimeout as delay } from "node:timers/promises";
import { until } from "../../e2e/world.js";
import { Random } from "../../sim/random.js";
import type { RouterNode } from "../cluster/router-node.js";
import type { BenchWorld } from "./bench-world.js";
import { type Figure, p99Row, percentiles, row, skipped } from "./figure.js";
import { idsByShard } from "./ownership.js";
import { SteadyLoad } from "./steady-load.js";

const IDS_PER_SHARD = 4;
const LOAD_PER_SECOND = 200;
const BEFORE_MS = 1_000;
/** What comes behind a move belongs to it: nodes learn who the new owner is. */
const BEHIND_MS = 1_000;
const MOVED_WITHIN_MS = 30_000;
const LIMIT_MS = 300;

export async function moveFigure(world: BenchWorld): Promise<Figure> {
  const { cluster, ownership, events, seed, log } = world;
  if (!world.hasPeers) return skipped("move", "this build has no peers");
  const random = new Random(seed, 7_000_003);
  const ids = idsByShard(cluster.shards, IDS_PER_SHARD, "move-");
  const added: number[] = [];
  const movesMs: number[] = [];
  const failures: string[] = [];
  const moved = new Set<number>();
  let commands = 0;
  while (movesMs.length < events) {
    const owners = await ownership.balancedOwners(cluster.nodes, 0);
    const shard = random.below(cluster.shards);
    const to = random.pick(cluster.nodes.filter((node) => node !== owners[shard]));
    const nodes = (): readonly RouterNode[] => cluster.nodes;
    const load = await SteadyLoad.underWay(BEFORE_MS, seed + movesMs.length, LOAD_PER_SECOND, ids[shard] ?? [], nodes);
    const askedAtMs = performance.now();
    const answer = await to.admin("/v1/cluster/move", JSON.stringify({ shard, node: `127.0.0.1:${to.advertisedPort}` }));
    if (answer.status >= 300) throw new Error(`a move was answered with ${answer.status} ${answer.text}`);
    await until(async () => (await ownership.owners())[shard] === to, MOVED_WITHIN_MS);
    moved.add(shard);
    movesMs.push(performance.now() - askedAtMs);
    await delay(BEHIND_MS);
    await load.stop();
    const usual = percentiles(load.samples.filter(({ endedAtMs }) => endedAtMs < askedAtMs).map(latencyOf)).p50;
    const during = load.samples.filter(({ endedAtMs }) => endedAtMs >= askedAtMs);
    added.push(...during.map((sample) => Math.max(0, latencyOf(sample) - usual)));
    commands += load.samples.length;
    failures.push(...load.samples.flatMap(({ failure }) => failure ?? []));
    log(`move ${movesMs.length}: shard ${shard} to ${to.name}, up to ${Math.round(Math.max(...during.map(latencyOf)))} ms`);
  }
  for (const shard of moved) await cluster.nodes[0]?.admin("/v1/cluster/move", JSON.stringify({ shard, node: null }));
  return {
    name: "move",
    title: `Planned hand-off of a shard under ${LOAD_PER_SECOND} commands a second; ${movesMs.length} moves`,
    rows: [
      p99Row("added to commands from the order to a second behind it", percentiles(added), LIMIT_MS),
      row("commands that failed", `${failures.length} of ${commands}`, "0", failures.length === 0),
      row(
        "from the order to the new owner's document",
        `p50 ${Math.round(percentiles(movesMs).p50)} ms, max ${Math.round(percentiles(movesMs).max)} ms`,
      ),
    ],
    data: { addedMs: percentiles(added), movesMs, failures, commands },
  };
}

function latencyOf({ sentAtMs, endedAtMs }: { readonly sentAtMs: number; readonly endedAtMs: number }): number {
  return endedAtMs - sentAtMs;
}
