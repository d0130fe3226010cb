/**
 * The S3 server of `npm run test:aws`: MiniStack from PyPI, in an environment of its own under node_modules/.cache. Why this
 * one: docs/testing.md.
 */
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { setTimeout as delay } from "node:timers/promises";

export interface RunningServer {
  readonly endpoint: string;
  readonly stop: () => Promise<void>;
}

/** With every version pinned. Paths are those of the repository, where the scripts run. */
const PACKAGES = "test/aws/servers/s3-server.txt";
const READY_WITHIN_MS = 60_000;
const INSTALLED_WITHIN_MS = 180_000;

export async function startS3Server(): Promise<RunningServer> {
  const python = installed();
  const port = await freePort();
  const env = { ...process.env, BIND_HOST: "127.0.0.1", GATEWAY_PORT: String(port), SERVICES: "s3", LOG_LEVEL: "WARNING" };
  const server = spawn(python, ["-m", "ministack"], { env, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [server.stdout, server.stderr])
    stream.on("data", (text: Buffer) => (output = (output + text).slice(-4000)));
  const hasEnded = once(server, "exit");
  const endpoint = `http://127.0.0.1:${port}`;
  const stop = async () => {
    server.kill("SIGTERM");
    await Promise.race([hasEnded, delay(5000)]);
    server.kill("SIGKILL");
    await hasEnded;
  };
  for (const beginMs = performance.now(); ; await delay(100)) {
    if (await isReady(`${endpoint}/_ministack/health`)) return { endpoint, stop };
    const isOver = server.exitCode !== null || performance.now() - beginMs > READY_WITHIN_MS;
    if (!isOver) continue;
    await stop();
    throw new Error(`the S3 server did not start:\n${output}`);
  }
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

async function isReady(url: string): Promise<boolean> {
  try {
    const answer = await fetch(url, { signal: AbortSignal.timeout(1000) });
    await answer.body?.cancel();
    return answer.ok;
  } catch {
    return false;
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("no free port");
  return address.port;
}
