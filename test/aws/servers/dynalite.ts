/**
 * dynalite, DynamoDB in memory from npm, in a process of its own: it throws when a client hangs up on it, which tests of
 * timeouts do. It ends with the process that started it.
 */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

export interface DynamoServer {
  readonly endpoint: string;
  stop(): Promise<void>;
}

export async function startDynalite(): Promise<DynamoServer> {
  const child = fork(fileURLToPath(new URL("dynalite-process.js", import.meta.url)), {
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
  const [message] = (await Promise.race([once(child, "message"), failedStart(child)])) as [{ readonly port: number }];
  return { endpoint: `http://127.0.0.1:${message.port}`, stop: () => stop(child) };
}

async function failedStart(child: ChildProcess): Promise<never> {
  const [code] = await once(child, "exit");
  throw new Error(`dynalite ended before it listened (exit code ${code})`);
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  child.kill("SIGKILL");
  await ended;
}
