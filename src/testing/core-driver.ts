/**
 * Drives one incarnation of the real router core on ports in memory and on virtual time. It counts what is under way, so that
 * a test can wait until nothing is, instead of sleeping.
 */
import type { Answer, Effect } from "../core/effect.js";
import type { Input } from "../core/input.js";
import type { RouterCore } from "../core/router-core.js";
import { unreachable } from "../core/unreachable.js";
import type { DirectoryPort } from "../ports/directory.js";
import type { InvokerPort } from "../ports/invoker.js";
import type { JournalPort } from "../ports/journal.js";
import type { SnapshotPort } from "../ports/snapshots.js";
import { performStoreEffect } from "./store-effects.js";
import type { VirtualClock } from "./virtual-clock.js";

export interface DrivenPorts {
  readonly journal: JournalPort;
  readonly directory: DirectoryPort;
  readonly snapshots: SnapshotPort;
  /** By deployment. */
  readonly invokers: ReadonlyMap<string, InvokerPort>;
}

export class CoreDriver {
  readonly core: RouterCore;
  readonly #ports: DrivenPorts;
  readonly #clock: VirtualClock;
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  readonly #invocations = new Map<number, AbortController>();
  readonly #quietWaiters: (() => void)[] = [];
  #inputs: Input[] = [];
  #requests = 0;
  #underWay = 0;
  #isStepDue = false;
  #cancelWake: () => void = () => undefined;
  #end: string | null = null;
  #isDropped = false;

  constructor(core: RouterCore, ports: DrivenPorts, clock: VirtualClock) {
    this.core = core;
    this.#ports = ports;
    this.#clock = clock;
    this.submit({ kind: "woken" });
  }

  get isQuiet(): boolean {
    return this.#underWay === 0 && !this.#isStepDue;
  }

  /** Why the incarnation is over; null while it is not. */
  get end(): string | null {
    return this.#end;
  }

  submit(input: Input): void {
    this.#inputs.push(input);
    if (this.#isStepDue || this.#isDropped) return;
    this.#isStepDue = true;
    setImmediate(() => this.#step());
  }

  ask(makeInput: (request: number) => Input): Promise<Answer> {
    const request = ++this.#requests;
    return new Promise((resolve) => {
      this.#waiting.set(request, resolve);
      this.submit(makeInput(request));
    });
  }

  /** Resolves when nothing is under way: no input, no IO, no invocation. What waits for time to pass is not under way. */
  async quiet(): Promise<void> {
    while (!this.isQuiet) await new Promise<void>((resolve) => this.#quietWaiters.push(resolve));
  }

  /** As a crash does: nothing that is under way comes to anything any more. */
  drop(): void {
    this.#isDropped = true;
    this.#cancelWake();
    for (const invocation of this.#invocations.values()) invocation.abort();
  }

  #step(): void {
    if (this.#isDropped) return;
    const inputs = this.#inputs;
    const effects: Effect[] = [];
    this.#inputs = [];
    this.core.step({ wallMs: this.#clock.nowMs(), monotonicMs: this.#clock.monotonicMs() }, inputs, effects);
    this.#isStepDue = false;
    for (const effect of effects) this.#perform(effect);
    this.#cancelWake();
    const wakeMs = this.core.wakeAtMs() - this.#clock.monotonicMs();
    this.#cancelWake = wakeMs === Infinity ? () => undefined : this.#clock.after(wakeMs, () => this.submit({ kind: "woken" }));
    this.#noticeQuiet();
  }

  #perform(effect: Effect): void {
    const { journal, directory, snapshots } = this.#ports;
    switch (effect.kind) {
      case "answer":
        this.#waiting.get(effect.request)?.(effect.answer);
        this.#waiting.delete(effect.request);
        return;
      case "feed":
      case "started":
        return;
      case "ended":
        this.#end = "message" in effect.reason ? effect.reason.message : effect.reason.kind;
        return;
      case "invoke":
        return this.#invoke(effect);
      case "append": {
        const { log, position } = effect;
        return this.#begin(journal.append(log, position, effect.body), (outcome) => ({
          kind: "appendEnded",
          log,
          position,
          outcome,
        }));
      }
      case "readRecords": {
        const { log, position, countMax, bytesMax } = effect;
        const read = journal.read(log, position, countMax, bytesMax);
        return this.#begin(read, (outcome) => ({ kind: "recordsRead", log, position, outcome }));
      }
      case "trimLog":
        return this.#begin(journal.trim(effect.log, effect.base), () => null);
      case "readDocument": {
        const { key } = effect;
        return this.#begin(directory.read(key), (outcome) => ({ kind: "documentRead", key, outcome }));
      }
      case "listDocuments": {
        const { prefix } = effect;
        return this.#begin(directory.list(prefix), (outcome) => ({ kind: "documentsListed", prefix, outcome }));
      }
      case "swapDocument": {
        const { key, expected, document } = effect;
        const swap = directory.swap(key, expected, document);
        return this.#begin(swap, (outcome) => ({ kind: "documentSwapped", key, token: document.token, outcome }));
      }
      case "removeDocument":
        return this.#begin(directory.remove(effect.key, effect.expected), () => null);
      case "store": {
        const { shard } = effect;
        return this.#begin(performStoreEffect(snapshots, effect.effect), (input) => ({ kind: "store", shard, input }));
      }
      default:
        return unreachable(effect);
    }
  }

  #invoke(effect: Effect & { readonly kind: "invoke" }): void {
    const { attempt, deployment, request } = effect;
    const invoker = this.#ports.invokers.get(deployment);
    if (invoker === undefined) throw new Error(`there is no deployment ${deployment}`);
    const abort = new AbortController();
    this.#invocations.set(attempt, abort);
    const invoked = invoker.invoke(request, null, abort.signal, (result) => {
      if (this.#invocations.has(attempt)) this.submit({ kind: "entityFinished", attempt, result });
    });
    this.#begin(invoked, (end) => {
      this.#invocations.delete(attempt);
      return { kind: "invocationEnded", attempt, end };
    });
  }

  #begin<T>(io: Promise<T>, toInput: (outcome: T) => Input | null): void {
    this.#underWay++;
    io.then((outcome) => {
      if (this.#isDropped) return;
      const input = toInput(outcome);
      if (input !== null) this.submit(input);
    })
      .catch((error: unknown) => {
        this.#end = `the testing kit's own IO failed: ${String(error)}`;
      })
      .finally(() => {
        this.#underWay--;
        this.#noticeQuiet();
      });
  }

  #noticeQuiet(): void {
    if (this.isQuiet) for (const wake of this.#quietWaiters.splice(0)) wake();
  }
}
