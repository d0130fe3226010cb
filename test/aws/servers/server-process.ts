/** A server in a process of its own: started on a free port, waited for, stopped. What it printed is told when it fails. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { setTimeout as delay } from "node:timers/promises";

export interface RunningServer {
  readonly endpoint: string;
  readonly stop: () => Promise<void>;
}

export interface ServerProgram {
  /** For messages. */
  readonly name: string;
  readonly program: string;
  readonly args: (port: number) => readonly string[];
  readonly env: (port: number) => NodeJS.ProcessEnv;
  /** Any answer to a GET of this path, with a status of which this is true. */
  readonly readyPath: string;
  readonly isReady: (status: number) => boolean;
}

/** Whoever ends before it has stopped its servers leaves none behind. */
const running = new Set<ChildProcess>();
process.on("exit", () => {
  for (const server of running) server.kill("SIGKILL");
});

const READY_WITHIN_MS = 60_000;
const STOP_WITHIN_MS = 5_000;

export async function startServerProcess(program: ServerProgram): Promise<RunningServer> {
  const port = await freePort();
  const env = { ...process.env, ...program.env(port) };
  const server = spawn(program.program, program.args(port), { env, stdio: ["ignore", "pipe", "pipe"] });
  running.add(server);
  server.once("exit", () => running.delete(server));
  let output = "";
  for (const stream of [server.stdout, server.stderr])
    stream.on("data", (text: Buffer) => (output = (output + text).slice(-4000)));
  const hasEnded = once(server, "exit");
  const endpoint = `http://127.0.0.1:${port}`;
  const stop = async () => {
    server.kill("SIGTERM");
    await Promise.race([hasEnded, delay(STOP_WITHIN_MS, undefined, { ref: false })]);
    server.kill("SIGKILL");
    await hasEnded;
  };
  for (const beginMs = performance.now(); ; await delay(100)) {
    if (await answers(`${endpoint}${program.readyPath}`, program.isReady)) return { endpoint, stop };
    const isOver = server.exitCode !== null || performance.now() - beginMs > READY_WITHIN_MS;
    if (!isOver) continue;
    await stop();
    throw new Error(`${program.name} did not start:\n${output}`);
  }
}

async function answers(url: string, isReady: (status: number) => boolean): Promise<boolean> {
  try {
    const answer = await fetch(url, { signal: AbortSignal.timeout(1000) });
    await answer.body?.cancel();
    return isReady(answer.status);
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
