// What `--profile` prints: the functions in which a process spent its own time, from Node's CPU profiles.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const INTERVAL_MICROS = 500;
const SHOWN = 10;
const NOT_WORK = new Set(["(idle)", "(root)"]);

export function profileFlags(folder) {
  return ["--cpu-prof", `--cpu-prof-dir=${folder}`, `--cpu-prof-interval=${INTERVAL_MICROS}`];
}

/** One table per thread of the profiled process, the busiest first. Profiles are there once the process has ended. */
export function profileReport(folder) {
  const files = readdirSync(folder).filter((file) => file.endsWith(".cpuprofile"));
  if (files.length === 0) return `no profile in ${folder}: the process did not end by itself`;
  const threads = files.map((file) => ({ file, ...selfTimes(JSON.parse(readFileSync(join(folder, file), "utf8"))) }));
  threads.sort((left, right) => right.busyMicros - left.busyMicros);
  return threads.map((thread) => threadReport(folder, thread)).join("\n\n");
}

function selfTimes({ nodes, samples, timeDeltas }) {
  const nodeById = new Map(nodes.map((node) => [node.id, node]));
  const microsByPlace = new Map();
  let busyMicros = 0;
  let allMicros = 0;
  for (let at = 0; at < samples.length; at++) {
    const micros = timeDeltas[at + 1] ?? 0;
    allMicros += micros;
    const { callFrame } = nodeById.get(samples[at]);
    if (NOT_WORK.has(callFrame.functionName)) continue;
    busyMicros += micros;
    const place = placeOf(callFrame);
    microsByPlace.set(place, (microsByPlace.get(place) ?? 0) + micros);
  }
  const places = [...microsByPlace].sort((left, right) => right[1] - left[1]);
  return { busyMicros, allMicros, places };
}

function placeOf({ functionName, url, lineNumber }) {
  const name = functionName === "" ? "(anonymous)" : functionName;
  if (url === "") return name;
  const file = url.replace(/^file:\/\//, "").replace(/^.*\/(dist|node_modules|bench)\//, "$1/");
  return `${name}  ${file}:${lineNumber + 1}`;
}

function threadReport(folder, { file, busyMicros, allMicros, places }) {
  const head = `${join(folder, file)}: busy ${(busyMicros / 1e6).toFixed(1)} s of ${(allMicros / 1e6).toFixed(1)} s; self time:`;
  const lines = places
    .slice(0, SHOWN)
    .map(([place, micros]) => `  ${((micros / busyMicros) * 100).toFixed(1).padStart(5)} %  ${place}`);
  return [head, ...lines].join("\n");
}
