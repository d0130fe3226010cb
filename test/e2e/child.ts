/** A program of this repository in a process of its own: its lines, its end, and never left behind. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** Compiled tests lie in dist/test/e2e. */
export const ROOT = fileURLToPath(new URL("../../../", import.meta.url));

const READY_WITHIN_MS = 20_000;
const running = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export class Child {
  readonly #process: ChildProcess;
  readonly exited: Promise<Exit>;
  #output = "";
  #errors = "";
  #onText: () => void = () => undefined;

  /** With a `logPath`, all that it says goes to the end of that file, and nothing of it is kept here. */
  constructor(command: string, args: readonly string[], environment: NodeJS.ProcessEnv = {}, logPath: string | null = null) {
    const log = logPath === null ? null : openSync(logPath, "a");
    this.#process = spawn(command, args, {
      cwd: ROOT,
      stdio: log === null ? ["ignore", "pipe", "pipe"] : ["ignore", log, log],
      env: { ...process.env, NODE_TEST_CONTEXT: undefined, ...environment },
    });
    if (log !== null) closeSync(log);
    running.add(this.#process);
    this.#process.stdout?.on("data", (chunk: Buffer) => {
      this.#output += chunk.toString();
      this.#onText();
    });
    this.#process.stderr?.on("data", (chunk: Buffer) => {
      this.#errors += chunk.toString();
      this.#onText();
    });
    this.exited = once(this.#process, "close").then(([code, signal]) => {
      running.delete(this.#process);
      this.#onText();
      return { code, signal } as Exit;
    });
  }

  get pid(): number {
    return this.#process.pid ?? 0;
  }

  get output(): string {
    return this.#output;
  }

  get errors(): string {
    return this.#errors;
  }

  get hasExited(): boolean {
    return !running.has(this.#process);
  }

  signal(name: NodeJS.Signals): void {
    this.#process.kill(name);
  }

  async kill(): Promise<void> {
    this.#process.kill("SIGKILL");
    await this.exited;
  }

  /** The first match in standard output. Rejects when the program ends before, or says nothing of the kind for 20 s. */
  async said(pattern: RegExp): Promise<RegExpExecArray> {
    const until = Date.now() + READY_WITHIN_MS;
    for (;;) {
      const match = pattern.exec(this.#output);
      if (match !== null) return match;
      const story = `\n${this.#output}\n${this.#errors}`;
      if (this.hasExited) throw new Error(`the program ended before it said ${pattern}:${story}`);
      if (Date.now() > until) throw new Error(`the program has not said ${pattern}:${story}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, 250);
        this.#onText = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }
}

/** The command line, as `holdfast` runs it. */
export function startHoldfast(...args: readonly string[]): Child {
  return new Child(process.execPath, [`${ROOT}dist/src/cli/holdfast.js`, ...args]);
}

/** A compiled module of the tests, such as `function-entry`. */
export function startEntry(name: string, ...args: readonly string[]): Child {
  return new Child(process.execPath, ["--enable-source-maps", `${ROOT}dist/test/e2e/${name}.js`, ...args]);
}
