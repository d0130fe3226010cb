/** A router over memory adapters with a scripted in-process function, for tests that need the whole path and nothing outside. */
import type { Answer } from "../../src/core/answer.js";
import { DEFAULT_POLICY, type EntityType } from "../../src/core/entity/entity-type.js";
import type { ActiveDeployment } from "../../src/core/input.js";
import type { CommandArrived } from "../../src/core/request.js";
import type { ShardLimits } from "../../src/core/shard/shard-host.js";
import { MemoryDirectory } from "../../src/directory-memory/memory-directory.js";
import { InProcessInvoker } from "../../src/invoker/in-process/in-process-invoker.js";
import { MemoryJournal } from "../../src/journal-memory/memory-journal.js";
import { documentCodec } from "../../src/protocol/record/document-codec.js";
import { recordCodec } from "../../src/protocol/record/record-codec.js";
import { coreSettings } from "../../src/router/core-settings.js";
import { CoreRunner } from "../../src/router/driver/core-runner.js";
import { inlineCompactor } from "../../src/router/driver/merge-segments.js";
import { segmentTools } from "../../src/router/driver/segment-tools.js";
import { systemClock, systemEntropy } from "../../src/router/system-clock.js";
import { MemorySnapshots } from "../../src/snapshots-memory/memory-snapshots.js";
import { demoFunction } from "./demo-function.js";

export type Called =
  | { readonly kind: "replied"; readonly text: string }
  | { readonly kind: "refused" | "failed" | "problem"; readonly code: string }
  | { readonly kind: "accepted"; readonly commandId: string };

interface Storage {
  readonly journal: MemoryJournal;
  readonly directory: MemoryDirectory;
  readonly snapshots: MemorySnapshots;
}

export async function startTestRouter(storage: Storage = freshStorage(), limits: Partial<ShardLimits> = {}): Promise<TestRouter> {
  const invoker = new InProcessInvoker(demoFunction, systemClock);
  const quiet = { info: () => undefined, warn: () => undefined, error: (fields: object) => console.error(fields) };
  const memory = { cacheBytes: 16 << 20, totalBytes: 64 << 20 };
  const kind = "memory";
  const settings = coreSettings(
    { cluster: "test", shards: 3, memory, journal: { kind }, snapshots: { kind }, directory: { kind } },
    storage.journal,
  );
  const runner = new CoreRunner({
    settings: { ...settings, shard: { ...settings.shard, retryMinMs: 1, retryMaxMs: 10, ...limits } },
    tools: { documentCodec, recordCodec, ...segmentTools },
    ports: {
      ...storage,
      compactor: inlineCompactor(storage.snapshots, segmentTools),
      clock: systemClock,
      invokerOf: () => invoker,
    },
    network: null,
    entropy: systemEntropy,
    observer: null,
    log: quiet,
  });
  runner.deploy([demoDeployment], []);
  runner.start();
  await runner.started;
  return new TestRouter(runner, storage);
}

export class TestRouter {
  readonly #runner: CoreRunner;
  readonly #storage: Storage;
  #ids = 0;

  constructor(runner: CoreRunner, storage: Storage) {
    this.#runner = runner;
    this.#storage = storage;
  }

  async call(type: string, id: string, name: string, input: string, key: string | null = null): Promise<Called> {
    return shown(await this.#ask(this.#command(type, id, name, input, key, "call", 0)));
  }

  async send(type: string, id: string, name: string, input: string, delayMs: number): Promise<Called> {
    return shown(await this.#ask(this.#command(type, id, name, input, null, "send", delayMs)));
  }

  async state(type: string, id: string): Promise<{ version: number; text: string | null }> {
    const asked = { kind: "stateAsked", of: { type, id }, isAdmin: true, isStrict: false, deadlineMs: Infinity } as const;
    const answer = await this.#ask((request) => ({ ...asked, request }));
    if (answer.kind !== "state") throw new Error(`no state: ${JSON.stringify(answer)}`);
    return { version: answer.version, text: answer.state === null ? null : Buffer.from(answer.state).toString() };
  }

  async deadLetters(): Promise<readonly unknown[]> {
    const answer = await this.#ask((request) => ({ kind: "deadLettersAsked", request, of: null, limit: 100 }));
    return answer.kind === "deadLetters" ? answer.deadLetters : [];
  }

  /** Until nothing waits or runs any more. */
  async settle(): Promise<void> {
    await this.until(async () => {
      const snapshot = this.#runner.snapshot();
      return (
        snapshot !== null && snapshot.slots === 0 && snapshot.gateHeld === 0 && snapshot.durablePosition === snapshot.lastPosition
      );
    });
  }

  async until(holds: () => Promise<boolean>): Promise<void> {
    for (let round = 0; round < 1_000; round++) {
      if (await holds()) return;
      await systemClock.sleep(5);
    }
    throw new Error("it has not come true within 5 s");
  }

  async stop(): Promise<void> {
    this.#runner.stop();
    await this.#runner.ended;
  }

  restart(): Promise<TestRouter> {
    return startTestRouter(this.#storage);
  }

  crashAndRestart(): Promise<TestRouter> {
    this.#runner.abandon();
    return this.restart();
  }

  #ask(input: (request: number) => Parameters<CoreRunner["submit"]>[0]): Promise<Answer> {
    return new Promise((resolve) => {
      const request = this.#runner.open({ answered: resolve, fed: () => undefined }, false);
      this.#runner.submit(input(request));
    });
  }

  #command(type: string, id: string, name: string, input: string, key: string | null, mode: "call" | "send", delayMs: number) {
    return (request: number): CommandArrived => ({
      kind: "commandArrived",
      isRepeat: false,
      isStrict: false,
      request,
      to: { type, id },
      name,
      input: Buffer.from(input),
      id: key === null ? `own-${++this.#ids}-${Math.random()}` : `k-${type}-${id}-${key}`,
      hasKey: key !== null,
      bodyHash: key === null ? "" : `${name}:${input}`,
      acceptedAtMs: Date.now(),
      deadlineMs: Date.now() + 30_000,
      metadata: [],
      mode,
      delayMs,
      isAdmin: true,
    });
  }
}

function shown(answer: Answer): Called {
  switch (answer.kind) {
    case "outcome":
      if (answer.outcome.kind === "replied") return { kind: "replied", text: Buffer.from(answer.outcome.reply).toString() };
      return { kind: answer.outcome.kind, code: answer.outcome.code };
    case "accepted":
      return { kind: "accepted", commandId: answer.commandId };
    case "problem":
      return { kind: "problem", code: answer.problem.code };
    default:
      throw new Error(`an answer of kind ${answer.kind}`);
  }
}

function freshStorage(): Storage {
  return { journal: new MemoryJournal(), directory: new MemoryDirectory(), snapshots: new MemorySnapshots() };
}

const spec = (name: string) => ({ name, exposure: "public", inputSchema: null, replySchema: null }) as const;
const counter: EntityType = {
  name: "demo/counter",
  kind: "value",
  stateVersion: 1,
  commands: new Map([
    ["add", spec("add")],
    ["poison", spec("poison")],
  ]),
  queries: new Map(),
  replies: new Set(),
  events: new Map(),
  policy: DEFAULT_POLICY,
};
const sender: EntityType = {
  ...counter,
  name: "demo/sender",
  commands: new Map([
    ["ask", spec("ask")],
    ["askPoison", spec("askPoison")],
  ]),
  replies: new Set(["answered"]),
};

const demoDeployment: ActiveDeployment = {
  id: "d1",
  types: [counter, sender],
  limits: { inFlightMax: 8, entitiesMax: 16, commandsMax: 64, bytesMax: 1 << 20, timeoutMs: 1_000, prefer: "latency" },
};
