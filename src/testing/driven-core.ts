/** One incarnation of the real core under the real driver, on ports in memory and on virtual time. */
import type { Answer } from "../core/answer.js";
import type { Input } from "../core/input.js";
import { RefusedCommands } from "../core/log/refused-commands.js";
import { RouterCore } from "../core/router-core.js";
import type { DirectoryPort } from "../ports/directory.js";
import type { InvokerPort } from "../ports/invoker.js";
import type { JournalPort } from "../ports/journal.js";
import type { SnapshotPort } from "../ports/snapshots.js";
import { documentCodec } from "../protocol/record/document-codec.js";
import { recordCodec } from "../protocol/record/record-codec.js";
import { coreSettings } from "../router/core-settings.js";
import { Incarnation } from "../router/driver/incarnation.js";
import { inlineCompactor } from "../router/driver/merge-segments.js";
import { segmentTools } from "../router/driver/segment-tools.js";
import type { VirtualClock } from "./virtual-clock.js";
import { Activity, watched } from "./watched.js";

/** What survives an incarnation. */
export interface TestStorage {
  readonly journal: JournalPort;
  readonly directory: DirectoryPort;
  readonly snapshots: SnapshotPort;
}

const MEMORY = { totalBytes: 256 << 20, cacheBytes: 32 << 20 };

export class DrivenCore {
  readonly core: RouterCore;
  readonly #incarnation: Incarnation;
  readonly #activity = new Activity();
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  #requests = 0;
  #end: string | null = null;

  /** `number` tells incarnations on the same storage apart. */
  constructor(number: number, storage: TestStorage, invokerOf: (deployment: string) => InvokerPort | null, clock: VirtualClock) {
    const activity = this.#activity;
    const { journal, directory, snapshots } = storage;
    this.core = new RouterCore(
      {
        ...coreSettings(
          {
            cluster: "test",
            shards: 1,
            memory: MEMORY,
            journal: { kind: "memory" },
            snapshots: { kind: "memory" },
            directory: { kind: "memory" },
          },
          journal,
        ),
        incarnation: `test-${number}`,
        freshClusterId: new Uint8Array(16).fill(1),
        nonceSeed: new Uint8Array(16).fill(number),
        placements: [],
      },
      { documentCodec, recordCodec, refusedCommands: new RefusedCommands(), ...segmentTools },
    );
    const ports = {
      journal: watched(journal, activity),
      directory: watched(directory, activity),
      snapshots: watched(snapshots, activity),
      compactor: watched(inlineCompactor(snapshots, segmentTools), activity),
      clock,
      peers: null,
      invokerOf: (deployment: string) => {
        const invoker = invokerOf(deployment);
        return invoker === null ? null : watched(invoker, activity);
      },
    };
    const sink = {
      output: (effect: { readonly kind: string; readonly request: number; readonly answer?: Answer }) => {
        if (effect.answer !== undefined) this.#waiting.get(effect.request)?.(effect.answer);
        this.#waiting.delete(effect.request);
      },
      started: () => undefined,
      ended: (reason: { readonly kind: string; readonly message?: string }) => {
        this.#end = reason.message ?? reason.kind;
      },
    };
    const observer = {
      stepped: () => activity.stir(),
      invocationStarted: () => null,
      invocationEnded: () => undefined,
      appended: () => undefined,
      stored: () => undefined,
    };
    this.#incarnation = new Incarnation(this.core, ports, sink, observer);
  }

  /** True: nothing has happened since the last `rest`. */
  get isAtRest(): boolean {
    return this.#activity.isAtRest;
  }

  submit(input: Input): void {
    this.#activity.stir();
    this.#incarnation.submit(input);
  }

  ask(makeInput: (request: number) => Input): Promise<Answer> {
    const request = ++this.#requests;
    return new Promise((resolve) => {
      this.#waiting.set(request, resolve);
      this.submit(makeInput(request));
    });
  }

  /** Resolves when nothing is under way any more. What waits for time to pass is not under way. */
  async rest(): Promise<void> {
    await this.#activity.rest();
    if (this.#end !== null) throw new Error(`the router has ended: ${this.#end}`);
  }

  /** Time has passed: whatever waited for it may begin. */
  stir(): void {
    this.#activity.stir();
  }

  /** As a crash: nothing that is under way comes to anything any more. */
  crash(): void {
    this.#incarnation.abandon();
  }
}
