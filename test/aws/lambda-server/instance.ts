/**
 * One execution environment: a process of its own that runs one event at a time, is frozen between events, and is killed at
 * the function's timeout or over its memory.
 *
 *   starting ──ready──> running <──event── frozen
 *      └──failed──> dead  └──done, failed──────^     timeout, memory, exit ──> dead
 */
import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import type { Duplex } from "node:stream";
import { fileURLToPath } from "node:url";
import { FRAME, FrameReader, frame } from "./frames.js";

export interface InvocationContext {
  readonly requestId: string;
  readonly functionName: string;
  readonly functionVersion: string;
  readonly arn: string;
  readonly memoryMb: number;
  readonly timeoutMs: number;
  readonly clientContext: unknown;
}

export interface AnswerSink {
  /** Nobody reads the answer any more. Lambda does not tell the function; scripts in the test's own process have to stop. */
  readonly isGone: boolean;
  contentType(type: string): void;
  chunk(bytes: Uint8Array): void;
}

export interface FunctionFailure {
  readonly errorType: string;
  readonly errorMessage: string;
  readonly trace?: readonly string[];
}

export interface Instance {
  readonly isAlive: boolean;
  /** Null: it went well. */
  invoke(context: InvocationContext, event: Uint8Array, sink: AnswerSink): Promise<FunctionFailure | null>;
  kill(): void;
}

/** Where a function's code is. */
export type ProcessCode =
  | { readonly kind: "node"; readonly module: string; readonly handler: string }
  | { readonly kind: "python"; readonly file: string; readonly handler: string };

const NODE_BOOTSTRAP = fileURLToPath(new URL("node-bootstrap.js", import.meta.url));
/** Compiled tests lie in dist/test; what is not compiled stays in test. */
const PYTHON_BOOTSTRAP = fileURLToPath(new URL("../../../../test/aws/lambda-server/bootstrap.py", import.meta.url));
/** Lambda gives a new environment so long before the timeout of its first event begins. */
const INIT_MS_MAX = 10_000;
const MEMORY_LOOK_MS = 20;
const PAGE_BYTES = 4_096;

const running = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

export class ProcessInstance implements Instance {
  readonly #process: ChildProcess;
  readonly #channel: Duplex;
  #isReady = false;
  #isAlive = true;
  #onFrame: (kind: number, bytes: Buffer) => void = () => undefined;
  #onExit: (how: string) => void = () => undefined;
  #initFailure: FunctionFailure | null = null;
  #onInit: () => void = () => undefined;

  constructor(code: ProcessCode, environment: Readonly<Record<string, string>>) {
    const [command, ...args] =
      code.kind === "node"
        ? [process.execPath, NODE_BOOTSTRAP, code.module, code.handler]
        : ["python3", PYTHON_BOOTSTRAP, code.file, code.handler];
    this.#process = spawn(command as string, args, {
      stdio: ["ignore", "ignore", "inherit", "pipe"],
      env: { ...process.env, NODE_TEST_CONTEXT: undefined, NODE_OPTIONS: undefined, ...environment },
    });
    running.add(this.#process);
    this.#channel = this.#process.stdio[3] as Duplex;
    const reader = new FrameReader((kind, bytes) => this.#took(kind, bytes));
    this.#channel.on("data", (chunk: Buffer) => reader.push(chunk));
    this.#channel.on("error", () => undefined); // the exit tells
    this.#process.once("error", (error) => this.#ended(error.message));
    this.#process.once("exit", (status, signal) => this.#ended(signal === null ? `exit status ${status}` : "signal: killed"));
  }

  get isAlive(): boolean {
    return this.#isAlive;
  }

  /** Null where there is none any more. */
  get processId(): number | null {
    return this.#isAlive ? (this.#process.pid ?? null) : null;
  }

  async invoke(context: InvocationContext, event: Uint8Array, sink: AnswerSink): Promise<FunctionFailure | null> {
    this.#process.kill("SIGCONT");
    await this.#started();
    if (this.#initFailure !== null) {
      this.kill();
      return this.#initFailure;
    }
    const { requestId, timeoutMs, memoryMb } = context;
    const failure = await new Promise<FunctionFailure | null>((resolve) => {
      const exited = (how: string) =>
        resolve({
          errorType: "Runtime.ExitError",
          errorMessage: `RequestId: ${requestId} Error: Runtime exited with error: ${how}`,
        });
      if (!this.#isAlive) return exited("exit status 1");
      this.#onExit = exited;
      const timeout = setTimeout(() => {
        const seconds = (timeoutMs / 1000).toFixed(2);
        const errorMessage = `RequestId: ${requestId} Error: Task timed out after ${seconds} seconds`;
        resolve({ errorType: "Sandbox.Timedout", errorMessage });
        this.kill();
      }, timeoutMs);
      const memory = setInterval(() => {
        if (this.#residentBytes() > memoryMb << 20) this.kill();
      }, MEMORY_LOOK_MS);
      this.#onFrame = (kind, bytes) => {
        if (kind === FRAME.contentType) sink.contentType(bytes.toString());
        else if (kind === FRAME.chunk) sink.chunk(bytes);
        else if (kind === FRAME.done) resolve(null);
        else if (kind === FRAME.failed) resolve(JSON.parse(bytes.toString()) as FunctionFailure);
      };
      this.#channel.write(frame(FRAME.context, JSON.stringify({ ...context, deadlineAtMs: Date.now() + timeoutMs })));
      this.#channel.write(frame(FRAME.event, event));
      this.#stopWatching = () => {
        clearTimeout(timeout);
        clearInterval(memory);
      };
    });
    this.#stopWatching();
    this.#onFrame = () => undefined;
    this.#onExit = () => undefined;
    if (this.#isAlive) this.#process.kill("SIGSTOP");
    return failure;
  }

  kill(): void {
    this.#process.kill("SIGKILL");
  }

  #stopWatching: () => void = () => undefined;

  #started(): Promise<void> {
    if (this.#isReady) return Promise.resolve();
    return new Promise((resolve) => {
      const late = setTimeout(() => {
        this.#initFailure = { errorType: "Sandbox.Timedout", errorMessage: "the function took too long to start" };
        resolve();
      }, INIT_MS_MAX);
      this.#onInit = () => {
        clearTimeout(late);
        resolve();
      };
      if (!this.#isAlive) this.#onInit();
    });
  }

  #took(kind: number, bytes: Buffer): void {
    if (this.#isReady) {
      this.#onFrame(kind, bytes);
      return;
    }
    this.#isReady = true;
    if (kind === FRAME.failed) this.#initFailure = JSON.parse(bytes.toString()) as FunctionFailure;
    this.#onInit();
  }

  #ended(how: string): void {
    this.#isAlive = false;
    running.delete(this.#process);
    this.#onInit();
    this.#onExit(how);
  }

  /** 0 where the machine does not say. */
  #residentBytes(): number {
    try {
      return Number(readFileSync(`/proc/${this.#process.pid}/statm`, "latin1").split(" ")[1]) * PAGE_BYTES;
    } catch {
      return 0;
    }
  }
}
