/**
 * (a) How long the commands of a shard are not answered after its owner was killed, as a caller sees it: one entity of each of
 * the victim's shards is asked through another node every 50 ms. A command may wait for the new owner, so what counts is when
 * the first one that was sent behind the kill has been answered.
 */
import { setTimeout as delay } from "node:timers/promises";
import { Random } from "../../sim/random.js";
import type { RouterNode } from "../cluster/router-node.js";
import type { BenchWorld } from "./bench-world.js";
import { type Figure, p99Row, percentiles, row } from "./figure.js";
import { metricOf } from "./metrics-of.js";
import { idsByShard } from "./ownership.js";
import { SteadyLoad, send } from "./steady-load.js";

const ASK_EVERY_MS = 50;
/** Of a victim's shards, how many are watched: each costs 20 requests per second. */
const WATCHED_MAX = 8;
const LIMIT_MS = 5_000;
const GIVEN_UP_MS = 60_000;
/** So that the victim's log has a tail. */
const LOAD_PER_SECOND = 100;
const LOAD_FOR_MS = 2_000;

export async function killFigure(world: BenchWorld): Promise<Figure> {
  const { cluster, ownership, events, seed, log } = world;
  const random = new Random(seed, 6_000_011);
  const ids = idsByShard(cluster.shards, 1, "kill-").flat();
  const outages: number[] = [];
  const worst: number[] = [];
  const tails: number[] = [];
  while (worst.length < events) {
    const owners = world.hasPeers ? await ownership.balancedOwners(cluster.nodes) : await ownership.owners();
    const victim = random.pick(owners.filter((owner) => owner !== null));
    const shards = owners.flatMap((owner, shard) => (owner === victim ? [shard] : []));
    const watched = random.shuffled(shards).slice(0, WATCHED_MAX);
    const nodes = (): readonly RouterNode[] => cluster.nodes.filter(({ isUp }) => isUp);
    const load = await SteadyLoad.underWay(LOAD_FOR_MS, seed + worst.length, LOAD_PER_SECOND, ids, nodes);
    tails.push((await metricOf(victim, "holdfast_tail_records")) ?? 0);
    await victim.kill();
    const killedAtMs = performance.now();
    const others = cluster.nodes.filter((node) => node !== victim);
    const found = await Promise.all(watched.map((shard) => outageOf(ids[shard] ?? "", others, random, killedAtMs)));
    await load.stop();
    outages.push(...found);
    worst.push(Math.max(...found));
    log(
      `kill ${worst.length} of ${victim.name}: ${watched.length} of its ${shards.length} shards back within ${Math.round(Math.max(...found))} ms`,
    );
    victim.start();
  }
  const perShard = percentiles(outages);
  return {
    name: "kill",
    title: `A shard's commands are not answered after its owner's SIGKILL; ${world.entities} entities`,
    rows: [
      p99Row("each shard", perShard, LIMIT_MS),
      p99Row("the last of the watched shards, per kill", percentiles(worst), LIMIT_MS),
      row("records in the victim's tail", `p50 ${percentiles(tails).p50}, max ${percentiles(tails).max}`),
    ],
    data: { outagesMs: outages, worstMs: worst, tailRecords: tails },
  };
}

async function outageOf(id: string, others: readonly RouterNode[], random: Random, killedAtMs: number): Promise<number> {
  let answeredAtMs: number | null = null;
  while (answeredAtMs === null && performance.now() - killedAtMs < GIVEN_UP_MS) {
    send(id, random.pick(others)).then(
      ({ failure, endedAtMs }) => {
        if (failure === null) answeredAtMs ??= endedAtMs;
      },
      () => undefined,
    );
    await delay(ASK_EVERY_MS);
  }
  return answeredAtMs === null ? GIVEN_UP_MS : answeredAtMs - killedAtMs;
}
