/**
 * (f) What halving all shards adds to commands, and how many it fails: commands come at a fixed rate for entities of every
 * shard, each once, through all nodes. The last figure of all: there is no way back.
 */
import { setTimeout as delay } from "node:timers/promises";
import { until } from "../../e2e/world.js";
import type { BenchWorld } from "./bench-world.js";
import { type Figure, ms, p99Row, percentiles, row, skipped } from "./figure.js";
import { idsByShard } from "./ownership.js";
import { SteadyLoad } from "./steady-load.js";

const IDS_PER_SHARD = 4;
const LOAD_PER_SECOND = 200;
const BEFORE_MS = 2_000;
const BEHIND_MS = 1_000;
const SPLIT_WITHIN_MS = 300_000;
/** As for a hand-off. */
const LIMIT_MS = 300;

interface SeenShards {
  readonly splits: number;
  readonly shards: readonly { readonly generation: number; readonly owner: string | null }[];
}

export async function splitFigure(world: BenchWorld): Promise<Figure> {
  const { cluster, ownership, seed, log } = world;
  if (!world.hasPeers) return skipped("split", "this build has no peers");
  const [node] = cluster.nodes;
  if (node === undefined) return skipped("split", "there are no nodes");
  await ownership.balanced(cluster.nodes, 0);
  const ids = idsByShard(cluster.shards, IDS_PER_SHARD, "split-").flat();
  const load = await SteadyLoad.underWay(BEFORE_MS, seed, LOAD_PER_SECOND, ids, () => cluster.nodes);
  const askedAtMs = performance.now();
  const answer = await node.admin("/v1/cluster/split", "");
  if (answer.status >= 300) throw new Error(`a split was answered with ${answer.status} ${answer.text}`);
  await until(async () => {
    const { splits, shards } = JSON.parse((await node.admin("/v1/cluster")).text) as SeenShards;
    return (
      shards.length === 2 * cluster.shards && shards.every(({ generation, owner }) => generation === splits && owner !== null)
    );
  }, SPLIT_WITHIN_MS);
  const tookMs = performance.now() - askedAtMs;
  await delay(BEHIND_MS);
  await load.stop();
  const latencies = (isDuring: boolean): number[] =>
    load.samples.filter(({ endedAtMs }) => endedAtMs >= askedAtMs === isDuring).map((one) => one.endedAtMs - one.sentAtMs);
  const usual = percentiles(latencies(false)).p50;
  const added = latencies(true).map((latency) => Math.max(0, latency - usual));
  const failures = load.samples.flatMap(({ failure }) => failure ?? []);
  log(`${cluster.shards} shards halved in ${ms(tookMs)}`);
  return {
    name: "split",
    title: `All ${cluster.shards} shards are halved under ${LOAD_PER_SECOND} commands a second`,
    rows: [
      p99Row("added to commands from the order to a second behind the last half", percentiles(added), LIMIT_MS),
      row("commands that failed", `${failures.length} of ${load.samples.length}`, "0", failures.length === 0),
      row("from the order to the last half", ms(tookMs)),
    ],
    data: { addedMs: percentiles(added), tookMs, failures, commands: load.samples.length },
  };
}
