/**
 * (e) How long after its start one more node carries its share: by the shards it owns, and by the commands that it runs, of all
 * that are run, under steady load. It leaves in order, and comes again.
 */
import { setTimeout as delay } from "node:timers/promises";
import type { BenchWorld } from "./bench-world.js";
import { type Figure, p99Row, percentiles, row, skipped } from "./figure.js";
import { metricOf } from "./metrics-of.js";
import { idsByShard } from "./ownership.js";
import { SteadyLoad } from "./steady-load.js";

const LOAD_PER_SECOND = 100;
const IDS_PER_SHARD = 4;
/** Of an even share, what counts as carrying it: placement is even by chance only. */
const SHARE = 0.6;
const LIMIT_MS = 30_000;
const GIVEN_UP_MS = 120_000;
const LOOK_EVERY_MS = 500;
const STOP_WITHIN_MS = 60_000;
const COMMANDS = "holdfast_invocation_commands_sum";

export async function joinFigure(world: BenchWorld): Promise<Figure> {
  const { cluster, ownership, events, seed, log } = world;
  if (!world.hasPeers) return skipped("join", "this build has no peers");
  const residents = [...cluster.nodes];
  const newcomer = await cluster.add();
  const ids = idsByShard(cluster.shards, IDS_PER_SHARD, "join-").flat();
  await ownership.balanced(residents);
  const load = new SteadyLoad(seed, LOAD_PER_SECOND, ids, () => residents);
  const byShards: number[] = [];
  const byCommands: number[] = [];
  const wantedShards = (cluster.shards / cluster.nodes.length) * SHARE;
  while (byShards.length < events) {
    await ownership.balanced(residents);
    newcomer.start();
    const startedAtMs = performance.now();
    let shardsAtMs: number | null = null;
    let commandsAtMs: number | null = null;
    let before = await Promise.all(cluster.nodes.map((node) => metricOf(node, COMMANDS)));
    while ((shardsAtMs === null || commandsAtMs === null) && performance.now() - startedAtMs < GIVEN_UP_MS) {
      await delay(LOOK_EVERY_MS);
      const owned = await metricOf(newcomer, "holdfast_shards_owned");
      if (owned !== null && owned >= wantedShards) shardsAtMs ??= performance.now() - startedAtMs;
      const now = await Promise.all(cluster.nodes.map((node) => metricOf(node, COMMANDS)));
      const ran = now.map((count, index) => Math.max(0, (count ?? 0) - (before[index] ?? 0)));
      const all = ran.reduce((sum, count) => sum + count, 0);
      if (all > 0 && (ran.at(-1) ?? 0) / all >= SHARE / cluster.nodes.length) commandsAtMs ??= performance.now() - startedAtMs;
      before = now;
    }
    byShards.push(shardsAtMs ?? GIVEN_UP_MS);
    byCommands.push(commandsAtMs ?? GIVEN_UP_MS);
    log(
      `join ${byShards.length}: shards after ${Math.round(shardsAtMs ?? GIVEN_UP_MS)} ms, commands after ${Math.round(commandsAtMs ?? GIVEN_UP_MS)} ms`,
    );
    if (!(await newcomer.stop(STOP_WITHIN_MS))) log("it did not stop in order, and was killed");
  }
  await load.stop();
  const failures = load.samples.flatMap(({ failure }) => failure ?? []);
  return {
    name: "join",
    title: `One more node than ${residents.length} carries ${SHARE} of an even share; ${byShards.length} joins under ${LOAD_PER_SECOND} commands a second`,
    rows: [
      p99Row("of the shards", percentiles(byShards), LIMIT_MS),
      p99Row("of the commands that are run", percentiles(byCommands), LIMIT_MS),
      row("commands that failed while it came and left", `${failures.length} of ${load.samples.length}`),
    ],
    data: { byShardsMs: byShards, byCommandsMs: byCommands, failures },
  };
}
