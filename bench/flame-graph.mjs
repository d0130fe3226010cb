// Draws a CPU profile (`node --cpu-prof`, or `npm run bench -- --profile`) as a flame graph, and prints the largest costs.
//   node bench/flame-graph.mjs PROFILE.cpuprofile OUT.svg
// Width is time on the processor, idle time left out; a box stands on its caller. Hover for the share of a box.
import { readFileSync, writeFileSync } from "node:fs";

const WIDTH = 1200;
const ROW = 15;
const SHARE_MIN = 0.002;
const LETTER = 6.2;

const [input, output] = process.argv.slice(2);
if (input === undefined || output === undefined) {
  console.error("usage: node bench/flame-graph.mjs PROFILE.cpuprofile OUT.svg");
  process.exit(2);
}

const profile = JSON.parse(readFileSync(input, "utf8"));
const nodeById = new Map(profile.nodes.map((node) => [node.id, { ...node, selfUs: 0, totalUs: 0 }]));
profile.samples.forEach((id, index) => {
  nodeById.get(id).selfUs += profile.timeDeltas[index];
});

function nameOf({ functionName, url, lineNumber }) {
  const place = url === "" ? "" : ` ${url.split("/").slice(-2).join("/")}:${lineNumber + 1}`;
  return `${functionName === "" ? "(anonymous)" : functionName}${place}`;
}

/** Calls of one function by one caller become one box, wherever in it they stand. */
function merged(nodes) {
  const byName = new Map();
  for (const node of nodes) {
    const name = nameOf(node.callFrame);
    if (name.startsWith("(idle)")) continue;
    const box = byName.get(name) ?? { name, selfUs: 0, callees: [] };
    box.selfUs += node.selfUs;
    box.callees.push(...(node.children ?? []).map((id) => nodeById.get(id)));
    byName.set(name, box);
  }
  return [...byName.values()].map(({ name, selfUs, callees }) => {
    const children = merged(callees);
    return { name, selfUs, totalUs: children.reduce((sum, child) => sum + child.totalUs, selfUs), children };
  });
}

const root = merged([nodeById.get(1)])[0];
const boxes = [];

function place(box, x, depth) {
  const width = (box.totalUs / root.totalUs) * WIDTH;
  if (box.totalUs / root.totalUs < SHARE_MIN) return;
  boxes.push({ ...box, x, depth, width });
  let at = x;
  for (const child of box.children.toSorted((left, right) => right.totalUs - left.totalUs)) {
    place(child, at, depth + 1);
    at += (child.totalUs / root.totalUs) * WIDTH;
  }
}
place(root, 0, 0);

const escaped = (text) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
const colour = (name) => {
  if (name.includes("/core/") || /(shard|log|store|dispatch|ownership|key-spaces|bytes)\//.test(name)) return "#e8a15b";
  if (/node:|_http|internal\//.test(name)) return "#9bb8d3";
  return name.includes(":") ? "#f0d080" : "#cccccc";
};
const height = (Math.max(...boxes.map(({ depth }) => depth)) + 1) * ROW;
const drawn = boxes.map(({ name, x, depth, width, totalUs }) => {
  const share = ((100 * totalUs) / root.totalUs).toFixed(1);
  const letters = Math.floor(width / LETTER);
  const label = letters < 4 ? "" : escaped(name.slice(0, letters));
  const y = height - (depth + 1) * ROW;
  return `<g><title>${escaped(name)} ${share} %</title><rect x="${x.toFixed(1)}" y="${y}" width="${width.toFixed(1)}" height="${ROW - 1}" fill="${colour(name)}"/><text x="${(x + 2).toFixed(1)}" y="${y + 11}">${label}</text></g>`;
});
writeFileSync(
  output,
  `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="monospace" font-size="10">\n<title>CPU time by function and caller</title>\n${drawn.join("\n")}\n</svg>\n`,
);

const selfByName = new Map();
for (const node of nodeById.values()) {
  const name = nameOf(node.callFrame);
  if (!name.startsWith("(idle)")) selfByName.set(name, (selfByName.get(name) ?? 0) + node.selfUs);
}
for (const [name, us] of [...selfByName].toSorted((left, right) => right[1] - left[1]).slice(0, 10)) {
  console.log(`${((100 * us) / root.totalUs).toFixed(1).padStart(5)} %  ${name}`);
}
