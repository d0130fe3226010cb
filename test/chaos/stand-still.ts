/** Sees whether anything moves; when nothing does for a minute, tells who waits for what. */
import { readFileSync } from "node:fs";
import type { Insistence } from "./clients/insistence.js";
import type { RouterCluster } from "./cluster/router-cluster.js";
import type { RouterNode } from "./cluster/router-node.js";
import type { FaultDriver } from "./faults/fault-driver.js";

/** Much longer than the worst take-over: a lease, an observer's wait, a start under faults, all of it once more. */
const STAND_STILL_MS = 60_000;
const LOOK_EVERY_MS = 1_000;
const LOG_LINES = 15;
const OPEN_TRIES_MAX = 40;
/** Metrics that tell what a router waits for. */
const TELLING =
  /^holdfast_(requests_open|append_depth|durable_lag_seconds|gate_held|uncommitted_bytes|tail_records|flushing|outbox_messages|shards|cluster|heartbeat|forward)/;

export class StandStill extends Error {}

type Answers = Pick<Insistence, "definite">;

export class Watch {
  readonly #answers: Answers;
  readonly #standStillMs: number;
  #definite = -1;
  #movedAtMs = performance.now();
  /** The longest time in which no definite answer came. */
  longestMs = 0;

  constructor(answers: Answers, standStillMs = STAND_STILL_MS) {
    this.#answers = answers;
    this.#standStillMs = standStillMs;
  }

  /** Rejects with `StandStill` when no definite answer has come for so long; resolves when `signal` aborts. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const now = performance.now();
      if (this.#answers.definite !== this.#definite) {
        this.#definite = this.#answers.definite;
        this.#movedAtMs = now;
      }
      this.longestMs = Math.max(this.longestMs, now - this.#movedAtMs);
      if (now - this.#movedAtMs > this.#standStillMs)
        throw new StandStill(`nothing has moved for ${this.#standStillMs / 1_000} s`);
      await new Promise((resolve) => setTimeout(resolve, Math.min(LOOK_EVERY_MS, this.#standStillMs / 2)));
    }
  }
}

/** Who waits for what, as text. */
export async function whoWaitsForWhat(cluster: RouterCluster, insistence: Insistence, driver: FaultDriver): Promise<string> {
  const now = performance.now();
  const open = [...insistence.open].sort((left, right) => left.beganAtMs - right.beganAtMs);
  const tries = open.map(
    ({ client, what, beganAtMs, tries, node, last }) =>
      `${client}: ${what}, for ${((now - beganAtMs) / 1_000).toFixed(1)} s in ${tries} tries, now at ${node}; last: ${last}`,
  );
  const nodes = await Promise.all(cluster.nodes.map(nodeStory));
  return [
    `under way: ${[...driver.current].join(", ") || "no fault"}; functions ${cluster.functions.isUp ? "run" : "are down"}`,
    `peers cut: ${[...cluster.peers.cuts].map(([node, direction]) => `${node} ${direction}`).join(", ") || "none"}`,
    `peer connections: ${cluster.proxyStates.join(", ") || "none"}`,
    `open tries (${open.length}):`,
    ...tries.slice(0, OPEN_TRIES_MAX).map((line) => `  ${line}`),
    ...nodes,
  ].join("\n");
}

async function nodeStory(node: RouterNode): Promise<string> {
  const asked = ["/v1/status", "/metrics", ...(node.build.hasPeers ? ["/v1/cluster"] : [])];
  const [status, metrics, cluster] = await Promise.all(asked.map((path) => textOf(node.admin(path))));
  const { cut, isStorm, open } = node.door.state;
  const telling = (metrics ?? "").split("\n").filter((line) => TELLING.test(line));
  return [
    `${node.name}: ${node.state}; store: ${cut === null ? "open" : `cut (${cut})`}${isStorm ? ", storm" : ""}, under way: ${open.join(" ") || "nothing"}`,
    `  status: ${status ?? "no answer"}`,
    ...(cluster === undefined ? [] : [`  cluster: ${cluster ?? "no answer"}`]),
    ...telling.map((line) => `  ${line}`),
    `  its log ends (${node.logPath}):`,
    ...lastLines(node.logPath).map((line) => `    ${line}`),
  ].join("\n");
}

async function textOf(answer: Promise<{ readonly text: string }>): Promise<string | null> {
  return answer.then(
    ({ text }) => text,
    () => null,
  );
}

function lastLines(path: string): readonly string[] {
  try {
    return readFileSync(path, "utf8")
      .trimEnd()
      .split("\n")
      .slice(-LOG_LINES)
      .map((line) => line.slice(0, 500));
  } catch {
    return []; // it was never started
  }
}
