/** Metrics of the cluster as this router sees it, and of how full the router is. */
import { type EventLoopUtilization, performance } from "node:perf_hooks";
import type { Registry } from "prom-client";
import type { CoreSnapshot } from "../../core/core-snapshot.js";
import { exposeCounter, exposeGauge, type Sample } from "./exposition.js";

/** How full the router is, from 0 to 1: the larger of what its event loop and its memory are used for. Clean cache gives way, and does not count. */
export class NodeLoad {
  readonly #core: () => CoreSnapshot | null;
  #since: EventLoopUtilization = performance.eventLoopUtilization();
  #sinceMs = performance.now();
  #loop = 0;

  constructor(core: () => CoreSnapshot | null) {
    this.#core = core;
  }

  get value(): number {
    const nowMs = performance.now();
    // Whoever asks more often gets the last figure: a share of less would be noise.
    if (nowMs - this.#sinceMs >= LOOK_MS) {
      const now = performance.eventLoopUtilization();
      this.#loop = performance.eventLoopUtilization(now, this.#since).utilization;
      this.#since = now;
      this.#sinceMs = nowMs;
    }
    const memory = this.#core()?.memory;
    const used = memory === undefined ? 0 : (memory.bytes - memory.bytesOf("cache")) / memory.totalBytesMax;
    return Math.min(1, Math.max(this.#loop, used));
  }
}

const LOOK_MS = 1_000;

export function exposeCluster(registry: Registry, core: () => CoreSnapshot | null): void {
  const load = new NodeLoad(core);
  const gauge = (name: string, help: string, read: () => number): void =>
    exposeGauge(registry, { name, help }, (): readonly Sample[] => [[{}, read()]]);
  gauge("holdfast_cluster_nodes", "Routers that live, as this one sees it", () => {
    return core()?.cluster?.nodes.filter(({ document, isLiving }) => isLiving && document.status === "alive").length ?? 0;
  });
  gauge("holdfast_shards_owned", "Shards that this router has", () => core()?.shards ?? 0);
  gauge("holdfast_shards", "Shards that the cluster has, as this router sees it", () => core()?.cluster?.shards.length ?? 0);
  gauge("holdfast_node_load", "How full this router is, 0 to 1: event loop or memory, the larger", () => load.value);
  gauge("holdfast_heartbeat_age_seconds", "Since this router's last heartbeat that was confirmed", () => {
    return (core()?.cluster?.heartbeatAgeMs ?? 0) / 1_000;
  });
  gauge("holdfast_forwarded_open", "Requests under way at other routers, or waiting for their shard", () => {
    return core()?.forwarding.open ?? 0;
  });
  exposeCounter(registry, { name: "holdfast_forwarded_commands_total", help: "Requests sent to other routers" }, () => [
    [{}, core()?.forwarding.sent ?? 0],
  ]);
  const moves = {
    name: "holdfast_shard_moves_total",
    help: "Shards taken over from routers that are over, and handed to living ones",
    labels: ["kind"],
  };
  exposeCounter(registry, moves, (): readonly Sample[] => [
    [{ kind: "takeover" }, core()?.cluster?.moves.takenOver ?? 0],
    [{ kind: "handoff" }, core()?.cluster?.moves.handedOff ?? 0],
  ]);
}
