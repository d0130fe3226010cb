/**
 * The core of a router: every decision of one incarnation, from its claim to its end. `step` takes the inputs of one
 * event-loop turn and gives the effects; it reads no clock, does no IO and waits for nothing.
 *
 *   claiming ──shards are ours──> replaying ──resumed──> open ──stopAsked──> stopping ──> ended
 *
 * From every phase a lost log or shard, a broken invariant, or storage that refuses leads to `ended`.
 */

import { AdmissionControl } from "./admission/admission.js";
import { MemoryBudget } from "./admission/memory-budget.js";
import { MalformedBytes } from "./bytes/byte-reader.js";
import type { CoreSettings, CoreTools } from "./core-settings.js";
import { type CommandCounts, CommandTally } from "./deployment/command-tally.js";
import { Dispatcher } from "./dispatch/dispatcher.js";
import type { Effect, EndReason } from "./effect.js";
import { type EntityAddress, shardOfHash } from "./entity/address.js";
import type { Input } from "./input.js";
import { Invoking } from "./invoking.js";
import { Gate } from "./log/gate.js";
import type { LogEnd, LogWriter } from "./log/log-writer.js";
import { VALUE_PREFIX } from "./log/spilled-value.js";
import { Closing } from "./ownership/closing.js";
import { Custody } from "./ownership/custody.js";
import { DirectoryClient } from "./ownership/directory-client.js";
import { NewerFormat } from "./ownership/documents.js";
import { IncarnationIds } from "./ownership/incarnation-ids.js";
import { type Opened, openShards } from "./ownership/opening.js";
import { OrphanSweep } from "./ownership/orphan-sweep.js";
import { OwnNode } from "./ownership/own-node.js";
import type { ReplaySize } from "./ownership/replay.js";
import { Upkeep } from "./ownership/upkeep.js";
import { ValueSweep } from "./ownership/value-sweep.js";
import { type OpenShards, Requests } from "./requests.js";
import { UNSTORABLE } from "./shard/arrivals.js";
import type { Shard, ShardQueues } from "./shard/shard.js";
import type { ShardHost } from "./shard/shard-host.js";
import { CacheBudget } from "./store/cache-budget.js";
import type { ShardStore } from "./store/shard-store.js";
import type { Moment } from "./time/moment.js";
import { TypeRegistry } from "./type-registry.js";
import { unreachable } from "./unreachable.js";

export type Phase = "claiming" | "replaying" | "open" | "stopping" | "ended";

/** Deadlines are looked at this often while somebody waits. */
const EXPIRE_EVERY_MS = 250;
/** With nobody waiting there is nothing to expire; the tail still grows old and is flushed. */
const UPKEEP_EVERY_MS = 5_000;
/** Shards that go on answering one another get the next turn at once: inputs are not kept waiting for ever. */
const TURN_ROUNDS_MAX = 100;

export class RouterCore {
  readonly #settings: CoreSettings;
  readonly #tools: CoreTools;
  readonly #effects: Effect[] = [];
  readonly #client = new DirectoryClient(this.#effects, (code, message) => this.#refuse(code, message));
  readonly #gate = new Gate();
  readonly #dispatcher = new Dispatcher();
  readonly #tally = new CommandTally();
  readonly #invoking = new Invoking(this.#dispatcher, this.#effects, this.#tally);
  readonly #ids: IncarnationIds;
  readonly #ownNode: OwnNode;
  readonly #budget: MemoryBudget;
  readonly #admission: AdmissionControl;
  readonly #cache: CacheBudget;
  readonly #types: TypeRegistry;
  readonly #requests: Requests;
  #phase: Phase = "claiming";
  #hasBegun = false;
  #nowMs = 0;
  #tickMs = 0;
  #expiredAtMs = 0;
  /** Answers in memory that did not fit into the last turn. */
  #isBehind = false;
  #opened: Opened | null = null;
  #custodies: readonly Custody[] = [];
  #upkeep: Upkeep | null = null;
  #open: OpenShards | null = null;
  #closing: Closing | null = null;
  #orphans: OrphanSweep | null = null;
  #values: ValueSweep | null = null;
  /** Of entities with something going on, counted from time to time. */
  #slotBytes = 0;
  readonly #heldBytes = { uncommitted: 0, cache: 0, responses: 0, state: 0 };

  constructor(settings: CoreSettings, tools: CoreTools) {
    this.#settings = settings;
    this.#tools = tools;
    this.#ids = new IncarnationIds(settings.incarnation, settings.nonceSeed);
    this.#ownNode = new OwnNode(settings.incarnation, settings.lease, {
      client: this.#client,
      codec: tools.documentCodec,
      nextToken: () => this.#ids.nextToken(),
      lost: () => this.#end({ kind: "fenced", message: "this incarnation was declared dead" }),
    });
    this.#budget = new MemoryBudget(settings.memory.totalBytes, settings.memory.reserveBytes);
    this.#admission = new AdmissionControl(this.#budget, settings.admission);
    this.#cache = new CacheBudget(settings.memory.cacheBytes);
    this.#types = new TypeRegistry(settings.placements);
    this.#requests = new Requests({
      types: this.#types,
      admission: this.#admission,
      gate: this.#gate,
      effects: this.#effects,
      open: () => this.#open,
      shardOf: (address) => this.#shardOf(address),
      tickMs: () => this.#tickMs,
    });
  }

  get phase(): Phase {
    return this.#phase;
  }

  /** Takes what has happened and pushes what is to be done to `effects`. */
  step(moment: Moment, inputs: readonly Input[], effects: Effect[]): void {
    if (this.#phase === "ended") return;
    this.#nowMs = Math.floor(moment.wallMs);
    this.#tickMs = Math.max(this.#tickMs, moment.monotonicMs);
    try {
      this.#client.moveTo(this.#tickMs);
      this.#ownNode.moveTo(moment);
      this.#gate.lease(this.#ownNode.isLeased, this.#effects);
      if (!this.#hasBegun) this.#begin();
      this.#requests.measure();
      for (const input of inputs) {
        this.#take(input);
        if (this.#isOver()) break;
      }
      if (!this.#isOver()) this.#turn();
    } catch (error) {
      if (error instanceof NewerFormat) this.#refuse("format_newer", `a newer Holdfast wrote here: ${error.message}`);
      else if (error instanceof MalformedBytes && this.#phase === "claiming") {
        this.#refuse("document_damaged", `a document of the directory makes no sense: ${error.message}`);
      } else this.#end({ kind: "broken", message: error instanceof Error ? (error.stack ?? error.message) : String(error) });
    }
    for (const effect of this.#effects) effects.push(effect);
    this.#effects.length = 0;
  }

  /** Monotonic moment at which `step` has to be called although nothing happened; Infinity: never. */
  wakeAtMs(): number {
    if (this.#phase === "ended") return Infinity;
    if (this.#isBehind) return this.#tickMs;
    let wake = Math.min(this.#client.wakeAtMs ?? Infinity, this.#dispatcher.wakeAtMs() ?? Infinity, this.#ownNode.wakeAtMs);
    if (this.#opened === null) return wake;
    const { log, shards } = this.#opened;
    wake = Math.min(wake, log.wakeAtMs() ?? Infinity);
    for (const shard of shards) wake = Math.min(wake, shard.wakeAtMs(this.#tickMs, this.#nowMs));
    if (this.#phase === "open") wake = Math.min(wake, this.#orphans?.wakeAtMs ?? Infinity, this.#values?.wakeAtMs ?? Infinity);
    const isWaitedFor = shards.some((shard) => shard.isWaitedFor);
    return Math.min(wake, this.#expiredAtMs + (isWaitedFor ? EXPIRE_EVERY_MS : UPKEEP_EVERY_MS));
  }

  /** How much waits where, by shard: cheap enough for every step. */
  get queues(): readonly ShardQueues[] {
    return (this.#opened?.shards ?? []).map((shard) => shard.queues);
  }

  /** Figures for metrics and the status page. */
  snapshot(): CoreSnapshot {
    const log = this.#opened?.log;
    const shards = this.#opened?.shards ?? [];
    return {
      phase: this.#phase,
      shards: shards.length,
      durablePosition: log?.durable ?? 0,
      lastPosition: log?.last ?? 0,
      appendDepth: log?.depth ?? 0,
      durableLagMs: log?.lagMs(this.#tickMs) ?? 0,
      uncommittedBytes: log?.uncommittedBytes ?? 0,
      tailBytes: this.#upkeep?.tailBytes ?? 0,
      tailRecords: this.#upkeep?.tailRecords ?? 0,
      flushing: this.#upkeep?.flushing ?? 0,
      gateHeld: this.#gate.held,
      slots: shards.reduce((sum, shard) => sum + shard.slotCount, 0),
      queues: this.queues,
      outbox: shards.reduce((sum, shard) => sum + shard.state.outbox.size, 0),
      deadLetters: shards.reduce((sum, shard) => sum + shard.deadLettersMade, 0),
      refusedShards: shards.flatMap(({ shard, refusal }) => (refusal === null ? [] : [{ shard, message: refusal }])),
      memory: this.#budget,
      cache: this.#cache,
      stores: shards.map((shard) => shard.state.store.statistics),
      dispatch: this.#dispatcher.snapshot(),
      commands: this.#tally.byDeployment,
    };
  }

  #begin(): void {
    this.#hasBegun = true;
    openShards(
      {
        settings: this.#settings,
        tools: this.#tools,
        client: this.#client,
        ids: this.#ids,
        cache: this.#cache,
        ownNode: this.#ownNode,
        hostOn: (log) => this.#host(log),
        refuse: (code, message) => this.#refuse(code, message),
        standingBy: (incarnation) => this.#effects.push({ kind: "standingBy", incarnation }),
      },
      (opened) => {
        this.#opened = opened;
        this.#phase = "replaying";
      },
      (opened, replayed) => this.#started(opened, replayed),
    );
  }

  #started(opened: Opened, replayed: ReplaySize): void {
    const { claimed, log, shards } = opened;
    const shared = {
      client: this.#client,
      codec: this.#tools.documentCodec,
      clusterId: claimed.cluster.clusterId,
      log,
      nextToken: () => this.#ids.nextToken(),
    };
    const lostShard = (shard: number): void => this.#end({ kind: "fenced", message: `shard ${shard} has another owner` });
    this.#custodies = claimed.shards.map(
      ({ descriptor, token }, index) => new Custody(shards[index] as Shard, descriptor, token, { ...shared, lost: lostShard }),
    );
    const tools = { ownNode: this.#ownNode, log, cache: this.#cache, effects: this.#effects };
    const { records, bytes, oldestAtMs } = replayed;
    const inherited = { records, bytes, ageMs: Math.max(0, this.#nowMs - Math.min(this.#nowMs, oldestAtMs)) };
    this.#upkeep = new Upkeep(this.#settings.upkeep, tools, this.#custodies, claimed.formerNodes, inherited, this.#tickMs);
    this.#orphans = new OrphanSweep(this.#settings.orphans, this.#custodies, this.#effects, this.#tickMs);
    // Where nothing spills there is nothing to be swept.
    if (this.#settings.log.spillBytesMin !== Infinity)
      this.#values = new ValueSweep(this.#settings.orphans, log, this.#client, this.#effects, this.#tickMs);
    this.#open = { shards, log, upkeep: this.#upkeep };
    this.#phase = "open";
    this.#admission.opened();
    this.#effects.push({ kind: "started" });
    for (const shard of shards) shard.resend();
  }

  #take(input: Input): void {
    switch (input.kind) {
      case "commandArrived":
        return this.#requests.command(input);
      case "entityFinished":
        return this.#invoking.entityFinished(input.attempt, input.result, this.#tickMs);
      case "invocationEnded":
        return this.#invoking.ended(input.attempt, input.end, this.#tickMs);
      case "appendEnded":
      case "recordsRead":
        return this.#logged(input);
      case "stateAsked":
      case "eventsAsked":
      case "outcomeAsked":
        return this.#requests.read(input);
      case "timersAsked":
      case "deadLettersAsked":
      case "deadLetterEnded":
      case "purgeAsked":
        return this.#requests.admin(input);
      case "requestLeft":
        for (const shard of this.#opened?.shards ?? []) shard.left(input.request);
        return;
      case "deploymentsChanged":
        this.#types.deploy(input.deployments, input.placements);
        this.#dispatcher.setDeployments(input.deployments);
        this.#tally.retain(new Set(input.deployments.map(({ id }) => id)));
        for (const shard of this.#opened?.shards ?? []) shard.typesChanged();
        return;
      case "valueWritten":
        return this.#opened?.log.valueWritten(input.object, input.result, this.#tickMs, this.#effects);
      case "valueRead":
        if (!this.#client.valueRead(input.object, input.result)) {
          this.#opened?.log.valueRead(input.object, input.result, this.#tickMs);
        }
        return;
      case "valueDeleted":
        return this.#values?.deleted(input.object);
      case "documentRead":
        return this.#client.documentRead(input.key, input.outcome);
      case "documentsListed":
        return this.#client.documentsListed(input.prefix, input.outcome);
      case "documentSwapped":
        return this.#client.documentSwapped(input.key, input.token, input.outcome);
      case "objectsListed":
        if (input.prefix === VALUE_PREFIX) return this.#values?.listed(input.outcome, this.#tickMs);
        return this.#orphans?.listed(input.outcome, this.#tickMs);
      case "store":
        return this.#opened?.shards[input.shard]?.stored([input.input]);
      case "stopAsked":
        return this.#stop();
      case "woken":
        return;
      default:
        return unreachable(input);
    }
  }

  /** What became of an append or a read of records: ours, or one of the claim's. */
  #logged(input: Input & { readonly kind: "appendEnded" | "recordsRead" }): void {
    const { log, position } = input;
    const isAsked =
      input.kind === "appendEnded"
        ? this.#client.appendEnded(log, position, input.outcome)
        : this.#client.recordsRead(log, position, input.outcome);
    const own = this.#opened?.log;
    if (isAsked || own === undefined || log !== own.log) return;
    if (input.kind === "appendEnded") own.appendEnded(position, input.outcome, this.#tickMs, this.#effects);
    else own.recordsRead(position, input.outcome, this.#tickMs);
    this.#gate.release(own.durable, this.#effects);
  }

  /** Whether nothing may be done any more; a log that has come to its end ends the incarnation. */
  #isOver(): boolean {
    const end = this.#opened?.log.end ?? null;
    if (end !== null && this.#phase !== "ended") this.#endWith(end);
    return this.#phase === "ended";
  }

  #endWith(end: LogEnd): void {
    if (end.kind !== "refused") return this.#end({ kind: "fenced", message: end.message });
    const { refusedCommands } = this.#tools;
    const { message, position, commands } = end;
    this.#sealAt(position);
    const isLearned = refusedCommands.accuse(commands);
    const first = commands[0];
    if (isLearned && first !== undefined && refusedCommands.isConvicted(first)) this.#answerUnstorable(position, first);
    this.#end({ kind: "fenced", message, isLearned });
  }

  /** What stands behind a record that will never be there means nothing: the log ends here. If this does not seal it, the next one does. */
  #sealAt(position: number): void {
    const opened = this.#opened;
    if (opened === null) return;
    const { log } = opened.log;
    const body = this.#tools.recordCodec(opened.claimed.cluster.clusterId).encodeSeal(log, this.#ids.nextNonce());
    this.#effects.push({ kind: "append", log, position, body });
  }

  /** Its entry, which the refused record held alone, is not there and never will be: more than its client would hear else. */
  #answerUnstorable(position: number, commandId: string): void {
    const problem = { code: "unstorable", message: UNSTORABLE, retryAfterMs: null } as const;
    for (const held of this.#gate.heldAt(position)) {
      if (held.kind !== "answer" || !("commandId" in held.answer) || held.answer.commandId !== commandId) continue;
      this.#effects.push({ kind: "answer", request: held.request, answer: { kind: "problem", problem } });
    }
  }

  #turn(): void {
    this.#client.wake(this.#tickMs);
    this.#ownNode.turn();
    // A heartbeat that came back in this very step has renewed it.
    this.#gate.lease(this.#ownNode.isLeased, this.#effects);
    const shards = this.#opened?.shards ?? [];
    this.#isBehind = turnAll(shards);
    const isRunning = this.#phase === "open" || (this.#phase === "stopping" && this.#closing?.isDrained === false);
    if (isRunning) this.#invoking.plan(this.#tickMs);
    if (this.#tickMs - this.#expiredAtMs >= EXPIRE_EVERY_MS) this.#expire(shards);
    this.#closing?.turn(this.#tickMs);
    if (this.#closing?.isReleasing !== true) this.#upkeep?.turn(this.#tickMs);
    if (this.#phase === "open") {
      this.#orphans?.turn(this.#tickMs);
      this.#values?.turn(this.#ownNode.document.base, this.#tickMs);
    }
    const log = this.#opened?.log;
    if (log !== undefined && !this.#isOver()) {
      log.flush(this.#tickMs, this.#effects);
      this.#gate.issued(log.issued);
      this.#hold("uncommitted", log.uncommittedBytes);
      // What no segment holds yet cannot be dropped: while the snapshot store is gone it grows until clients are refused.
      const dirtyBytes = this.#cache.bytesOf("memtable") + this.#cache.bytesOf("frozen");
      this.#hold("cache", this.#cache.bytes - dirtyBytes);
      this.#hold("state", this.#slotBytes + dirtyBytes);
      this.#hold("responses", this.#gate.bytes);
      this.#isOver();
    }
    for (const shard of shards) shard.takeStoreEffects(this.#effects);
  }

  #expire(shards: readonly Shard[]): void {
    this.#expiredAtMs = this.#tickMs;
    for (const shard of shards) shard.expire();
    this.#slotBytes = shards.reduce((sum, shard) => sum + shard.slotBytes, 0);
    this.#budget.passed(this.#tickMs);
  }

  /** Brings the one budget up to date with what log and stores hold. */
  #hold(account: "uncommitted" | "cache" | "responses" | "state", bytes: number): void {
    const change = bytes - this.#heldBytes[account];
    if (change > 0) this.#budget.take(account, change);
    else if (change < 0) this.#budget.give(account, -change);
    this.#heldBytes[account] = bytes;
  }

  #stop(): void {
    const opened = this.#opened;
    const upkeep = this.#upkeep;
    if (opened === null || upkeep === null) return this.#end({ kind: "stopped" });
    if (this.#phase !== "open") return;
    this.#phase = "stopping";
    this.#admission.stopped();
    for (const shard of opened.shards) shard.endFeeds();
    const { clusterId } = opened.claimed.cluster;
    this.#closing = new Closing({
      log: opened.log,
      gate: this.#gate,
      shards: opened.shards,
      custodies: this.#custodies,
      upkeep,
      ownNode: this.#ownNode,
      invoking: this.#invoking,
      client: this.#client,
      ids: this.#ids,
      recordCodec: this.#tools.recordCodec(clusterId),
      done: () => this.#end({ kind: "stopped" }),
    });
  }

  #refuse(code: string, message: string): void {
    this.#end(code === "fenced" ? { kind: "fenced", message } : { kind: "refused", code, message });
  }

  #end(reason: EndReason): void {
    if (this.#phase === "ended") return;
    this.#phase = "ended";
    this.#effects.push({ kind: "ended", reason });
  }

  #shardOf(address: EntityAddress): number {
    return shardOfHash(this.#types.hashOf(address), this.#settings.shards);
  }

  /**
   * What shards see of this node. Messages stay in it while it owns all shards: one may be consumed before its birth is
   * durable, because both lie in the same log and its prefix decides (RULES.md 9f).
   */
  #host(log: LogWriter): ShardHost {
    const core = this;
    return {
      limits: this.#settings.shard,
      log,
      gate: this.#gate,
      refusedCommands: this.#tools.refusedCommands,
      dispatcher: this.#dispatcher,
      effects: this.#effects,
      get nowMs() {
        return core.#nowMs;
      },
      get tickMs() {
        return core.#tickMs;
      },
      typeOf: (name) => this.#types.get(name),
      servedTo: (address) => this.#types.servedTo(address),
      isOfCanary: (address) => this.#types.isOfCanary(address),
      takeBack: (address) => this.#types.takeBack(address),
      hashOf: (address) => this.#types.hashOf(address),
      shardOf: (address) => this.#shardOf(address),
      send: (message) => this.#opened?.shards[message.targetShard]?.receive(message) === true,
      acknowledge: ({ sourceShard, targetShard, number }) => {
        if (sourceShard !== targetShard) this.#opened?.shards[sourceShard]?.acknowledged(targetShard, number);
      },
      holdBytes: (bytes) => (bytes >= 0 ? this.#budget.take("mailboxes", bytes) : this.#budget.give("mailboxes", -bytes)),
    };
  }
}

/**
 * An answer in one shard can make another ask for what is in memory already: such a read has no IO behind it that would
 * bring the next turn, so it is answered in this one. Gives whether some are left all the same.
 */
function turnAll(shards: readonly Shard[]): boolean {
  let isAny = true;
  for (let rounds = 0; isAny && rounds < TURN_ROUNDS_MAX; rounds++) {
    isAny = false;
    for (const shard of shards) if (shard.turn()) isAny = true;
  }
  return isAny;
}

export interface CoreSnapshot {
  readonly phase: Phase;
  readonly shards: number;
  readonly durablePosition: number;
  readonly lastPosition: number;
  /** Records issued and not answered. */
  readonly appendDepth: number;
  /** How long the oldest record that is not durable has been closed. */
  readonly durableLagMs: number;
  readonly uncommittedBytes: number;
  /** What a restart would have to read. */
  readonly tailBytes: number;
  readonly tailRecords: number;
  readonly flushing: number;
  readonly gateHeld: number;
  /** Entities that something is going on with. */
  readonly slots: number;
  /** Messages born and not yet acknowledged. */
  readonly outbox: number;
  /** Commands that became dead letters in this incarnation. */
  readonly deadLetters: number;
  readonly queues: readonly ShardQueues[];
  /** Shards that serve nobody, and why. */
  readonly refusedShards: readonly { readonly shard: number; readonly message: string }[];
  readonly memory: MemoryBudget;
  readonly cache: CacheBudget;
  readonly stores: readonly ShardStore["statistics"][];
  readonly dispatch: ReturnType<Dispatcher["snapshot"]>;
  /** What became of commands in this incarnation, by deployment. */
  readonly commands: ReadonlyMap<string, Readonly<CommandCounts>>;
}
