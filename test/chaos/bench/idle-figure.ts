/** (d) What a cluster that does nothing asks of its store: requests counted at each node's proxy, minute by minute in small. */
import { setTimeout as delay } from "node:timers/promises";
import type { BenchWorld } from "./bench-world.js";
import { type Figure, percentiles, row } from "./figure.js";

/** Flushes and sweeps that follow load are over by then. */
const QUIET_MS = 15_000;
const WINDOW_MS = 5_000;
const LIMIT = 3;

export async function idleFigure({ cluster, ownership, events, hasPeers, log }: BenchWorld): Promise<Figure> {
  if (hasPeers) await ownership.balanced(cluster.nodes);
  await delay(QUIET_MS);
  const perSecond: number[] = [];
  const windows = Math.ceil(events / cluster.nodes.length);
  const beganAtMs = performance.now();
  const before = cluster.nodes.map(({ door }) => door.requests);
  for (let window = 0; window < windows; window++) {
    const counts = cluster.nodes.map(({ door }) => door.requests);
    const fromMs = performance.now();
    await delay(WINDOW_MS);
    const seconds = (performance.now() - fromMs) / 1_000;
    perSecond.push(...cluster.nodes.map(({ door }, index) => (door.requests - (counts[index] ?? 0)) / seconds));
    log(`window ${window + 1} of ${windows}`);
  }
  const seconds = (performance.now() - beganAtMs) / 1_000;
  const means = cluster.nodes.map(({ door }, index) => (door.requests - (before[index] ?? 0)) / seconds);
  const worst = Math.max(...means);
  return {
    name: "idle",
    title: `Store requests of an idle cluster of ${cluster.nodes.length}; ${perSecond.length} windows of ${WINDOW_MS / 1_000} s`,
    rows: [
      row("per node and second, the busiest node", worst.toFixed(2), `<= ${LIMIT}`, worst <= LIMIT),
      row("in the busiest window", percentiles(perSecond).max.toFixed(2)),
    ],
    data: { meansPerSecond: means, windowsPerSecond: perSecond },
  };
}
