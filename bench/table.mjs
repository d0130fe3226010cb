// The one table at the end: medians over the rounds, Holdfast against the prototype and against the better Restate.
const REACH = 0.5;
/** Where the same target differs by more than this from round to round, the machine was measured, not the target. */
const SPREAD_MAX = 1.3;

function sorted(line, name, runs) {
  return runs
    .filter((run) => run.target === name && run.results[line.name] !== undefined)
    .map((run) => line.value(run.results[line.name]))
    .sort((left, right) => left - right);
}

/** The median over the rounds, or null where the target did not run the line. */
export function median(line, target, runs) {
  const values = sorted(line, target.name, runs);
  if (values.length === 0) return null;
  const middle = values.length >> 1;
  return values.length % 2 === 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

export function comparison(lines, targets, runs) {
  const titles = ["", ...targets.map((target) => target.title), "of the prototype", `reach ${REACH}`, "of Restate's best"];
  const rows = lines.map((line) => row(line, targets, runs));
  return aligned([titles, ...rows, cpuRow(targets, runs, titles.length)]);
}

/** The lines with a condition of their own. */
export function conditions(rows) {
  const cells = rows.map(({ title, shown, wanted, isMet }) => [title, shown, wanted, wanted === "" ? "" : isMet ? "yes" : "NO"]);
  return aligned([["Holdfast alone", "", "wanted", "reached"], ...cells]);
}

function row(line, targets, runs) {
  const values = new Map(targets.map((target) => [target.name, median(line, target, runs)]));
  const cells = targets.map((target) => shown(values.get(target.name), line.format));
  const ofPrototype = ratio(line, values.get("holdfast"), values.get("prototype"));
  const restates = ["restate", "restate-1"].map((name) => values.get(name)).filter((value) => value != null);
  const best = restates.length === 0 ? null : line.isMoreBetter ? Math.max(...restates) : Math.min(...restates);
  const ofRestate = ratio(line, values.get("holdfast"), best);
  const reached = ofPrototype === null ? "-" : verdict(ofPrototype, line, runs);
  return [
    line.title,
    ...cells,
    shown(ofPrototype, (value) => value.toFixed(2)),
    reached,
    shown(ofRestate, (value) => `${value.toFixed(1)} x`),
  ];
}

/** No verdict from one round alone, nor from rounds that contradict each other. */
function verdict(ofPrototype, line, runs) {
  const spreads = ["prototype", "holdfast"].map((name) => spread(sorted(line, name, runs)));
  if (spreads.includes(null)) return "one round";
  const widest = Math.max(...spreads);
  if (widest > SPREAD_MAX) return `noise ${widest.toFixed(1)} x`;
  return ofPrototype >= REACH ? "yes" : "NO";
}

/** How many times the smallest the largest is; null where there are not two. */
function spread(values) {
  return values.length < 2 ? null : values[values.length - 1] / values[0];
}

/** How good the first is, measured by the second: above 1 is better, whichever way the line counts. */
function ratio(line, value, against) {
  if (value == null || against == null) return null;
  return line.isMoreBetter ? value / against : against / value;
}

function cpuRow(targets, runs, width) {
  const cells = targets.map((target) => {
    const line = { name: "keys", value: (result) => result.cpuMicros };
    return shown(median(line, target, runs), (value) => `${Math.round(value)} µs`);
  });
  return ["CPU of the server per command (line 1)", ...cells, ...Array(width - 1 - cells.length).fill("")];
}

function shown(value, format) {
  return value == null || Number.isNaN(value) ? "-" : format(value);
}

function aligned(rows) {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((cells) => cells[column].length)));
  const text = (cells) => cells.map((cell, at) => (at === 0 ? cell.padEnd(widths[at]) : cell.padStart(widths[at]))).join("  ");
  return [text(rows[0]), widths.map((width) => "-".repeat(width)).join("  "), ...rows.slice(1).map(text)].join("\n");
}
