/** The functions of the server: their versions, aliases, environments and concurrency. */
import {
  type AnswerSink,
  type FunctionFailure,
  type Instance,
  type InvocationContext,
  type ProcessCode,
  ProcessInstance,
} from "./instance.js";

/** A stand-in for a process: answers in the test itself. */
export type ScriptedCode = {
  readonly kind: "scripted";
  readonly run: (event: Uint8Array, context: InvocationContext, sink: AnswerSink) => Promise<FunctionFailure | null>;
};

export interface FunctionOptions {
  readonly code: ProcessCode | ScriptedCode;
  /** Lambda's default: 3 s. */
  readonly timeoutMs?: number;
  readonly memoryMb?: number;
  readonly environment?: Readonly<Record<string, string>>;
}

/** Why Lambda itself does not call a function: status, code and message of its answer. */
export interface Refusal {
  readonly status: number;
  readonly code: string;
  readonly message: string;
  readonly reason?: string;
  readonly retryAfterSeconds?: number;
}

export interface Alias {
  readonly version: string;
  /** Shares of other versions. */
  readonly weights: Readonly<Record<string, number>>;
}

export const LATEST = "$LATEST";
const CONCURRENCY_MAX = 1_000;

export class FunctionVersion {
  readonly name: string;
  readonly version: string;
  readonly arn: string;
  readonly timeoutMs: number;
  readonly memoryMb: number;
  /** Environments that were ever made, and invocations that ever began. */
  starts = 0;
  invocations = 0;
  readonly #options: FunctionOptions;
  readonly #idle: Instance[] = [];
  readonly #all = new Set<Instance>();

  constructor(name: string, version: string, arn: string, options: FunctionOptions) {
    this.name = name;
    this.version = version;
    this.arn = arn;
    this.timeoutMs = options.timeoutMs ?? 3_000;
    this.memoryMb = options.memoryMb ?? 512;
    this.#options = options;
  }

  get options(): FunctionOptions {
    return this.#options;
  }

  get processIds(): readonly number[] {
    return [...this.#all].flatMap((instance) => (instance instanceof ProcessInstance ? (instance.processId ?? []) : []));
  }

  async invoke(requestId: string, clientContext: unknown, event: Uint8Array, sink: AnswerSink): Promise<FunctionFailure | null> {
    this.invocations++;
    const instance = this.#take();
    const { name: functionName, version: functionVersion, arn, memoryMb, timeoutMs } = this;
    const context = { requestId, functionName, functionVersion, arn, memoryMb, timeoutMs, clientContext };
    const failure = await instance.invoke(context, event, sink);
    if (instance.isAlive) this.#idle.push(instance);
    else this.#all.delete(instance);
    return failure;
  }

  end(): void {
    for (const instance of this.#all) instance.kill();
    this.#all.clear();
    this.#idle.length = 0;
  }

  /** The one that was used last, as Lambda prefers; a new one where none is idle. */
  #take(): Instance {
    for (let instance = this.#idle.pop(); instance !== undefined; instance = this.#idle.pop())
      if (instance.isAlive) return instance;
    this.starts++;
    const { code, environment = {} } = this.#options;
    const made =
      code.kind === "scripted"
        ? {
            isAlive: true,
            kill: () => undefined,
            invoke: (context: InvocationContext, event: Uint8Array, sink: AnswerSink) => code.run(event, context, sink),
          }
        : new ProcessInstance(code, { AWS_LAMBDA_FUNCTION_NAME: this.name, ...environment });
    this.#all.add(made);
    return made;
  }
}

export class LambdaFunction {
  readonly name: string;
  readonly arn: string;
  readonly versions = new Map<string, FunctionVersion>();
  readonly aliases = new Map<string, Alias>();
  concurrencyMax = CONCURRENCY_MAX;
  active = 0;
  throttled = 0;
  /** For tests: what Lambda says instead of calling the function. */
  refusal: Refusal | null = null;
  #published = 0;

  constructor(name: string, arn: string, options: FunctionOptions) {
    this.name = name;
    this.arn = arn;
    this.update(options);
  }

  update(options: FunctionOptions): void {
    this.versions.get(LATEST)?.end();
    this.versions.set(LATEST, new FunctionVersion(this.name, LATEST, `${this.arn}:${LATEST}`, options));
  }

  publish(): FunctionVersion {
    const version = String(++this.#published);
    const { options } = this.versions.get(LATEST) as FunctionVersion;
    const published = new FunctionVersion(this.name, version, `${this.arn}:${version}`, options);
    this.versions.set(version, published);
    return published;
  }

  remove(version: string): void {
    this.versions.get(version)?.end();
    this.versions.delete(version);
  }

  /** By version or alias, by its weights. */
  find(qualifier: string): FunctionVersion | null {
    const alias = this.aliases.get(qualifier);
    if (alias === undefined) return this.versions.get(qualifier) ?? null;
    let left = Math.random();
    for (const [version, weight] of Object.entries(alias.weights)) {
      left -= weight;
      if (left < 0) return this.versions.get(version) ?? null;
    }
    return this.versions.get(alias.version) ?? null;
  }

  end(): void {
    for (const version of this.versions.values()) version.end();
  }
}
