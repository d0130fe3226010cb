/** A whole core over plain storage, with functions that write a state for every command. Time passes only when a test says so. */
import assert from "node:assert/strict";
import type { Answer, FeedEnd } from "../../src/core/answer.js";
import type { CoreSettings } from "../../src/core/core-settings.js";
import type { Effect, EndReason } from "../../src/core/effect.js";
import { DEFAULT_POLICY, type EntityType } from "../../src/core/entity/entity-type.js";
import type { EntityResult, HistoryEvent, InvocationEntity } from "../../src/core/entity/invocation.js";
import type { Input } from "../../src/core/input.js";
import type { LogId } from "../../src/core/log/record.js";
import { RefusedCommands } from "../../src/core/log/refused-commands.js";
import type { PeerFrame } from "../../src/core/peers/frames.js";
import type { CommandArrived } from "../../src/core/request.js";
import { RouterCore } from "../../src/core/router-core.js";
import { DEFAULT_STORE_LIMITS } from "../../src/core/store/store-options.js";
import { documentCodec } from "../../src/protocol/record/document-codec.js";
import { recordCodec } from "../../src/protocol/record/record-codec.js";
import { segmentTools } from "../../src/router/driver/segment-tools.js";
import { CLUSTER_ID, Storage } from "./storage.js";

export const CART = "shop/cart";
const STEPS_MAX = 2_000;

export const cart: EntityType = {
  name: CART,
  kind: "value",
  stateVersion: 1,
  commands: new Map([["put", { name: "put", exposure: "public", inputSchema: null, replySchema: null }]]),
  queries: new Map(),
  replies: new Set(),
  events: new Map(),
  policy: DEFAULT_POLICY,
};
export const LEDGER = "shop/ledger";
const ledger: EntityType = {
  ...cart,
  name: LEDGER,
  kind: "event-sourced",
  events: new Map([["added", { name: "added", eventVersion: 1 }]]),
};
export const limits = {
  inFlightMax: 4,
  entitiesMax: 8,
  commandsMax: 8,
  bytesMax: 1 << 20,
  timeoutMs: 1_000,
  prefer: "latency",
} as const;

export function settingsOf(incarnation: string, changed: Partial<CoreSettings>): CoreSettings {
  return {
    incarnation,
    clusterName: "shop",
    shards: 2,
    node: { address: "", capacity: 1 },
    acceptLossOf: [],
    freshClusterId: CLUSTER_ID,
    nonceSeed: Uint8Array.from({ length: 8 }, (_, at) => incarnation.charCodeAt(at) || at),
    placements: [CART, LEDGER].map((type) => ({ type, colocation: { kind: "entity" } })),
    log: {
      appendsInFlightMax: 4,
      recordBytesTarget: 4_000,
      recordBytesMax: 100_000,
      spillBytesMin: Infinity,
      valueBytesMax: 1 << 20,
      spillPatienceMs: 1_000,
      retryMinMs: 10,
      retryMaxMs: 100,
      standstillMaxMs: 60_000,
    },
    shard: {
      attemptsOfCallMax: 3,
      attemptsOfMessageMax: 3,
      retryMinMs: 10,
      retryMaxMs: 100,
      ownResultRetentionMs: 600_000,
      foldEventsMax: 100,
      delayMaxMs: 1_000_000,
      payloadBytesMax: 10_000,
      sendsPerInvocationMax: 10,
      messageWindow: 8,
      resultsMax: 10_000,
    },
    store: { ...DEFAULT_STORE_LIMITS, deletionGraceMs: 100 },
    upkeep: {
      tailBytesTarget: 1 << 20,
      tailRecordsTarget: 1_000,
      tailAgeMaxMs: 10_000,
      dirtyBytesMax: 1 << 20,
      flushesMax: 2,
      recordTtlMs: Infinity,
    },
    orphans: { sweepEveryMs: 1_000_000 },
    admission: { tailBytesMax: 8 << 20, tailRecordsMax: 20_000, durableLagMaxMs: 50_000, recordAgeMaxMs: Infinity },
    lease: null,
    memory: { totalBytes: 32 << 20, reserveBytes: 4 << 20, cacheBytes: 1 << 20 },
    ...changed,
  };
}

export class CoreBench {
  readonly storage: Storage;
  readonly core: RouterCore;
  readonly answers = new Map<number, Answer>();
  /** Shards that were told to serve nobody. */
  readonly refused: { readonly shard: number; readonly message: string }[] = [];
  /** Why it ended. */
  ended: EndReason | null = null;
  /** Incarnations of which it has said that it does not know yet whether they live. */
  readonly watching: string[] = [];
  readonly feeds = new Map<number, { readonly events: readonly HistoryEvent[]; readonly ended: FeedEnd | null }>();
  /** Ids of all commands that the function has run, in order. */
  readonly invoked: string[] = [];
  /** Invocations that the function was silent about. */
  readonly unanswered: (Effect & { readonly kind: "invoke" })[] = [];
  /** Shards that it had when it said that others have what they could take. */
  leftWith: number | null = null;
  /** Where frames for other routers go; nobody hears them. */
  onPeerSend: (to: LogId, frame: PeerFrame) => void = () => undefined;
  /** As the storage's, of this router alone. */
  intercept: (effect: Effect) => Input | null | undefined = () => undefined;
  nowMs = 0;
  /** What the function answers for an entity, null: nothing; by default a state for whatever was asked. */
  answerOf: (entity: InvocationEntity) => Omit<EntityResult, "n"> | null = written;
  /** From now on no invocation is answered at all. */
  isFunctionSilent = false;
  #inputs: Input[] = [];
  readonly #incarnation: string;
  #requests = 0;

  /** `refusedCommands` is what a process remembers from one incarnation to the next. */
  constructor(
    incarnation: string,
    storage: Storage = new Storage(),
    changed: Partial<CoreSettings> = {},
    refusedCommands: RefusedCommands = new RefusedCommands(),
  ) {
    this.storage = storage;
    this.#incarnation = incarnation;
    const tools = { documentCodec, recordCodec, refusedCommands, ...segmentTools };
    this.core = new RouterCore(settingsOf(incarnation, changed), tools);
    this.give({ kind: "deploymentsChanged", deployments: [{ id: "d-1", types: [cart, ledger], limits }], placements: [] });
  }

  static started(
    incarnation: string,
    storage?: Storage,
    changed?: Partial<CoreSettings>,
    refusedCommands?: RefusedCommands,
  ): CoreBench {
    const bench = new CoreBench(incarnation, storage, changed, refusedCommands);
    bench.run();
    assert.equal(bench.core.phase, "open", JSON.stringify(bench.ended));
    return bench;
  }

  give(...inputs: Input[]): void {
    this.#inputs.push(...inputs);
  }

  /** Lets everything happen that can within so many milliseconds. */
  run(ms = 0): void {
    const untilMs = this.nowMs + ms;
    for (let step = 0; step < STEPS_MAX; step++) {
      this.step();
      if (this.#inputs.length > 0) continue;
      const wakeAtMs = this.core.wakeAtMs();
      if (wakeAtMs > untilMs) {
        this.nowMs = untilMs;
        return;
      }
      this.nowMs = Math.max(this.nowMs, wakeAtMs);
    }
    throw new Error("it does not come to rest");
  }

  /** One step of the core, with what has come in until now. */
  step(): void {
    const inputs = this.#inputs;
    this.#inputs = [];
    const effects: Effect[] = [];
    this.core.step({ wallMs: this.nowMs + 1_000_000, monotonicMs: this.nowMs }, inputs, effects);
    for (const effect of effects) this.#perform(effect);
  }

  /** Monotonic moment of the next step. */
  get wakeAtMs(): number {
    return this.#inputs.length > 0 ? this.nowMs : this.core.wakeAtMs();
  }

  /** Sends a command and gives its request number. */
  put(id: string, type = CART): number {
    const command = this.commandTo(id, type);
    this.give(command);
    return command.request;
  }

  /** A command as it arrives; given twice it is the same one. */
  commandTo(id: string, type = CART): CommandArrived {
    const request = this.nextRequest();
    return {
      kind: "commandArrived",
      isRepeat: false,
      isStrict: false,
      request,
      to: { type, id },
      name: "put",
      input: new Uint8Array(100),
      id: `${this.#incarnation}-${request}`,
      hasKey: true,
      bodyHash: "b",
      acceptedAtMs: this.nowMs + 1_000_000,
      deadlineMs: this.nowMs + 1_030_000,
      metadata: [],
      mode: "call",
      delayMs: 0,
      isAdmin: false,
    };
  }

  nextRequest(): number {
    return ++this.#requests;
  }

  /** Asks for a state and gives the request number. */
  askState(id: string, type = CART, waitMs = Infinity): number {
    const request = this.nextRequest();
    const deadlineMs = this.nowMs + 1_000_000 + waitMs;
    this.give({ kind: "stateAsked", request, of: { type, id }, isAdmin: true, isStrict: false, deadlineMs });
    return request;
  }

  /** The code of the problem that the request was answered with; the kind of any other answer; null while there is none. */
  codeOf(request: number): string | null {
    const answer = this.answers.get(request);
    return answer?.kind === "problem" ? answer.problem.code : (answer?.kind ?? null);
  }

  versionOf(id: string): number | undefined {
    const request = this.askState(id);
    this.run();
    const answer = this.answers.get(request);
    return answer?.kind === "state" ? answer.version : undefined;
  }

  stop(): void {
    this.give({ kind: "stopAsked" });
    this.run(5_000);
  }

  #perform(effect: Effect): void {
    switch (effect.kind) {
      case "answer":
        this.answers.set(effect.request, effect.answer);
        return;
      case "invoke":
        if (this.isFunctionSilent) return void this.unanswered.push(effect);
        this.invoked.push(...effect.request.entities.flatMap(({ commands }) => commands.map(({ id }) => id)));
        for (const entity of effect.request.entities) {
          const answer = this.answerOf(entity);
          if (answer !== null) this.give({ kind: "entityFinished", attempt: effect.attempt, result: { n: entity.n, ...answer } });
        }
        this.give({ kind: "invocationEnded", attempt: effect.attempt, end: { kind: "complete" } });
        return;
      case "feed": {
        const feed = this.feeds.get(effect.request) ?? { events: [], ended: null };
        this.feeds.set(effect.request, { events: [...feed.events, ...effect.events], ended: effect.ended ?? feed.ended });
        return;
      }
      case "peerSend":
        return this.onPeerSend(effect.to, effect.frame);
      case "watching":
        this.watching.push(effect.incarnation);
        return;
      case "left":
        this.leftWith = effect.shards;
        return;
      case "peersKnown":
      case "shardsChanged":
        return;
      case "shardRefused":
        this.refused.push({ shard: effect.shard, message: effect.message });
        return;
      case "ended":
        this.ended = effect.reason;
        return;
      default: {
        const scripted = this.intercept(effect);
        const input = scripted === undefined ? this.storage.perform(effect) : scripted;
        if (input !== null) this.give(input);
      }
    }
  }
}

/** Every command is done and leaves a state. */
export function written({ commands }: InvocationEntity): Omit<EntityResult, "n"> {
  const done = { kind: "done", reply: new Uint8Array(0), events: [], effects: [] } as const;
  return { state: new Uint8Array(50), outcomes: commands.map(({ n }) => ({ n, ...done })) };
}
