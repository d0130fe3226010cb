/**
 * The S3 server of `npm run test:aws`, and its Lambda emulator: MiniStack from PyPI, in an environment of its own under node_modules/.cache. Why this
 * one: docs/testing.md.
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { type RunningServer, startServerProcess } from "./server-process.js";

/** With every version pinned. Paths are those of the repository, where the scripts run. */
const PACKAGES = "test/aws/servers/s3-server.txt";
const INSTALLED_WITHIN_MS = 180_000;

export function startS3Server(): Promise<RunningServer> {
  return startMiniStack("the S3 server", "s3");
}

/** Runs functions with this machine's own node and python3; its limits are not Lambda's (docs/testing.md). */
export function startLambdaEmulator(): Promise<RunningServer> {
  return startMiniStack("the Lambda emulator", "lambda,iam,sts,logs");
}

function startMiniStack(name: string, services: string): Promise<RunningServer> {
  return startServerProcess({
    name,
    program: installed(),
    args: () => ["-m", "ministack"],
    env: (port) => ({ BIND_HOST: "127.0.0.1", GATEWAY_PORT: String(port), SERVICES: services, LOG_LEVEL: "WARNING" }),
    readyPath: "/_ministack/health",
    isReady: (status) => status === 200,
  });
}

/** The interpreter of the environment that has the packages; made once for each state of the list. */
function installed(): string {
  const id = createHash("sha256").update(readFileSync(PACKAGES)).digest("hex").slice(0, 12);
  const folder = `node_modules/.cache/holdfast/s3-server-${id}`;
  const python = `${folder}/bin/python`;
  if (existsSync(`${folder}/complete`)) return python;
  rmSync(folder, { recursive: true, force: true });
  run("python3", ["-m", "venv", folder]);
  run(python, ["-m", "pip", "install", "--quiet", "--no-deps", "-r", PACKAGES]);
  writeFileSync(`${folder}/complete`, "");
  return python;
}

function run(program: string, args: readonly string[]): void {
  const result = spawnSync(program, args, { encoding: "utf8", timeout: INSTALLED_WITHIN_MS });
  if (result.status === 0) return;
  const why = result.error?.message ?? `${result.stdout}${result.stderr}`;
  throw new Error(`${program} ${args.join(" ")} failed (Python 3.10 or newer with venv and pip is needed):\n${why}`);
}
