// Carries out the Dockerfile without a container engine: stages are folders, instructions are the few that it uses, and what
// comes out is started as the image would be: its command, nobody's rights, a file system that cannot be written.
// It proves that the files are complete and the command and the health check work; not that the base images are there.
//
//   node scripts/run-dockerfile.mjs
import { execSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";

const NOBODY = 65532;
const work = mkdtempSync(join(tmpdir(), "holdfast-image-"));
const context = join(work, "context");
const stages = new Map();
let stage = null;
const image = { command: [], healthCheck: [], user: "" };

/** The build context: what .dockerignore lets through (an allow list; see there). */
function makeContext() {
  const rules = readFileSync(".dockerignore", "utf8")
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"));
  if (rules[0] !== "*") throw new Error(".dockerignore should begin with *");
  for (const rule of rules.filter((one) => one.startsWith("!")))
    cpSync(rule.slice(1), join(context, rule.slice(1)), { recursive: true });
  if (!rules.includes("src/**/*.test.ts")) throw new Error(".dockerignore should leave tests out");
  for (const file of readdirSync(join(context, "src"), { recursive: true }))
    if (file.endsWith(".test.ts")) rmSync(join(context, "src", file));
}

/** Instructions, with continued lines joined. */
function instructions() {
  const text = readFileSync("Dockerfile", "utf8")
    .replace(/^#.*\n/gm, "")
    .replace(/\\\n\s*/g, "");
  return text.split("\n").filter((line) => line.trim() !== "");
}

function inStage(path) {
  return path.startsWith("/") ? join(stage.root, path) : join(stage.root, stage.workdir, path);
}

function copy(words) {
  const from = /^--from=(.+)$/.exec(words[0] ?? "")?.[1];
  const paths = from === undefined ? words : words.slice(1);
  const target = paths.pop();
  for (const path of paths) {
    const source = from === undefined ? join(context, path) : join(stages.get(from).root, path);
    if (!existsSync(source)) throw new Error(`COPY: ${path} is not there`);
    const isInto = target.endsWith("/") || paths.length > 1;
    const to = isInto ? join(inStage(target), basename(path)) : inStage(target);
    mkdirSync(dirname(to), { recursive: true });
    cpSync(source, to, { recursive: true });
  }
}

function perform(line) {
  const [, name, rest] = /^([A-Z]+)\s+(.*)$/.exec(line) ?? [];
  switch (name) {
    case "FROM": {
      const as = / AS (\S+)$/.exec(rest)?.[1] ?? "final";
      stage = { root: join(work, as), workdir: "/" };
      stages.set(as, stage);
      return mkdirSync(stage.root);
    }
    case "WORKDIR":
      stage.workdir = rest;
      return mkdirSync(join(stage.root, rest), { recursive: true });
    case "COPY":
      return copy(rest.split(/\s+/));
    case "RUN":
      return execSync(rest, { cwd: inStage("."), stdio: ["ignore", "ignore", "inherit"] });
    case "USER":
      image.user = rest;
      return;
    case "CMD":
      image.command = JSON.parse(rest);
      return;
    case "HEALTHCHECK":
      image.healthCheck = JSON.parse(/CMD (\[.*\])$/.exec(rest)?.[1] ?? "null");
      return;
    case "ENV":
    case "EXPOSE":
    case "STOPSIGNAL":
      return;
    default:
      throw new Error(`this script does not know the instruction: ${line}`);
  }
}

function makeReadOnly(folder) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) makeReadOnly(path);
    else if (entry.isFile()) chmodSync(path, statSync(path).mode & 0o555);
  }
  chmodSync(folder, 0o555);
}

function makeWritable(folder) {
  chmodSync(folder, 0o755);
  for (const entry of readdirSync(folder, { withFileTypes: true }))
    if (entry.isDirectory()) makeWritable(join(folder, entry.name));
}

async function tryImage() {
  if (image.user !== String(NOBODY)) throw new Error(`the image should run as ${NOBODY}, not as '${image.user}'`);
  const cwd = inStage(".");
  chmodSync(work, 0o755);
  makeReadOnly(stage.root);
  // Only root can become somebody else; the folder cannot be written by anybody.
  const identity = process.getuid() === 0 ? { uid: NOBODY, gid: NOBODY } : {};
  const settings = { journal: { kind: "memory" }, log: { level: "warn" } };
  const env = { PATH: process.env.PATH, NODE_ENV: "production", HOLDFAST_CONFIG: JSON.stringify(settings) };
  const child = spawn(process.execPath, image.command, { cwd, env, stdio: ["ignore", "inherit", "inherit"], ...identity });
  const isHealthy = () => spawnSync(process.execPath, image.healthCheck.slice(1), { cwd, env, ...identity }).status === 0;
  try {
    for (let tries = 0; !isHealthy(); tries++) {
      if (child.exitCode !== null || tries === 50) throw new Error(`the router is not healthy (exit code ${child.exitCode})`);
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    const ended = once(child, "exit");
    child.kill("SIGTERM");
    const [code] = await ended;
    if (code !== 0) throw new Error(`after SIGTERM the router ended with ${code}`);
  } finally {
    child.kill("SIGKILL");
  }
  if (isHealthy()) throw new Error("the health check is content without a router");
}

try {
  makeContext();
  for (const line of instructions()) perform(line);
  const size = execSync(`du -sk ${stage.root}`, { encoding: "utf8" }).split("\t")[0];
  await tryImage();
  console.log(`the image's command starts, is healthy and stops; its own files are ${Math.round(size / 1024)} MB`);
} finally {
  if (stage !== null && existsSync(stage.root)) makeWritable(stage.root);
  rmSync(work, { recursive: true, force: true });
}
