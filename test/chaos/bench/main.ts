/**
 * `npm run bench:cluster`: the figures of a cluster of routers on DynamoDB Local and the S3 server, as a table and as JSON in
 * bench/results. docs/performance.md has what they came to.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../../e2e/child.js";
import { ownBuild } from "../cluster/build.js";
import { RouterCluster } from "../cluster/router-cluster.js";
import type { BenchWorld } from "./bench-world.js";
import { type Figure, skipped } from "./figure.js";
import { forwardFigure } from "./forward-figure.js";
import { idleFigure } from "./idle-figure.js";
import { joinFigure } from "./join-figure.js";
import { killFigure } from "./kill-figure.js";
import { moveFigure } from "./move-figure.js";
import { Ownership } from "./ownership.js";
import { preload } from "./preload.js";
import { splitFigure } from "./split-figure.js";

/** In this order: the last but one adds a node, and behind a split other figures would count wrongly. */
const FIGURES: Readonly<Record<string, (world: BenchWorld) => Promise<Figure>>> = {
  idle: idleFigure,
  forward: forwardFigure,
  move: moveFigure,
  kill: killFigure,
  join: joinFigure,
  split: splitFigure,
};
const HELP = `npm run bench:cluster -- [--only idle,forward,move,kill,join,split] [--events 40] [--entities 10000] [--nodes 3] [--shards 64]
                             [--seed 1] [--result FILE]`;

const options = readOptions(process.argv.slice(2));
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(130));
const beganAtMs = performance.now();
const log = (line: string): void => console.log(`${((performance.now() - beganAtMs) / 1_000).toFixed(1).padStart(7)} s  ${line}`);

const figures = await measureAll();
printTable(figures);
writeResult(figures);
process.exit(figures.some(({ rows }) => rows.some(({ isMet }) => isMet === false)) ? 1 : 0);

async function measureAll(): Promise<readonly Figure[]> {
  const { nodes, shards, seed, entities, events, only } = options;
  const build = await ownBuild();
  const cluster = await RouterCluster.make({ nodes, seed, shards, rate: 0, build });
  const measured: Figure[] = [];
  try {
    await cluster.start();
    const ownership = await Ownership.open(cluster);
    try {
      log(`${nodes} nodes; peers: ${build.hasPeers ? "yes" : "no"}; ${entities} entities are made`);
      await preload(cluster, entities, "preloaded-");
      const world: BenchWorld = { cluster, ownership, events, seed, entities, hasPeers: build.hasPeers, log };
      for (const name of only) {
        log(name);
        measured.push((await FIGURES[name]?.(world).catch(failed(name))) ?? skipped(name, "there is no such figure"));
      }
    } finally {
      await ownership.close();
    }
  } finally {
    await cluster.close(false);
  }
  return measured;
}

function failed(name: string): (error: unknown) => Figure {
  return (error) => {
    const why = error instanceof Error ? (error.stack ?? error.message) : String(error);
    log(`${name} failed: ${why}`);
    return {
      name,
      title: `${name}: failed`,
      rows: [{ what: why.split("\n")[0] ?? "", value: "-", wanted: "", isMet: false }],
      data: { why },
    };
  };
}

function printTable(measured: readonly Figure[]): void {
  for (const { title, rows } of measured) {
    console.log(`\n${title}`);
    for (const { what, value, wanted, isMet } of rows) {
      const verdict = isMet === null ? "" : isMet ? "yes" : "NO";
      console.log(`  ${what.padEnd(58)} ${value.padEnd(52)} ${wanted.padEnd(16)} ${verdict}`);
    }
  }
}

function writeResult(measured: readonly Figure[]): void {
  const { nodes, shards, entities, events, seed, result } = options;
  const folder = join(ROOT, "bench/results");
  mkdirSync(folder, { recursive: true });
  const path = result ?? join(folder, `cluster-${new Date().toISOString().replaceAll(":", "-")}.json`);
  const head = { at: new Date().toISOString(), node: process.version, nodes, shards, entities, events, seed };
  writeFileSync(path, JSON.stringify({ ...head, figures: measured }, null, 2));
  console.log(`\nall numbers: ${path}`);
}

function readOptions(args: readonly string[]) {
  const values = new Map<string, string>();
  for (let index = 0; index < args.length; index += 2) {
    const [name = "", value = ""] = args.slice(index, index + 2);
    if (!/^--(only|events|entities|nodes|shards|seed|result)$/.test(name) || value === "") throw new Error(HELP);
    values.set(name, value);
  }
  const number = (name: string, otherwise: number): number => {
    const value = Number(values.get(name) ?? otherwise);
    if (!Number.isSafeInteger(value) || value < 0) throw new Error(HELP);
    return value;
  };
  const all = Object.keys(FIGURES);
  const only = (values.get("--only") ?? all.join(",")).split(",");
  if (only.some((name) => FIGURES[name] === undefined)) throw new Error(HELP);
  return {
    only: all.filter((name) => only.includes(name)),
    events: number("--events", 40),
    entities: number("--entities", 10_000),
    nodes: number("--nodes", 3),
    shards: number("--shards", 64),
    seed: number("--seed", 1),
    result: values.get("--result") ?? null,
  };
}
