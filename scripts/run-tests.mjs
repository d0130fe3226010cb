// Runs the compiled tests under Node's own test runner: `node scripts/run-tests.mjs [folder or file fragment ...]`.
// Without arguments: every *.test.js below dist. Extra flags (beginning with --) are passed on.
import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";

const args = process.argv.slice(2);
const flags = args.filter((arg) => arg.startsWith("--"));
const fragments = args.filter((arg) => !arg.startsWith("--"));

function* testFiles(folder) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* testFiles(path);
    else if (entry.name.endsWith(".test.js")) yield path;
  }
}

const files = [...testFiles("dist")].filter(
  (file) => fragments.length === 0 || fragments.some((fragment) => file.includes(fragment)),
);
if (files.length === 0) {
  console.error(`no compiled test matches ${fragments.join(", ")}; run 'npm run build' first`);
  process.exit(1);
}
const result = spawnSync(process.execPath, ["--enable-source-maps", ...flags, "--test", ...files], { stdio: "inherit" });
process.exit(result.status ?? 1);
