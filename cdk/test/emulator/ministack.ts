/** MiniStack (PyPI `ministack`), an emulator that deploys CloudFormation templates: as a process, and spoken to without an SDK. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

export const REGION = "eu-west-1";
export const ACCOUNT = "000000000000";
/** Nobody checks signatures there; the scope says which service is meant. */
export const CREDENTIALS = { accessKeyId: "test", secretAccessKey: "test" } as const;
const START_MS = 60_000;

export class Ministack {
  readonly url: string;
  readonly #process: ChildProcess;

  private constructor(url: string, process: ChildProcess) {
    this.url = url;
    this.#process = process;
  }

  /** `command` is the path of the program `ministack`. */
  static async start(command: string): Promise<Ministack> {
    const port = await freePort();
    const url = `http://127.0.0.1:${port}`;
    const child = spawn(command, [], {
      // Functions run as processes of the emulator: no container engine is needed.
      env: {
        ...process.env,
        GATEWAY_PORT: String(port),
        LAMBDA_EXECUTOR: "local",
        LOG_LEVEL: "INFO",
        MINISTACK_HOST: "127.0.0.1",
      },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (output = (output + chunk).slice(-20_000)));
    const started = new Ministack(url, child);
    for (const endMs = Date.now() + START_MS; Date.now() < endMs; await sleep(200)) {
      if (child.exitCode !== null) throw new Error(`the emulator ended with ${child.exitCode}:\n${output}`);
      if (await answers(url)) return started;
    }
    await started.stop();
    throw new Error(`the emulator did not start:\n${output}`);
  }

  async stop(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const ended = once(this.#process, "exit");
    this.#process.kill("SIGKILL");
    await ended;
  }

  /** A request to one of the services that speak JSON. */
  async json(service: string, target: string, body: object): Promise<Readonly<Record<string, unknown>>> {
    const headers = { ...scope(service), "x-amz-target": target, "content-type": "application/x-amz-json-1.1" };
    const response = await fetch(this.url, { method: "POST", headers, body: JSON.stringify(body) });
    const text = await response.text();
    if (!response.ok) throw new Error(`${target}: ${response.status} ${text.slice(0, 500)}`);
    return JSON.parse(text);
  }

  async makeBucket(bucket: string): Promise<void> {
    const body = `<CreateBucketConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><LocationConstraint>${REGION}</LocationConstraint></CreateBucketConfiguration>`;
    if (!(await this.hasBucket(bucket))) await this.#put(bucket, body);
  }

  async hasBucket(bucket: string): Promise<boolean> {
    return (await fetch(`${this.url}/${bucket}`, { method: "HEAD", headers: scope("s3") })).ok;
  }

  async putObject(bucket: string, key: string, body: Uint8Array | string): Promise<string> {
    await this.#put(`${bucket}/${key}`, body);
    return `${this.url}/${bucket}/${key}`;
  }

  async #put(path: string, body: Uint8Array | string): Promise<void> {
    const response = await fetch(`${this.url}/${path}`, { method: "PUT", headers: scope("s3"), body });
    if (!response.ok) throw new Error(`PUT ${path}: ${response.status} ${(await response.text()).slice(0, 500)}`);
  }
}

function scope(service: string): { readonly authorization: string } {
  const credential = `${CREDENTIALS.accessKeyId}/20260101/${REGION}/${service}/aws4_request`;
  return { authorization: `AWS4-HMAC-SHA256 Credential=${credential}, SignedHeaders=host, Signature=0` };
}

async function answers(url: string): Promise<boolean> {
  try {
    await fetch(url, { headers: scope("s3"), signal: AbortSignal.timeout(2_000) });
    return true;
  } catch {
    return false;
  }
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("no port was given");
  return address.port;
}
