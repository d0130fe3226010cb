/** Figures of a node: its metrics, and the processor time of its process. */
import { readFileSync } from "node:fs";
import type { RouterNode } from "../cluster/router-node.js";

/** The sum of a metric over its labels; null where the node has none of that name, or does not answer. */
export async function metricOf(node: RouterNode, name: string): Promise<number | null> {
  const text = await node.admin("/metrics").then(
    (answer) => answer.text,
    () => "",
  );
  const values = text
    .split("\n")
    .filter((line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`))
    .map((line) => Number(line.slice(line.lastIndexOf(" ") + 1)));
  return values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0);
}

const TICKS_PER_SECOND = 100;

/** All threads, so far; NaN where the system does not tell. */
export function processorMs(pid: number | null): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return ((Number(fields[11]) + Number(fields[12])) * 1_000) / TICKS_PER_SECOND;
  } catch {
    return Number.NaN;
  }
}
