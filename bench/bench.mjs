// `npm run bench [-- options]`: Holdfast, the bare prototype and Restate, measured in turns, one table at the end.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { cpus, loadavg } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { comparedLines } from "./lines/compared.mjs";
import { holdfastLines } from "./lines/holdfast-only.mjs";
import { hasWrk } from "./load/load.mjs";
import { profileFlags, profileReport } from "./profile.mjs";
import { comparison, conditions, median } from "./table.mjs";
import { holdfast } from "./targets/holdfast.mjs";
import { prototype } from "./targets/prototype.mjs";
import { restateOnePartition, restateShipped } from "./targets/restate.mjs";

const HERE = fileURLToPath(new URL(".", import.meta.url));
const RESULTS = join(HERE, "results");
const TARGETS = [prototype, holdfast, restateShipped, restateOnePartition];

const LINE_NAMES = [...comparedLines, ...holdfastLines].map((line) => line.name);
/** Of other work, before the benchmark begins. */
const QUIET_LOAD_MAX = 0.3;
const ENTITIES = 1_000_000;
const ENTITIES_QUICK = 100_000;

const { values: options } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    only: { type: "string", multiple: true, default: [] },
    rounds: { type: "string" },
    seconds: { type: "string" },
    entities: { type: "string" },
    profile: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});

if (options.help) {
  console.log(`npm run bench -- [--quick] [--only NAME]... [--rounds N] [--seconds N]

  --quick        one round, two seconds a line: says whether it works, not how fast it is
  --only NAME    only this line or this target; may be repeated
                 lines: ${LINE_NAMES.join(", ")}
                 targets: ${TARGETS.map((target) => target.name).join(", ")}
  --rounds N     how often every target has its turn (default 3)
  --seconds N    length of one measurement (default 5)
  --entities N   how many the lines compaction and million write (default 1000000; with --quick 100000)
  --profile      profile the processes of the prototype and of Holdfast, print the largest self times (slows them down)`);
  process.exit(0);
}

function chosen() {
  const known = [...LINE_NAMES, ...TARGETS.map((target) => target.name)];
  const unknown = options.only.find((name) => !known.includes(name));
  if (unknown !== undefined) throw new Error(`--only ${unknown}: there are ${known.join(", ")}`);
  const named = (all) => all.filter((one) => options.only.includes(one.name));
  const targets = named(TARGETS).length > 0 ? named(TARGETS) : TARGETS;
  const isLineNamed = LINE_NAMES.some((name) => options.only.includes(name));
  return {
    targets,
    lines: isLineNamed ? named(comparedLines) : comparedLines,
    ownLines: targets.includes(holdfast) ? (isLineNamed ? named(holdfastLines) : holdfastLines) : [],
  };
}

function positive(text, fallback) {
  const value = text === undefined ? fallback : Number(text);
  if (!(Number.isInteger(value) && value > 0)) throw new Error(`'${text}' is not a positive whole number`);
  return value;
}

/** Restate and a newer Node are this folder's only packages. Without them everything else still runs. */
function installPackages() {
  if (existsSync(join(HERE, "node_modules", ".package-lock.json"))) return;
  console.log("installing what bench/ needs (npm ci) ...");
  const result = spawnSync("npm", ["--prefix", HERE, "ci", "--no-audit", "--no-fund"], {
    cwd: HERE,
    stdio: ["ignore", "ignore", "inherit"],
  });
  if (result.status !== 0) console.log("npm ci failed: the targets that come from npm are skipped");
}

async function runnable(targets) {
  const able = [];
  for (const target of targets) {
    const problem = await target.problem();
    if (problem === null) able.push(target);
    else console.log(`skipped: ${target.title}: ${problem}`);
  }
  return able;
}

function emptyFolder(...names) {
  const folder = join(RESULTS, ...names);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  return folder;
}

async function turn(target, lines, durationMs) {
  const folder = emptyFolder("data", target.name);
  const profiles = options.profile ? emptyFolder("profile", target.name) : null;
  const running = await target.start(folder, profiles === null ? {} : { nodeFlags: profileFlags(profiles) });
  const results = {};
  try {
    await lines[0].warmUp(running, Math.min(durationMs, 3000));
    for (const line of lines) {
      if (line.skips(target)) continue;
      results[line.name] = await line.run(running, durationMs);
      console.log(
        `  ${target.title}: ${line.title}: ${line.format(line.value(results[line.name]))}${cpuText(results[line.name])}`,
      );
    }
  } finally {
    await running.stop();
    rmSync(folder, { recursive: true, force: true });
  }
  if (profiles !== null && !target.name.startsWith("restate")) console.log(profileReport(profiles));
  return results;
}

/** Other work on the machine moves this far less than it moves throughput. */
function cpuText({ cpuMicros }) {
  return cpuMicros === null ? "" : `, ${cpuMicros.toFixed(1)} µs CPU a command`;
}

/** A line that cannot be measured is a row that says so, and the others still run. */
async function ownRows(lines, plan) {
  const rows = [];
  for (const line of lines) {
    const folder = emptyFolder("data", line.name);
    console.log(`${line.name} ...`);
    try {
      rows.push(...(await line.run(folder, plan)));
    } catch (error) {
      console.log(`  ${error.message}`);
      rows.push({ title: line.name, shown: "not measured", wanted: error.message.split("\n")[0].slice(0, 100), isMet: false });
    }
    rmSync(folder, { recursive: true, force: true });
  }
  return rows;
}

async function main() {
  const rounds = positive(options.rounds, options.quick ? 1 : 3);
  const durationMs = 1000 * positive(options.seconds, options.quick ? 2 : 5);
  const { lines, ownLines, targets } = chosen();
  if (targets.some((target) => target.name.startsWith("restate"))) installPackages();
  const able = await runnable(targets);
  console.log(
    `${cpus().length} × ${cpus()[0]?.model ?? "unknown processor"}, Node ${process.version}, load from ${hasWrk ? "wrk" : "the own generator"}`,
  );

  const otherLoad = loadavg()[0];
  const isQuiet = otherLoad <= QUIET_LOAD_MAX;
  const noise = `the machine was not quiet (load ${otherLoad.toFixed(1)} before the start): numbers suffer, no condition is decided`;
  if (!isQuiet) console.log(noise);

  const runs = [];
  for (let round = 1; round <= rounds && lines.length > 0; round++) {
    console.log(`round ${round} of ${rounds}`);
    for (const target of able) runs.push({ round, target: target.name, results: await turn(target, lines, durationMs) });
  }
  const plan = { durationMs, rounds, entities: positive(options.entities, options.quick ? ENTITIES_QUICK : ENTITIES) };
  const rows = able.includes(holdfast) ? await ownRows(ownLines, plan) : [];
  if (runs.length > 0) console.log(`\n${comparison(lines, TARGETS, runs)}`);
  if (rows.length > 0) console.log(`\n${conditions(rows)}`);
  if (!isQuiet) console.log(`\n${noise}`);
  if (options.quick) console.log("\n--quick: too short to compare by");

  mkdirSync(RESULTS, { recursive: true });
  const file = join(RESULTS, `${new Date().toISOString().replaceAll(":", "-")}.json`);
  const medians = Object.fromEntries(lines.map((line) => [line.name, medianByTarget(line, runs)]));
  writeFileSync(
    file,
    `${JSON.stringify({ node: process.version, cpus: cpus().length, hasWrk, otherLoad, ...plan, medians, rows, runs }, null, 1)}\n`,
  );
  console.log(`\nevery number: ${file}`);
}

function medianByTarget(line, runs) {
  return Object.fromEntries(TARGETS.map((target) => [target.name, median(line, target, runs)]));
}

await main();
