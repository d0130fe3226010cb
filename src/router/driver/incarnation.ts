/**
 * The driver of one incarnation: gathers inputs, steps the core once a turn of the event loop, performs each effect with
 * exactly one IO and reports what came of it. It decides nothing. When the incarnation is over, whatever it started and is
 * still on its way is dropped (RULES.md 15f).
 */
import type { Effect, EndReason } from "../../core/effect.js";
import type { Input } from "../../core/input.js";
import type { LogId } from "../../core/log/record.js";
import type { PeerFrame } from "../../core/peers/frames.js";
import type { RouterCore } from "../../core/router-core.js";
import { unreachable } from "../../core/unreachable.js";
import type { ClockPort } from "../../ports/clock.js";
import type { DirectoryPort } from "../../ports/directory.js";
import type { TraceContext } from "../../ports/invoker.js";
import type { JournalPort } from "../../ports/journal.js";
import type { SnapshotPort } from "../../ports/snapshots.js";
import { Invocations, type InvokerOf } from "./invocations.js";
import { type CompactorPort, performStoreEffect, writeValue } from "./object-io.js";

export interface DriverPorts {
  readonly journal: JournalPort;
  readonly directory: DirectoryPort;
  readonly snapshots: SnapshotPort;
  readonly compactor: CompactorPort;
  readonly clock: ClockPort;
  readonly invokerOf: InvokerOf;
  /** Null where there are no other routers. */
  readonly peers: PeerSender | null;
}

/** The way to other routers, by their incarnations. Best effort, synchronous. */
export interface PeerSender {
  send(to: LogId, frame: PeerFrame): void;
  /** All that are there, and where they are reached. */
  known(peers: readonly { readonly incarnation: LogId; readonly address: string }[]): void;
}

/** What the driver tells of what it does, for metrics and traces. Called on the hot path: must be cheap, must not throw. */
export interface DriverObserver {
  stepped(inputs: number, effects: number, tookMs: number): void;
  invocationStarted(effect: Effect & { readonly kind: "invoke" }): TraceContext | null;
  invocationEnded(attempt: number, kind: string): void;
  appended(bytes: number, tookMs: number, kind: string): void;
  stored(kind: string, tookMs: number): void;
}

/** Who gets the outputs. */
export interface OutputSink {
  output(effect: Effect & { readonly kind: "answer" | "feed" }): void;
  started(): void;
  ended(reason: EndReason): void;
  /** Whether another router lives is not known yet: what it owns waits until it has shown it, or has not. */
  watching?(incarnation: string): void;
  shardsChanged?(owned: number): void;
  /** After `leaveAsked`: other routers have what they could take; so many shards are left. */
  left?(shards: number): void;
  /** For the operator's eyes: a shard cannot be read, and serves nobody. */
  shardRefused?(shard: number, message: string): void;
  /** The storage did not do what it was asked, or cannot say; the core tries again, or looks. For the operator's eyes. */
  troubled?(what: string, code: string | null, message: string): void;
}

export class Incarnation {
  readonly core: RouterCore;
  readonly #ports: DriverPorts;
  readonly #sink: OutputSink;
  readonly #observer: DriverObserver | null;
  readonly #invocations: Invocations;
  #inputs: Input[] = [];
  #spare: Input[] = [];
  readonly #effects: Effect[] = [];
  #isScheduled = false;
  #isOver = false;
  #cancelWake: (() => void) | null = null;
  #wakeAtMs = Infinity;

  constructor(core: RouterCore, ports: DriverPorts, sink: OutputSink, observer: DriverObserver | null) {
    this.core = core;
    this.#ports = ports;
    this.#sink = sink;
    this.#observer = observer;
    this.#invocations = new Invocations(ports.invokerOf, (input) => this.submit(input));
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** Queues an input; all that come in one turn of the event loop are taken together. */
  submit(input: Input): void {
    if (this.#isOver) return;
    if (input.kind === "invocationEnded") this.#observer?.invocationEnded(input.attempt, input.end.kind);
    this.#inputs.push(input);
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(this.#step);
  }

  /** Ends without asking the core: the process is to be gone, or its storage is. */
  abandon(): void {
    this.#isOver = true;
    this.#cancelWake?.();
    this.#invocations.stop();
  }

  readonly #step = (): void => {
    this.#isScheduled = false;
    if (this.#isOver) return;
    const inputs = this.#inputs;
    this.#inputs = this.#spare;
    this.#spare = inputs;
    const { clock } = this.#ports;
    const startedMs = clock.monotonicMs();
    this.core.step({ wallMs: clock.nowMs(), monotonicMs: startedMs }, inputs, this.#effects);
    this.#observer?.stepped(inputs.length, this.#effects.length, clock.monotonicMs() - startedMs);
    inputs.length = 0;
    for (const effect of this.#effects) this.#perform(effect);
    this.#effects.length = 0;
    this.#scheduleWake();
  };

  #scheduleWake(): void {
    if (this.#isOver) return;
    const wakeAtMs = this.core.wakeAtMs();
    if (wakeAtMs === this.#wakeAtMs && this.#cancelWake !== null) return;
    this.#cancelWake?.();
    this.#cancelWake = null;
    this.#wakeAtMs = wakeAtMs;
    if (wakeAtMs === Infinity) return;
    const ms = Math.max(0, Math.ceil(wakeAtMs - this.#ports.clock.monotonicMs()));
    this.#cancelWake = this.#ports.clock.after(ms, () => {
      this.#cancelWake = null;
      this.submit({ kind: "woken" });
    });
  }

  #perform(effect: Effect): void {
    const { journal, directory, snapshots } = this.#ports;
    switch (effect.kind) {
      case "answer":
      case "feed":
        return this.#sink.output(effect);
      case "invoke": {
        const trace = this.#observer?.invocationStarted(effect) ?? null;
        return this.#invocations.start(effect.attempt, effect.deployment, effect.request, trace);
      }
      case "append":
        return this.#append(effect);
      case "readRecords": {
        const { log, position, countMax, bytesMax } = effect;
        const read = journal.read(log, position, countMax, bytesMax);
        return this.#report(read, (outcome) => ({ kind: "recordsRead", log, position, outcome }));
      }
      case "trimLog":
        return this.#report(journal.trim(effect.log, effect.base), () => null);
      case "writeValue": {
        const { object, bytes } = effect;
        return this.#report(writeValue(object, bytes, snapshots), (result) => {
          this.#look("writeValue", result);
          return { kind: "valueWritten", object, result };
        });
      }
      case "readValue": {
        const { object, length } = effect;
        return this.#report(snapshots.read(object, 0, length), (result) => ({ kind: "valueRead", object, result }));
      }
      case "deleteValue": {
        const { object } = effect;
        return this.#report(snapshots.delete(object), () => ({ kind: "valueDeleted", object }));
      }
      case "readDocument": {
        const { key } = effect;
        return this.#report(directory.read(key), (outcome) => ({ kind: "documentRead", key, outcome }));
      }
      case "listDocuments": {
        const { prefix } = effect;
        return this.#report(directory.list(prefix), (outcome) => ({ kind: "documentsListed", prefix, outcome }));
      }
      case "swapDocument": {
        const { key, expected, document } = effect;
        const { token } = document;
        return this.#report(directory.swap(key, expected, document), (outcome) => {
          this.#look("swapDocument", outcome);
          return { kind: "documentSwapped", key, token, outcome };
        });
      }
      case "removeDocument":
        return this.#report(directory.remove(effect.key, effect.expected), () => null);
      case "listObjects": {
        const { prefix } = effect;
        return this.#report(snapshots.list(prefix), (outcome) => ({ kind: "objectsListed", prefix, outcome }));
      }
      case "store":
        return this.#store(effect);
      case "started":
        return this.#sink.started();
      case "peerSend":
        return this.#ports.peers?.send(effect.to, effect.frame);
      case "peersKnown":
        return this.#ports.peers?.known(effect.peers);
      case "watching":
        return this.#sink.watching?.(effect.incarnation);
      case "shardsChanged":
        return this.#sink.shardsChanged?.(effect.owned);
      case "left":
        return this.#sink.left?.(effect.shards);
      case "shardRefused":
        return this.#sink.shardRefused?.(effect.shard, effect.message);
      case "ended":
        this.abandon();
        return this.#sink.ended(effect.reason);
      default:
        return unreachable(effect);
    }
  }

  #append(effect: Effect & { readonly kind: "append" }): void {
    const { log, position, body } = effect;
    const { clock, journal } = this.#ports;
    const startedMs = clock.monotonicMs();
    this.#report(journal.append(log, position, body), (outcome) => {
      this.#observer?.appended(body.length, clock.monotonicMs() - startedMs, outcome.kind);
      this.#look("append", outcome);
      return { kind: "appendEnded", log, position, outcome };
    });
  }

  #store(effect: Effect & { readonly kind: "store" }): void {
    const { snapshots, compactor, clock } = this.#ports;
    const startedMs = clock.monotonicMs();
    this.#report(performStoreEffect(effect.effect, snapshots, compactor), (input) => {
      this.#observer?.stored(effect.effect.kind, clock.monotonicMs() - startedMs);
      if ("result" in input) this.#look(effect.effect.kind, input.result);
      return { kind: "store", shard: effect.shard, input };
    });
  }

  /** Outcomes that carry a message did not go well. */
  #look(what: string, outcome: { readonly kind: string; readonly message?: string; readonly code?: string }): void {
    if (outcome.message !== undefined) this.#sink.troubled?.(what, outcome.code ?? null, outcome.message);
  }

  /** Ports answer with values. One that throws all the same has left the outcome open, and nobody may go on as if it had not. */
  #report<Outcome>(outcome: Promise<Outcome>, toInput: (outcome: Outcome) => Input | null): void {
    outcome.then(
      (value) => {
        const input = toInput(value);
        if (input !== null) this.submit(input);
      },
      (error: unknown) => {
        if (this.#isOver) return;
        this.abandon();
        const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
        const code = error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : null;
        this.#sink.ended(code === null ? { kind: "broken", message } : { kind: "refused", code, message });
      },
    );
  }
}
