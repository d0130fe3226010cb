/**
 * The core of a router: every decision of one incarnation, from its claim to its end. `step` takes the inputs of one
 * event-loop turn and gives the effects; it reads no clock, does no IO and waits for nothing.
 *
 *   claiming ──claimed──> replaying ──resumed──> open ──stopAsked──> draining ──> closing ──> ended
 */
import { AdmissionControl, type AdmissionLimits } from "./admission/admission.js";
import { MemoryBudget } from "./admission/memory-budget.js";
import { Dispatcher } from "./dispatch/dispatcher.js";
import type { Effect, EndReason, ProblemCode } from "./effect.js";
import { BY_ENTITY, type Colocation, type EntityAddress, placementHash, shardOfHash } from "./entity/address.js";
import type { Message } from "./entity/command.js";
import type { EntityType } from "./entity/entity-type.js";
import type { AdminAsked, CommandArrived, Input, ReadAsked, TypePlacement } from "./input.js";
import { Invoking } from "./invoking.js";
import { Gate } from "./log/gate.js";
import { type LogLimits, LogWriter } from "./log/log-writer.js";
import type { LogId } from "./log/record.js";
import { NONCE_BYTES, type RecordCodec } from "./log/record-codec.js";
import { type Claimed, claim } from "./ownership/claim.js";
import { Custody } from "./ownership/custody.js";
import { DirectoryClient } from "./ownership/directory-client.js";
import { type DocumentCodec, nodeKey } from "./ownership/documents.js";
import { type ReplaySize, replay } from "./ownership/replay.js";
import { Upkeep, type UpkeepLimits } from "./ownership/upkeep.js";
import { Shard } from "./shard/shard.js";
import type { ShardHost, ShardLimits } from "./shard/shard-host.js";
import { ShardState } from "./shard/shard-state.js";
import { CacheBudget } from "./store/cache-budget.js";
import type { Checksum } from "./store/crc32.js";
import { mergeCells } from "./store/key-spaces/cell.js";
import { ShardStore } from "./store/shard-store.js";
import type { StoreLimits } from "./store/store-options.js";
import { unreachable } from "./unreachable.js";

export interface CoreSettings {
  readonly incarnation: LogId;
  readonly clusterName: string;
  readonly shards: number;
  /** Random: the id of the cluster if it is made now, and what makes this incarnation's nonces its own. */
  readonly freshClusterId: Uint8Array;
  readonly nonceSeed: Uint8Array;
  readonly placements: readonly TypePlacement[];
  readonly log: LogLimits;
  readonly shard: ShardLimits;
  readonly store: StoreLimits;
  readonly upkeep: UpkeepLimits;
  readonly admission: AdmissionLimits;
  readonly memory: { readonly totalBytes: number; readonly reserveBytes: number; readonly cacheBytes: number };
}

export interface CoreTools {
  readonly documentCodec: DocumentCodec;
  recordCodec(clusterId: Uint8Array): RecordCodec;
  readonly checksum: Checksum;
}

export interface Moment {
  /** Wall time: what timers and expiries go by. May jump. */
  readonly wallMs: number;
  /** Only grows: what waits and back-offs go by. */
  readonly monotonicMs: number;
}

type Phase = "claiming" | "replaying" | "open" | "draining" | "closing" | "ended";

const EXPIRE_EVERY_MS = 250;
/** With nobody waiting there is nothing to expire; the tail still grows old and is flushed. */
const UPKEEP_EVERY_MS = 5_000;

export class RouterCore {
  readonly #settings: CoreSettings;
  readonly #tools: CoreTools;
  readonly #outgoing: Effect[] = [];
  readonly #client = new DirectoryClient(this.#outgoing);
  readonly #gate = new Gate();
  readonly #dispatcher = new Dispatcher();
  readonly #invoking = new Invoking(this.#dispatcher, this.#outgoing);
  readonly #budget: MemoryBudget;
  readonly #admission: AdmissionControl;
  readonly #cache: CacheBudget;
  readonly #typeByName = new Map<string, { readonly deployment: string; readonly type: EntityType }>();
  readonly #colocationByType = new Map<string, Colocation>();
  #phase: Phase = "claiming";
  #nowMs = 0;
  #tickMs = 0;
  #expiredAtMs = 0;
  #tokens = 0;
  #nonces = 0;
  #requests = 0;
  #objects = 0;
  #log: LogWriter | null = null;
  #shards: Shard[] = [];
  #upkeep: Upkeep | null = null;
  #custodies: Custody[] = [];
  #claimed: Claimed | null = null;
  #refusedShards = new Map<number, string>();
  #isReleasing = false;
  #heldBytes = { uncommitted: 0, cache: 0 };

  constructor(settings: CoreSettings, tools: CoreTools) {
    this.#settings = settings;
    this.#tools = tools;
    this.#budget = new MemoryBudget(settings.memory.totalBytes, settings.memory.reserveBytes);
    this.#admission = new AdmissionControl(this.#budget, settings.admission);
    this.#cache = new CacheBudget(settings.memory.cacheBytes);
    this.#place(settings.placements);
  }

  get phase(): Phase {
    return this.#phase;
  }

  /** Takes what has happened and pushes what is to be done to `effects`. */
  step(moment: Moment, inputs: readonly Input[], effects: Effect[]): void {
    if (this.#phase === "ended") return;
    const isFirst = this.#nowMs === 0;
    this.#nowMs = moment.wallMs;
    this.#tickMs = Math.max(this.#tickMs, moment.monotonicMs);
    try {
      if (isFirst) this.#begin();
      for (const input of inputs) {
        this.#take(input);
        if (this.#isOver()) break;
      }
      if (!this.#isOver()) this.#turn();
    } catch (error) {
      this.#end({ kind: "broken", message: error instanceof Error ? (error.stack ?? error.message) : String(error) });
    }
    for (const effect of this.#outgoing) effects.push(effect);
    this.#outgoing.length = 0;
  }

  /** Monotonic moment at which `step` has to be called although nothing happened; Infinity: never. */
  wakeAtMs(): number {
    if (this.#phase === "ended") return Infinity;
    let wake = this.#client.wakeAtMs ?? Infinity;
    if (this.#log !== null) wake = Math.min(wake, this.#log.wakeAtMs() ?? Infinity, this.#dispatcher.wakeAtMs() ?? Infinity);
    for (const shard of this.#shards) {
      wake = Math.min(wake, shard.wakeAtMs(this.#tickMs, this.#nowMs));
      const storeWakeMs = shard.state.store.wakeAtMs;
      if (storeWakeMs !== Infinity) wake = Math.min(wake, this.#tickMs + Math.max(0, storeWakeMs - this.#nowMs));
    }
    const isWaitedFor = this.#shards.some((shard) => shard.isWaitedFor);
    return Math.min(wake, this.#expiredAtMs + (isWaitedFor ? EXPIRE_EVERY_MS : UPKEEP_EVERY_MS));
  }

  /** Figures for metrics and the status page. */
  snapshot(): CoreSnapshot {
    return {
      phase: this.#phase,
      shards: this.#shards.length,
      durablePosition: this.#log?.durable ?? 0,
      lastPosition: this.#log?.last ?? 0,
      appendDepth: this.#log?.depth ?? 0,
      durableLagMs: this.#log?.lagMs(this.#tickMs) ?? 0,
      uncommittedBytes: this.#log?.uncommittedBytes ?? 0,
      tailBytes: this.#upkeep?.tailBytes ?? 0,
      tailRecords: this.#upkeep?.tailRecords ?? 0,
      flushing: this.#upkeep?.flushing ?? 0,
      gateHeld: this.#gate.held,
      slots: this.#shards.reduce((sum, shard) => sum + shard.slotCount, 0),
      outbox: this.#shards.reduce((sum, shard) => sum + shard.state.outbox.size, 0),
      refusedShards: [...this.#refusedShards].map(([shard, message]) => ({ shard, message })),
      memory: this.#budget,
      cache: this.#cache,
      stores: this.#shards.map((shard) => shard.state.store.statistics),
      dispatch: this.#dispatcher.snapshot(),
    };
  }

  #begin(): void {
    const { incarnation, clusterName, shards, freshClusterId } = this.#settings;
    claim(
      { incarnation, clusterName, shards, freshClusterId, nowMs: this.#nowMs },
      {
        client: this.#client,
        codec: this.#tools.documentCodec,
        recordCodec: this.#tools.recordCodec,
        nextToken: () => this.#nextToken(),
        nextNonce: () => this.#nextNonce(),
        refuse: (code, message) =>
          this.#end(code === "fenced" ? { kind: "fenced", message } : { kind: "refused", code, message }),
      },
      (claimed) => this.#open(claimed),
    );
  }

  /** The shards are ours: opens their stores, replays what the segments do not hold, and starts what has to go on. */
  #open(claimed: Claimed): void {
    this.#phase = "replaying";
    this.#claimed = claimed;
    const codec = this.#tools.recordCodec(claimed.cluster.clusterId);
    const log = new LogWriter(this.#settings.incarnation, codec, this.#settings.log, () => this.#nextNonce());
    this.#log = log;
    const host = this.#host(log);
    this.#shards = claimed.shards.map(({ descriptor }) => {
      const { shard, epoch, segments } = descriptor;
      const store = new ShardStore({
        shard,
        segments,
        clusterId: claimed.cluster.clusterId,
        nextRequest: () => ++this.#requests,
        nextObjectName: () => `segments/${shard}/${epoch}-${this.#settings.incarnation}-${++this.#objects}`,
        checksum: this.#tools.checksum,
        merge: mergeCells,
        cache: this.#cache,
        limits: this.#settings.store,
      });
      return new Shard(shard, epoch, new ShardState(shard, store, host.hashOf, (name) => host.typeOf(name)?.type ?? null), host);
    });
    let left = this.#shards.length;
    const opened = (): void => {
      if (--left === 0) this.#replay(codec, claimed);
    };
    for (const shard of this.#shards) shard.open(opened);
  }

  #replay(codec: RecordCodec, claimed: Claimed): void {
    const targets = this.#shards.map((shard, index) => ({
      shard: shard.shard,
      ranges: claimed.shards[index]?.descriptor.ranges ?? [],
      replay: (entry: Parameters<Shard["replay"]>[0]) => shard.replay(entry),
      refuse: (message: string) => this.#refuseShard(shard, message),
    }));
    replay(codec, this.#client, targets, (size) => {
      let left = this.#shards.length;
      const resumed = (): void => {
        if (--left === 0) this.#started(claimed, size);
      };
      for (const shard of this.#shards) shard.resume(resumed);
    });
  }

  #started(claimed: Claimed, inherited: ReplaySize): void {
    const log = this.#requireLog();
    const { clusterId } = claimed.cluster;
    const shared = {
      client: this.#client,
      codec: this.#tools.documentCodec,
      clusterId,
      log,
      nextToken: () => this.#nextToken(),
    };
    this.#custodies = this.#shards.map((shard, index) => {
      const { descriptor, token } = claimed.shards[index] as Claimed["shards"][number];
      const lost = (number: number): void => this.#end({ kind: "fenced", message: `shard ${number} has another owner` });
      return new Custody(shard, descriptor, token, { ...shared, lost });
    });
    const lost = (): void => this.#end({ kind: "fenced", message: "this incarnation was declared dead" });
    const tools = { ...shared, cache: this.#cache, effects: this.#outgoing, lost };
    this.#upkeep = new Upkeep(
      this.#settings.upkeep,
      tools,
      this.#custodies,
      claimed.node,
      claimed.formerNodes,
      inherited,
      this.#tickMs,
    );
    this.#phase = "open";
    this.#admission.opened();
    this.#outgoing.push({ kind: "started" });
    for (const shard of this.#shards) shard.resend();
  }

  #take(input: Input): void {
    switch (input.kind) {
      case "commandArrived":
        return this.#arrived(input);
      case "entityFinished":
        return this.#invoking.entityFinished(input.attempt, input.result, this.#tickMs);
      case "invocationEnded":
        return this.#invoking.ended(input.attempt, input.end, this.#tickMs);
      case "appendEnded":
        if (this.#client.appendEnded(input.log, input.position, input.outcome)) return;
        if (input.log !== this.#settings.incarnation) return;
        this.#log?.appendEnded(input.position, input.outcome, this.#tickMs, this.#outgoing);
        return this.#gate.release(this.#log?.durable ?? 0, this.#outgoing);
      case "recordsRead":
        if (this.#client.recordsRead(input.log, input.position, input.outcome)) return;
        if (input.log !== this.#settings.incarnation) return;
        this.#log?.recordsRead(input.position, input.outcome, this.#tickMs);
        return this.#gate.release(this.#log?.durable ?? 0, this.#outgoing);
      case "stateAsked":
      case "eventsAsked":
      case "outcomeAsked":
        return this.#read(input);
      case "timersAsked":
      case "deadLettersAsked":
      case "deadLetterEnded":
      case "purgeAsked":
        return this.#admin(input);
      case "requestLeft":
        for (const shard of this.#shards) shard.left(input.request);
        return;
      case "deploymentsChanged":
        return this.#deploy(input);
      case "documentRead":
        return this.#client.documentRead(input.key, input.outcome);
      case "documentsListed":
        return this.#client.documentsListed(input.prefix, input.outcome);
      case "documentSwapped":
        return this.#client.documentSwapped(input.key, input.token, input.outcome);
      case "store":
        return this.#shards[input.shard]?.stored([input.input]);
      case "stopAsked":
        return this.#stop();
      case "woken":
        return;
      default:
        return unreachable(input);
    }
  }

  /** Whether nothing may be done any more; a log that has come to its end ends the incarnation. */
  #isOver(): boolean {
    const end = this.#log?.end ?? null;
    if (end !== null) this.#end({ kind: "fenced", message: end.message });
    return this.#phase === "ended";
  }

  #turn(): void {
    this.#client.wake(this.#tickMs);
    for (const shard of this.#shards) {
      shard.stored([]);
      shard.turn();
      const { problem } = shard.state.store;
      if (problem !== null && !this.#refusedShards.has(shard.shard))
        this.#refuseShard(shard, `${problem.code}: ${problem.object}: ${problem.message}`);
    }
    if (this.#phase === "open" || this.#phase === "draining") this.#invoking.plan(this.#tickMs);
    if (this.#tickMs - this.#expiredAtMs >= EXPIRE_EVERY_MS) this.#expire();
    if (this.#phase === "draining" || this.#phase === "closing") this.#close();
    this.#upkeep?.turn(this.#tickMs);
    const log = this.#log;
    if (log !== null && !this.#isOver()) {
      log.flush(this.#tickMs, this.#outgoing);
      this.#account(log);
      this.#isOver();
    }
    for (const shard of this.#shards) {
      for (const effect of shard.storeEffects) this.#outgoing.push({ kind: "store", shard: shard.shard, effect });
      shard.storeEffects.length = 0;
    }
  }

  #expire(): void {
    this.#expiredAtMs = this.#tickMs;
    for (const shard of this.#shards) shard.expire();
    this.#budget.passed(this.#tickMs);
  }

  /** Brings the one budget up to date with what log and stores hold. */
  #account(log: LogWriter): void {
    this.#move("uncommitted", log.uncommittedBytes);
    this.#move("cache", this.#cache.bytes);
  }

  #move(account: "uncommitted" | "cache", bytes: number): void {
    const change = bytes - this.#heldBytes[account];
    if (change > 0) this.#budget.take(account, change);
    else if (change < 0) this.#budget.give(account, -change);
    this.#heldBytes[account] = bytes;
  }

  #arrived(input: CommandArrived): void {
    const known = this.#typeByName.get(input.to.type);
    if (known === undefined) return this.#problem(input.request, "unknown_type", this.#unknownType(input.to.type));
    const { type } = known;
    const isQuery = type.queries.has(input.name);
    const command = type.commands.get(input.name) ?? type.queries.get(input.name);
    if (command === undefined || (command.exposure === "internal" && !input.isAdmin)) {
      return this.#problem(input.request, "unknown_command", unknownCommand(type, input.name));
    }
    const shard = this.#shardFor(input.to, input.request);
    if (shard === null) return;
    const admission = this.#admission.decide(
      {
        origin: "client",
        isQuery,
        bytes: input.input.length,
        mailboxLength: 0,
        mailboxMax: type.policy.mailboxMax,
      },
      {
        tailBytes: this.#upkeep?.tailBytes ?? 0,
        tailRecords: this.#upkeep?.tailRecords ?? 0,
        durableLagMs: this.#log?.lagMs(this.#tickMs) ?? 0,
      },
    );
    if (admission.kind === "refuse") {
      const { code, message, retryAfterMs } = admission.problem;
      return this.#problem(input.request, code, message, retryAfterMs);
    }
    shard.arrived(input, type);
  }

  #read(input: ReadAsked): void {
    const shard = this.#shardFor(input.of, input.request);
    if (shard === null) return;
    const type = this.#typeByName.get(input.of.type)?.type ?? null;
    if (type === null && input.kind !== "outcomeAsked") {
      return this.#problem(input.request, "unknown_type", this.#unknownType(input.of.type));
    }
    if (input.kind !== "outcomeAsked" && type !== null && !input.isAdmin) {
      const isExposed = input.kind === "stateAsked" ? type.policy.exposeState : type.policy.exposeEvents;
      const what = input.kind === "stateAsked" ? "state" : "events";
      if (!isExposed) return this.#problem(input.request, "not_exposed", `${type.name} does not expose its ${what}`);
    }
    shard.read(input, type);
  }

  #admin(input: AdminAsked): void {
    if (input.kind === "deadLettersAsked") return this.#deadLetters(input);
    const shard = this.#shardFor(input.of, input.request);
    shard?.admin(input, input.of, this.#typeByName.get(input.of.type)?.type ?? null);
  }

  #deadLetters(input: AdminAsked & { readonly kind: "deadLettersAsked" }): void {
    const asked = input.of === null ? this.#shards : [this.#shardFor(input.of, input.request)].filter((shard) => shard !== null);
    const deadLetters: {
      entity: EntityAddress;
      deadLetter: Parameters<Parameters<Shard["deadLetters"]>[2]>[0][number]["deadLetter"];
    }[] = [];
    let left = asked.length;
    for (const shard of asked) {
      shard.deadLetters(input.of, input.limit, (found) => {
        deadLetters.push(...found);
        if (--left > 0) return;
        const answer = { kind: "deadLetters", deadLetters: deadLetters.slice(0, input.limit) } as const;
        this.#gate.pass(this.#requireLog().last, { kind: "answer", request: input.request, answer }, this.#outgoing);
      });
    }
  }

  /** The shard of an entity if it is open; else the request is answered, and null. */
  #shardFor(address: EntityAddress, request: number): Shard | null {
    if (this.#phase !== "open") {
      const isStopping = this.#phase === "draining" || this.#phase === "closing";
      const message = isStopping
        ? "the router is stopping and takes nothing new"
        : "the router is starting: its shards are not open yet";
      this.#problem(request, isStopping ? "stopping" : "starting", message, 1_000);
      return null;
    }
    const shard = this.#shardOf(address);
    const refused = this.#refusedShards.get(shard);
    if (refused !== undefined) {
      this.#problem(request, "shard_refused", `shard ${shard} does not serve: ${refused}`);
      return null;
    }
    return this.#shards[shard] ?? null;
  }

  #deploy(input: Input & { readonly kind: "deploymentsChanged" }): void {
    this.#place(input.placements);
    this.#typeByName.clear();
    for (const { id, types } of input.deployments)
      for (const type of types) this.#typeByName.set(type.name, { deployment: id, type });
    this.#dispatcher.setDeployments(input.deployments);
    for (const shard of this.#shards) shard.typesChanged();
  }

  #place(placements: readonly TypePlacement[]): void {
    for (const { type, colocation } of placements) this.#colocationByType.set(type, colocation);
  }

  /** Messages stay in this node while it owns all shards: a message may be consumed before its birth is durable, because
   * both lie in the same log and its prefix decides (RULES.md 9f). */
  #send(message: Message): boolean {
    return this.#shards[message.targetShard]?.receive(message) === true;
  }

  #stop(): void {
    if (this.#phase === "claiming" || this.#phase === "replaying") return this.#end({ kind: "stopped" });
    if (this.#phase !== "open") return;
    this.#phase = "draining";
    this.#admission.stopped();
    for (const shard of this.#shards) shard.endFeeds();
  }

  /** Orderly stop: calls get their answers, then everything is flushed, every shard released, the log sealed (RULES.md 3). */
  #close(): void {
    const log = this.#requireLog();
    const upkeep = this.#upkeep;
    if (this.#phase === "draining") {
      const isDrained = this.#shards.every((shard) => shard.callsWaiting === 0) && this.#gate.held === 0;
      if (isDrained) this.#phase = "closing";
    }
    if (this.#phase !== "closing" || this.#isReleasing || upkeep === null) return;
    if (this.#invoking.open > 0 || !upkeep.flushAll(this.#tickMs) || upkeep.isPublishing || log.durable < log.last) return;
    this.#isReleasing = true;
    let left = this.#custodies.length;
    for (const custody of this.#custodies) {
      custody.release(() => {
        if (--left === 0) this.#sealOwn(log);
      });
    }
  }

  #sealOwn(log: LogWriter): void {
    const claimed = this.#claimed;
    const node = this.#upkeep?.ownNode;
    if (claimed === null || node === undefined) return;
    const { clusterId } = claimed.cluster;
    const seal = log.cut(this.#tickMs) + 1;
    const body = this.#tools.recordCodec(clusterId).encodeSeal(log.log, this.#nextNonce());
    this.#client.append(log.log, seal, body, () => {
      const document = { ...node.document, status: "closed" as const, seal, base: seal };
      const next = { token: this.#nextToken(), body: this.#tools.documentCodec.encodeNode(document, clusterId) };
      this.#client.swap(nodeKey(log.log), node.token, next, () => this.#end({ kind: "stopped" }));
    });
  }

  #refuseShard(shard: Shard, message: string): void {
    this.#refusedShards.set(shard.shard, message);
    this.#end({ kind: "refused", code: "shard_refused", message: `shard ${shard.shard}: ${message}` });
  }

  #end(reason: EndReason): void {
    if (this.#phase === "ended") return;
    this.#phase = "ended";
    this.#outgoing.push({ kind: "ended", reason });
  }

  #problem(request: number, code: ProblemCode, message: string, retryAfterMs: number | null = null): void {
    this.#outgoing.push({ kind: "answer", request, answer: { kind: "problem", problem: { code, message, retryAfterMs } } });
  }

  #unknownType(name: string): string {
    const known = [...this.#typeByName.keys()].sort();
    return known.length === 0
      ? `there is no type '${name}': no deployment is registered yet`
      : `there is no type '${name}'; there are ${known.join(", ")}`;
  }

  #hashOf(address: EntityAddress): number {
    return placementHash(address, this.#colocationByType.get(address.type) ?? BY_ENTITY);
  }

  #shardOf(address: EntityAddress): number {
    return shardOfHash(this.#hashOf(address), this.#settings.shards);
  }

  #host(log: LogWriter): ShardHost {
    const core = this;
    return {
      limits: this.#settings.shard,
      log,
      gate: this.#gate,
      dispatcher: this.#dispatcher,
      effects: this.#outgoing,
      get nowMs() {
        return core.#nowMs;
      },
      get tickMs() {
        return core.#tickMs;
      },
      get isStopping() {
        return core.#phase !== "open";
      },
      typeOf: (name) => this.#typeByName.get(name) ?? null,
      hashOf: (address) => this.#hashOf(address),
      shardOf: (address) => this.#shardOf(address),
      send: (message) => this.#send(message),
      acknowledge: ({ sourceShard, targetShard, number }) => this.#shards[sourceShard]?.acknowledged(targetShard, number),
      holdBytes: (bytes) => (bytes >= 0 ? this.#budget.take("mailboxes", bytes) : this.#budget.give("mailboxes", -bytes)),
    };
  }

  #requireLog(): LogWriter {
    if (this.#log === null) throw new Error("the log is not open yet");
    return this.#log;
  }

  #nextToken(): string {
    return `${this.#settings.incarnation}.${++this.#tokens}`;
  }

  /** Unique: random for the incarnation, counted within it. */
  #nextNonce(): Uint8Array {
    const nonce = new Uint8Array(NONCE_BYTES);
    nonce.set(this.#settings.nonceSeed.subarray(0, NONCE_BYTES - 4));
    new DataView(nonce.buffer).setUint32(NONCE_BYTES - 4, ++this.#nonces);
    return nonce;
  }
}

export interface CoreSnapshot {
  readonly phase: Phase;
  readonly shards: number;
  readonly durablePosition: number;
  readonly lastPosition: number;
  readonly appendDepth: number;
  readonly durableLagMs: number;
  readonly uncommittedBytes: number;
  readonly tailBytes: number;
  readonly tailRecords: number;
  readonly flushing: number;
  readonly gateHeld: number;
  /** Entities that something is going on with. */
  readonly slots: number;
  /** Messages born and not yet acknowledged. */
  readonly outbox: number;
  readonly refusedShards: readonly { readonly shard: number; readonly message: string }[];
  readonly memory: MemoryBudget;
  readonly cache: CacheBudget;
  readonly stores: readonly ShardStore["statistics"][];
  readonly dispatch: ReturnType<Dispatcher["snapshot"]>;
}

function unknownCommand(type: EntityType, name: string): string {
  const open = [...type.commands.values(), ...type.queries.values()]
    .filter((spec) => spec.exposure === "public")
    .map((spec) => spec.name);
  return `${type.name} has no command or query '${name}'; it has ${open.length === 0 ? "none that is public" : open.sort().join(", ")}`;
}
