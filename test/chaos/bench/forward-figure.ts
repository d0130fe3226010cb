/** (c) What it costs that a command comes to a node that does not own its entity: time, and processor time of both routers. */
import type { RouterNode } from "../cluster/router-node.js";
import type { BenchWorld } from "./bench-world.js";
import { type Figure, ms, type Percentiles, percentiles, row, skipped } from "./figure.js";
import { processorMs } from "./metrics-of.js";
import { idsByShard } from "./ownership.js";
import { send } from "./steady-load.js";

const CLIENTS = 16;
const WARM_UP = 500;
const COMMANDS = 4_000;
/** They take turns, so that what else the machine does hits both. */
const ROUNDS = 5;

interface Measured {
  readonly latencies: number[];
  processorMs: number;
  commands: number;
}

export async function forwardFigure(world: BenchWorld): Promise<Figure> {
  const { cluster, ownership, log } = world;
  if (!world.hasPeers || cluster.nodes.length < 2) return skipped("forward", "this build has no peers");
  const owners = await ownership.balancedOwners(cluster.nodes);
  const [owner] = cluster.nodes;
  const other = cluster.nodes.find((node) => node !== owner);
  if (owner === undefined || other === undefined) return skipped("forward", "there is one node alone");
  const ids = idsByShard(cluster.shards, CLIENTS, "forward-").flatMap((some, shard) => (owners[shard] === owner ? some : []));
  const local: Measured = { latencies: [], processorMs: 0, commands: 0 };
  const forwarded: Measured = { latencies: [], processorMs: 0, commands: 0 };
  await closedLoop(owner, ids, WARM_UP);
  await closedLoop(other, ids, WARM_UP);
  for (let round = 0; round < ROUNDS; round++) {
    await measure(local, owner, [owner, other], ids);
    await measure(forwarded, other, [owner, other], ids);
    log(`round ${round + 1} of ${ROUNDS}`);
  }
  // A shard that had moved would make local commands of forwarded ones.
  const after = await ownership.owners();
  if (after.some((node, shard) => (node === owner) !== (owners[shard] === owner))) throw new Error("shards have moved meanwhile");
  const [here, there] = [percentiles(local.latencies), percentiles(forwarded.latencies)];
  const [hereMicros, thereMicros] = [local, forwarded].map((one) => (one.processorMs * 1_000) / one.commands);
  return {
    name: "forward",
    title: `A forwarded command against a local one; ${CLIENTS} clients, ${ROUNDS * COMMANDS} commands each`,
    rows: [
      row("local", text(here)),
      row("forwarded", text(there)),
      row("processor time of both routers per command, local", `${Math.round(hereMicros ?? 0)} µs`),
      row("processor time of both routers per command, forwarded", `${Math.round(thereMicros ?? 0)} µs`),
    ],
    data: { localMs: here, forwardedMs: there, localMicros: hereMicros, forwardedMicros: thereMicros },
  };
}

async function measure(into: Measured, at: RouterNode, both: readonly RouterNode[], ids: readonly string[]): Promise<void> {
  const before = both.map(({ pid }) => processorMs(pid));
  into.latencies.push(...(await closedLoop(at, ids, COMMANDS)));
  into.commands += COMMANDS;
  for (const [index, { pid }] of both.entries()) into.processorMs += processorMs(pid) - (before[index] ?? 0);
}

async function closedLoop(node: RouterNode, ids: readonly string[], commands: number): Promise<readonly number[]> {
  const latencies: number[] = [];
  let begun = 0;
  const client = async (): Promise<void> => {
    while (begun < commands) {
      const { failure, sentAtMs, endedAtMs } = await send(ids[begun++ % ids.length] ?? "", node);
      if (failure !== null) throw new Error(`a command was answered with ${failure}`);
      latencies.push(endedAtMs - sentAtMs);
    }
  };
  await Promise.all(Array.from({ length: CLIENTS }, client));
  return latencies;
}

function text({ p50, p99, max }: Percentiles): string {
  return `p50 ${ms(p50)}, p99 ${ms(p99)}, max ${ms(max)}`;
}
