/**
 * Keeps a router's core running: starts an incarnation, gives it what asks, and starts the next one when it is fenced. A
 * request that was on its way in an incarnation that ended is answered `outcome_unknown`: nobody can say any more.
 */

import type { Answer } from "../../core/answer.js";
import type { CoreSettings, CoreTools } from "../../core/core-settings.js";
import type { CoreSnapshot } from "../../core/core-snapshot.js";
import type { CommandCounts } from "../../core/deployment/command-tally.js";
import type { EndReason } from "../../core/effect.js";
import type { ActiveDeployment, Input, TypePlacement } from "../../core/input.js";
import { RefusedCommands } from "../../core/log/refused-commands.js";
import { RouterCore } from "../../core/router-core.js";
import type { EntropyPort } from "../../ports/clock.js";
import type { CoreLink, RequestInput, RequestListener } from "../ingress/core-link.js";
import { RequestTable } from "../ingress/request-table.js";
import { type DriverObserver, type DriverPorts, Incarnation } from "./incarnation.js";
import type { PeerNetwork } from "./peer-network.js";

export interface RunnerOptions {
  readonly settings: Omit<CoreSettings, "incarnation" | "freshClusterId" | "nonceSeed" | "placements">;
  readonly tools: Omit<CoreTools, "refusedCommands">;
  readonly ports: Omit<DriverPorts, "peers">;
  /** Null where there are no other routers. */
  readonly network: PeerNetwork | null;
  readonly entropy: EntropyPort;
  readonly observer: DriverObserver | null;
  readonly log: RunnerLog;
}

export interface RunnerLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** An incarnation that lasts shorter than this counts as a failed start. */
const SHORT_LIFE_MS = 10_000;
const FAILED_STARTS_MAX = 5;
const RESTART_AFTER_MS = 200;
/** The same trouble of the storage is said again after this time. */
const TROUBLE_EVERY_MS = 10_000;
/** The core itself answers calls that never ran; whatever is open this long after its deadline runs, or waits for storage. */
const DEADLINE_GRACE_MS = 500;
const SWEEP_EVERY_MS = 500;
/** For what has no deadline of its own: reads of the store, and what operators change. */
const READ_MS_MAX = 60_000;

export type RunnerEnd = EndReason & { readonly kind: "stopped" | "refused" | "broken" };

export class CoreRunner implements CoreLink {
  readonly #options: RunnerOptions;
  readonly #requests = new RequestTable();
  readonly #refusedCommands = new RefusedCommands();
  #incarnation: Incarnation | null = null;
  #deployments: readonly ActiveDeployment[] = [];
  #placements: readonly TypePlacement[] = [];
  #startedAtMs = 0;
  #failedStarts = 0;
  #trouble: string | null = null;
  #troubleSaidAtMs = 0;
  #isStopping = false;
  #living = "";
  /** Resolves `leave`. */
  #left: (() => void) | null = null;
  #cancelSweep: (() => void) | null = null;
  readonly #resolveEnd: (end: RunnerEnd) => void;
  readonly #resolveStarted: () => void;
  /** Resolves when nothing runs any more, and says why. */
  readonly ended: Promise<RunnerEnd>;
  /** Resolves when requests are served for the first time. */
  readonly started: Promise<void>;

  constructor(options: RunnerOptions) {
    this.#options = options;
    let resolveEnd: (end: RunnerEnd) => void = () => undefined;
    let resolveStarted: () => void = () => undefined;
    this.ended = new Promise((resolve) => {
      resolveEnd = resolve;
    });
    this.started = new Promise((resolve) => {
      resolveStarted = resolve;
    });
    this.#resolveEnd = resolveEnd;
    this.#resolveStarted = resolveStarted;
  }

  /** Starts the first incarnation, if no stop was asked for meanwhile. Placements of types must be known before. */
  start(): void {
    if (this.#isStopping) return;
    if (this.#cancelSweep === null) this.#sweep();
    const { settings, tools, ports, entropy, observer } = this.#options;
    const incarnation = Buffer.from(entropy.bytes(9)).toString("base64url").replaceAll(/[-_]/g, "x");
    const core = new RouterCore(
      { ...settings, incarnation, freshClusterId: entropy.bytes(16), nonceSeed: entropy.bytes(16), placements: this.#placements },
      { ...tools, refusedCommands: this.#refusedCommands },
    );
    this.#startedAtMs = ports.clock.monotonicMs();
    const peers = this.#options.network?.attach(incarnation, (input) => this.#heard(incarnation, input)) ?? null;
    this.#living = incarnation;
    this.#incarnation = new Incarnation(
      core,
      { ...ports, peers },
      {
        output: (effect) => {
          if (effect.kind === "answer") this.#requests.answer(effect.request, effect.answer);
          else this.#requests.feed(effect.request, effect.events, effect.ended);
        },
        started: () => {
          this.#options.log.info(
            { incarnation, ms: Math.round(ports.clock.monotonicMs() - this.#startedAtMs) },
            "the router serves: what should be here is open",
          );
          this.#resolveStarted();
        },
        ended: (reason) => this.#over(reason),
        watching: (other) => this.#watching(other),
        shardsChanged: (owned) => this.#options.log.info({ incarnation, owned }, "shards have come or gone"),
        left: (left) => this.#leftWith(left),
        shardRefused: (shard, message) =>
          this.#options.log.error({ shard, detail: message }, "the shard cannot be read and serves nobody; the others go on"),
        troubled: (what, code, message) => this.#troubled(what, code, message),
      },
      observer,
    );
    this.#incarnation.submit({ kind: "deploymentsChanged", deployments: this.#deployments, placements: this.#placements });
  }

  /** It may be another node of the cluster, or what a crash has left: within seconds it is known. */
  #watching(other: string): void {
    this.#options.log.info(
      { incarnation: other },
      "another router is here, or was: what it owns waits until it has shown that it lives",
    );
  }

  /** Says what is wrong with the storage, but not with every try. */
  #troubled(what: string, code: string | null, message: string): void {
    const nowMs = this.#options.ports.clock.monotonicMs();
    if (code === this.#trouble && nowMs - this.#troubleSaidAtMs < TROUBLE_EVERY_MS) return;
    this.#trouble = code;
    this.#troubleSaidAtMs = nowMs;
    this.#options.log.warn({ what, code, detail: message }, "the storage did not take it; it is tried again");
  }

  /** The deployments that serve types now, and where the entities of all types ever registered lie. */
  deploy(deployments: readonly ActiveDeployment[], placements: readonly TypePlacement[]): void {
    this.#deployments = deployments;
    this.#placements = placements;
    this.#incarnation?.submit({ kind: "deploymentsChanged", deployments, placements });
  }

  /** Other routers take the shards over, as many as they can, while this one serves on. Resolves when they have, or it is in vain. */
  leaveCluster(): Promise<void> {
    const incarnation = this.#incarnation;
    if (incarnation === null || incarnation.isOver || this.#isStopping) return Promise.resolve();
    return new Promise((resolve) => {
      this.#left = resolve;
      incarnation.submit({ kind: "leaveAsked" });
    });
  }

  /** What the plan says now may ask something of this router. */
  planChanged(): void {
    this.#incarnation?.submit({ kind: "planChanged" });
  }

  #leftWith(shards: number): void {
    if (shards > 0) this.#options.log.info({ shards }, "nobody else has taken these shards; they are released");
    this.#left?.();
    this.#left = null;
  }

  #heard(incarnation: string, input: Input): void {
    if (this.#living === incarnation) this.#incarnation?.submit(input);
  }

  /** Finishes what is accepted, flushes, releases the shards, seals the log. `ended` resolves then. */
  stop(): void {
    this.#isStopping = true;
    if (this.#incarnation === null) this.#finish({ kind: "stopped" });
    else this.#incarnation.submit({ kind: "stopAsked" });
  }

  /** Ends now, as what is stored does not allow to go on: `code` has an entry in docs/errors.md. */
  refuse(code: string, message: string): void {
    this.#isStopping = true;
    this.#incarnation?.abandon();
    this.#finish({ kind: "refused", code, message });
  }

  /** Ends now. Nothing durable is lost; the next start replays. */
  abandon(): void {
    this.#isStopping = true;
    this.#incarnation?.abandon();
    this.#finish({ kind: "stopped" });
  }

  snapshot(): CoreSnapshot | null {
    return this.#incarnation?.core.snapshot() ?? null;
  }

  /** What became of a deployment's commands since the core began. Cheap enough to be asked every second. */
  commandsOf(deployment: string): Readonly<CommandCounts> | null {
    return this.#incarnation?.core.commandsOf(deployment) ?? null;
  }

  open(listener: RequestListener, isFollowed: boolean): number {
    return this.#requests.open(listener, isFollowed);
  }

  submit(input: RequestInput): void {
    this.#requests.expectBy(input.request, this.#overdueAtMs(input));
    if (this.#incarnation !== null && !this.#incarnation.isOver) return this.#incarnation.submit(input);
    const message = "the router is starting: its shards are not open yet";
    const answer: Answer = { kind: "problem", problem: { code: "starting", message, retryAfterMs: RESTART_AFTER_MS } };
    setImmediate(() => this.#requests.answer(input.request, answer));
  }

  leave(request: number): void {
    if (this.#requests.leave(request)) this.#incarnation?.submit({ kind: "requestLeft", request });
  }

  /** When nobody should wait any longer; a feed has no such moment. */
  #overdueAtMs(input: RequestInput): number {
    switch (input.kind) {
      case "commandArrived":
      case "stateAsked":
        return input.deadlineMs + DEADLINE_GRACE_MS;
      case "outcomeAsked":
        return Math.max(input.untilMs, this.nowMs()) + READ_MS_MAX;
      case "eventsAsked":
        return input.follow ? Infinity : this.nowMs() + READ_MS_MAX;
      default:
        return this.nowMs() + READ_MS_MAX;
    }
  }

  /** Tells those who have waited past their deadline that the outcome is unknown: what was begun goes on. */
  #sweep(): void {
    const message = "the deadline passed while the request was under way; it goes on, and its outcome can be asked for";
    for (const request of this.#requests.overdue(this.nowMs())) {
      this.#requests.answer(request, { kind: "problem", problem: { code: "outcome_unknown", message, retryAfterMs: null } });
      this.#incarnation?.submit({ kind: "requestLeft", request });
    }
    this.#cancelSweep = this.#options.ports.clock.after(SWEEP_EVERY_MS, () => this.#sweep());
  }

  nowMs(): number {
    return this.#options.ports.clock.nowMs();
  }

  #over(reason: EndReason): void {
    const { log, ports } = this.#options;
    const hasWritten = (this.#incarnation?.core.snapshot().durablePosition ?? 0) > 0;
    this.#incarnation = null;
    this.#options.network?.detach();
    this.#leftWith(0);
    this.#failRequests();
    if (reason.kind !== "fenced") return this.#finish(reason);
    if (this.#isStopping) return this.#finish({ kind: "stopped" });
    const isShort = ports.clock.monotonicMs() - this.#startedAtMs < SHORT_LIFE_MS;
    // A refusal that taught something is none, unless the journal refuses everything: a command brings two of them at most.
    if (reason.isLearned !== true || !hasWritten) this.#failedStarts = isShort ? this.#failedStarts + 1 : 0;
    // Alone, something is wrong that starting does not mend. In a cluster the others serve meanwhile, and a store that cannot be
    // reached for minutes is no reason to be gone when it can.
    if (this.#failedStarts > FAILED_STARTS_MAX && this.#options.network === null)
      return this.#finish({ kind: "broken", message: `the router does not stay up: ${reason.message}` });
    log.warn({ reason: reason.message }, "the incarnation is over; a new one starts");
    ports.clock.after(RESTART_AFTER_MS * 2 ** Math.min(this.#failedStarts, FAILED_STARTS_MAX), () => {
      this.start();
    });
  }

  /** What was asked of the incarnation that is over may have happened or not: its log's end decides, which nobody here saw. */
  #failRequests(): void {
    const message =
      "the router lost its log while the command was under way; ask for its outcome, or repeat it with the same key";
    this.#requests.answerAll({ kind: "problem", problem: { code: "outcome_unknown", message, retryAfterMs: null } });
  }

  #finish(end: RunnerEnd): void {
    this.#cancelSweep?.();
    this.#incarnation = null;
    this.#leftWith(0);
    this.#failRequests();
    if (end.kind !== "stopped") this.#options.log.error({ end }, "the router has ended");
    this.#resolveStarted();
    this.#resolveEnd(end);
  }
}
