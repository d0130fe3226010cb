/**
 * The core of a router: every decision of one incarnation, from its start to its end. `step` takes the inputs of one
 * event-loop turn and gives the effects; it reads no clock, does no IO and waits for nothing.
 *
 *   claiming ──joined──> replaying ──what should be here is──> open ──stopAsked──> stopping ──> ended
 *
 * From every phase a lost log or shard, a broken invariant, or storage that refuses leads to `ended`. Shards come and go
 * while it is open (src/core/ownership/holdings.ts).
 */

import { AdmissionControl } from "./admission/admission.js";
import { MemoryBudget } from "./admission/memory-budget.js";
import { MemoryUse } from "./admission/memory-use.js";
import { MalformedBytes } from "./bytes/byte-reader.js";
import type { CoreSettings, CoreTools } from "./core-settings.js";
import { type CoreSnapshot, type Phase, snapshotOf } from "./core-snapshot.js";
import { type CommandCounts, CommandTally } from "./deployment/command-tally.js";
import { Dispatcher } from "./dispatch/dispatcher.js";
import type { Effect, EndReason } from "./effect.js";
import { endOfLog } from "./end-of-log.js";
import { type EntityAddress, shardOfHash } from "./entity/address.js";
import type { Input } from "./input.js";
import { Invoking } from "./invoking.js";
import { JoinedNode } from "./joined-node.js";
import { Gate } from "./log/gate.js";
import type { LogEnd } from "./log/log-limits.js";
import type { LogId } from "./log/record.js";
import { VALUE_PREFIX } from "./log/spilled-value.js";
import { Closing } from "./ownership/closing.js";
import { DirectoryClient } from "./ownership/directory-client.js";
import { NewerFormat } from "./ownership/documents.js";
import { IncarnationIds } from "./ownership/incarnation-ids.js";
import { join } from "./ownership/joining.js";
import { OwnNode } from "./ownership/own-node.js";
import { Forwarding } from "./peers/forwarding.js";
import type { PeerFrame } from "./peers/frames.js";
import { PeerTalk } from "./peers/peer-talk.js";
import { Served } from "./peers/served.js";
import type { Asked } from "./request.js";
import { Requests } from "./requests.js";
import type { Shard, ShardQueues } from "./shard/shard.js";
import { CacheBudget } from "./store/cache-budget.js";
import type { Moment } from "./time/moment.js";
import { TypeRegistry } from "./type-registry.js";
import { unreachable } from "./unreachable.js";

/** Deadlines are looked at this often while somebody waits. */
const EXPIRE_EVERY_MS = 250;
/** With nobody waiting there is nothing to expire; the tail still grows old and is flushed. */
const UPKEEP_EVERY_MS = 5_000;
/** A node that leaves gives its shards to others for so long; what is left then, it releases when it stops. */
const LEAVE_MS_MAX = 20_000;
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
  readonly #memory: MemoryUse;
  readonly #admission: AdmissionControl;
  readonly #cache: CacheBudget;
  readonly #types: TypeRegistry;
  readonly #requests: Requests;
  readonly #forwarding: Forwarding;
  readonly #served = new Served();
  readonly #talk: PeerTalk;
  #phase: Phase = "claiming";
  #hasBegun = false;
  #nowMs = 0;
  #tickMs = 0;
  #expiredAtMs = 0;
  /** Answers in memory that did not fit into the last turn. */
  #isBehind = false;
  #node: JoinedNode | null = null;
  #closing: Closing | null = null;
  #leaveByMs: number | null = null;

  constructor(settings: CoreSettings, tools: CoreTools) {
    this.#settings = settings;
    this.#tools = tools;
    this.#ids = new IncarnationIds(settings.incarnation, settings.nonceSeed);
    this.#ownNode = new OwnNode(settings.incarnation, settings.node, settings.lease, {
      client: this.#client,
      codec: tools.documentCodec,
      nextToken: () => this.#ids.nextToken(),
      lost: () => this.#end({ kind: "fenced", message: "this incarnation was declared dead" }),
    });
    const budget = new MemoryBudget(settings.memory.totalBytes, settings.memory.reserveBytes);
    this.#memory = new MemoryUse(budget);
    this.#admission = new AdmissionControl(budget, settings.admission);
    this.#cache = new CacheBudget(settings.memory.cacheBytes);
    this.#types = new TypeRegistry(settings.placements);
    const send = (to: LogId, frame: PeerFrame): void => void this.#effects.push({ kind: "peerSend", to, frame });
    this.#forwarding = new Forwarding({
      effects: this.#effects,
      ownerOf: (shard) => this.#node?.ownerOf(shard) ?? null,
      epochOf: (shard) => this.#node?.map.of(shard).epoch ?? 0,
      // What nobody is served is answered here, with the reason.
      isServedHere: (shard) => this.#node?.serving(shard) != null || this.#node?.refusalOf(shard) != null,
      isComing: (shard) => this.#phase !== "stopping" && this.#node?.holdings.isComing(shard) === true,
      isStranded: (shard) => this.#node?.holdings.isStranded(shard) === true,
      serve: (asked) => this.#requests.take(asked),
      shardOf: (asked) => {
        const address = addressOf(asked);
        return address === null ? null : this.#shardOf(address);
      },
      turnAway: (request, shard) => {
        const output = this.#served.turnedAway(request, shard);
        if (output !== null) this.#effects.push(output);
      },
      send,
      reread: (shard) => this.#node?.holdings.descriptors.reread(shard),
      nowMs: () => this.#nowMs,
      tickMs: () => this.#tickMs,
    });
    this.#requests = new Requests({
      types: this.#types,
      admission: this.#admission,
      gate: this.#gate,
      effects: this.#effects,
      forwarding: this.#forwarding,
      open: () => this.#node,
      shardOf: (address) => this.#shardOf(address),
      tickMs: () => this.#tickMs,
    });
    this.#talk = new PeerTalk({
      incarnation: settings.incarnation,
      forwarding: this.#forwarding,
      served: this.#served,
      node: () => this.#node,
      take: (asked) => this.#requests.take(asked),
      left: (request) => this.#left(request),
      send,
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
    for (const effect of this.#effects) {
      // Requests of other nodes' clients have negative numbers.
      const isForPeer = (effect.kind === "answer" || effect.kind === "feed") && effect.request < 0;
      const output = isForPeer ? this.#served.outputOf(effect) : effect;
      if (output !== null) effects.push(output);
    }
    this.#effects.length = 0;
  }

  /** Monotonic moment at which `step` has to be called although nothing happened; Infinity: never. */
  wakeAtMs(): number {
    if (this.#phase === "ended") return Infinity;
    if (this.#isBehind) return this.#tickMs;
    const dispatchAtMs = this.#isRunning ? this.#dispatcher.wakeAtMs() : null;
    let wake = Math.min(this.#client.wakeAtMs ?? Infinity, dispatchAtMs ?? Infinity, this.#ownNode.wakeAtMs);
    const node = this.#node;
    if (node === null) return wake;
    wake = Math.min(wake, node.wakeAtMs(), this.#forwarding.wakeAtMs, this.#leaveByMs ?? Infinity);
    for (const shard of node.shards) wake = Math.min(wake, shard.wakeAtMs(this.#tickMs, this.#nowMs));
    if (this.#phase === "open") wake = Math.min(wake, node.orphans.wakeAtMs, node.values?.wakeAtMs ?? Infinity);
    const isWaitedFor = node.shards.some((shard) => shard.isWaitedFor);
    return Math.min(wake, this.#expiredAtMs + (isWaitedFor ? EXPIRE_EVERY_MS : UPKEEP_EVERY_MS));
  }

  /** How much waits where, by shard: cheap enough for every step. */
  get queues(): readonly ShardQueues[] {
    return (this.#node?.shards ?? []).map((shard) => shard.queues);
  }

  /** Figures for metrics and the status page. */
  snapshot(): CoreSnapshot {
    return snapshotOf({
      phase: this.#phase,
      node: this.#node,
      ownNode: this.#ownNode,
      gate: this.#gate,
      memory: this.#memory.budget,
      cache: this.#cache,
      dispatcher: this.#dispatcher,
      tally: this.#tally,
      forwarding: this.#forwarding,
      served: this.#served,
      queues: this.queues,
      tickMs: this.#tickMs,
    });
  }

  /** What became of a deployment's commands in this incarnation, without all the rest of a snapshot. Null: nothing yet. */
  commandsOf(deployment: string): Readonly<CommandCounts> | null {
    return this.#tally.byDeployment.get(deployment) ?? null;
  }

  #begin(): void {
    this.#hasBegun = true;
    const { incarnation, clusterName, shards, freshClusterId } = this.#settings;
    const tools = {
      client: this.#client,
      codec: this.#tools.documentCodec,
      ownNode: this.#ownNode,
      nextToken: () => this.#ids.nextToken(),
      refuse: (code: string, message: string) => this.#refuse(code, message),
    };
    join({ incarnation, clusterName, shards, freshClusterId }, tools, (joined) => {
      this.#phase = "replaying";
      this.#node = new JoinedNode(
        {
          settings: this.#settings,
          tools: this.#tools,
          client: this.#client,
          ids: this.#ids,
          cache: this.#cache,
          gate: this.#gate,
          dispatcher: this.#dispatcher,
          ownNode: this.#ownNode,
          effects: this.#effects,
          types: this.#types,
          forwarding: this.#forwarding,
          shardOf: (address) => this.#shardOf(address),
          holdMailboxes: (bytes) => this.#memory.holdMailboxes(bytes),
          nowMs: () => this.#nowMs,
          tickMs: () => this.#tickMs,
          refuse: (code, message) => this.#refuse(code, message),
          end: (reason) => this.#end(reason),
          lost: (peer) => this.#talk.lost(peer),
        },
        joined,
      );
    });
  }

  /** Once all that should be here is. */
  #start(): void {
    this.#phase = "open";
    this.#admission.opened();
    this.#effects.push({ kind: "started" });
  }

  #take(input: Input): void {
    switch (input.kind) {
      case "entityFinished":
        return this.#invoking.entityFinished(input.attempt, input.result, this.#tickMs);
      case "invocationEnded":
        return this.#invoking.ended(input.attempt, input.end, this.#tickMs);
      case "appendEnded":
      case "recordsRead":
        return this.#logged(input);
      case "commandArrived":
      case "stateAsked":
      case "eventsAsked":
      case "outcomeAsked":
      case "timersAsked":
      case "deadLettersAsked":
      case "deadLetterEnded":
      case "purgeAsked":
        return this.#requests.take(input);
      case "peerReceived":
        return this.#talk.received(input.from, input.to, input.frame);
      case "peerLost":
        return this.#talk.lost(input.incarnation);
      case "requestLeft":
        return this.#left(input.request);
      case "deploymentsChanged":
        this.#types.deploy(input.deployments, input.placements);
        this.#dispatcher.setDeployments(input.deployments);
        this.#tally.retain(new Set(input.deployments.map(({ id }) => id)));
        for (const shard of this.#node?.shards ?? []) shard.typesChanged();
        return;
      case "valueWritten":
        return this.#node?.log.valueWritten(input.object, input.result, this.#tickMs, this.#effects);
      case "valueRead":
        if (!this.#client.valueRead(input.object, input.result)) {
          this.#node?.log.valueRead(input.object, input.result, this.#tickMs);
        }
        return;
      case "valueDeleted":
        return this.#node?.values?.deleted(input.object);
      case "documentRead":
        return this.#client.documentRead(input.key, input.outcome);
      case "documentsListed":
        return this.#client.documentsListed(input.prefix, input.outcome);
      case "documentSwapped":
        return this.#client.documentSwapped(input.key, input.token, input.outcome);
      case "objectsListed":
        if (input.prefix === VALUE_PREFIX) return this.#node?.values?.listed(input.outcome, this.#tickMs);
        return this.#node?.orphans.listed(input.outcome, this.#tickMs);
      case "store":
        return this.#node?.holdings.stored(input.shard, input.input);
      case "planChanged":
        return this.#node?.membership.lookSoon();
      case "leaveAsked":
        return this.#leave();
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
    const own = this.#node?.log;
    if (isAsked || own === undefined || log !== own.log) return;
    if (input.kind === "appendEnded") own.appendEnded(position, input.outcome, this.#tickMs, this.#effects);
    else own.recordsRead(position, input.outcome, this.#tickMs);
    this.#gate.release(own.durable, this.#effects);
  }

  /** Whether nothing may be done any more; a log that has come to its end ends the incarnation. */
  #isOver(): boolean {
    const end = this.#node?.log.end ?? null;
    if (end !== null && this.#phase !== "ended") this.#endWith(end);
    return this.#phase === "ended";
  }

  #endWith(end: LogEnd): void {
    const { refusedCommands } = this.#tools;
    const node = this.#node;
    if (node === null) return;
    this.#end(endOfLog(end, { node, refusedCommands, gate: this.#gate, ids: this.#ids, effects: this.#effects }));
  }

  #turn(): void {
    this.#client.wake(this.#tickMs);
    this.#ownNode.turn();
    // A heartbeat that came back in this very step has renewed it.
    this.#gate.lease(this.#ownNode.isLeased, this.#effects);
    const node = this.#node;
    node?.turn();
    const shards = node?.shards ?? [];
    this.#isBehind = turnAll(shards);
    node?.barrier.turn();
    this.#forwarding.turn();
    if (this.#isRunning) this.#invoking.plan(this.#tickMs);
    if (this.#tickMs - this.#expiredAtMs >= EXPIRE_EVERY_MS) this.#expire(shards);
    if (this.#phase === "replaying" && node?.holdings.isSettled === true) this.#start();
    this.#leaveOn();
    this.#closing?.turn(this.#tickMs);
    if (this.#closing?.isReleasing !== true) node?.upkeep.turn(this.#tickMs);
    if (this.#phase === "open") {
      node?.orphans.turn(this.#tickMs);
      node?.values?.turn(node.upkeep.keptFrom, this.#tickMs);
    }
    if (node !== null && !this.#isOver()) {
      const { log } = node;
      node.delivery.turn();
      log.flush(this.#tickMs, this.#effects);
      this.#gate.issued(log.issued);
      this.#memory.measure(log.uncommittedBytes, this.#gate.bytes, this.#cache);
      this.#isOver();
    }
    for (const shard of shards) shard.takeStoreEffects(this.#effects);
  }

  /** Invocations are begun: until, at the stop, every call has its answer. */
  get #isRunning(): boolean {
    return this.#phase !== "stopping" || this.#closing?.isDrained === false;
  }

  #expire(shards: readonly Shard[]): void {
    this.#expiredAtMs = this.#tickMs;
    for (const shard of shards) shard.expire();
    this.#memory.slotBytes = shards.reduce((sum, shard) => sum + shard.slotBytes, 0);
    this.#memory.budget.passed(this.#tickMs);
  }

  #left(request: number): void {
    if (this.#forwarding.left(request)) return;
    for (const shard of this.#node?.shards ?? []) shard.left(request);
  }

  /** Others are to take the shards over, as long as there are any. */
  #leave(): void {
    if (this.#leaveByMs !== null) return;
    this.#leaveByMs = this.#tickMs + LEAVE_MS_MAX;
    this.#ownNode.leave();
  }

  #leaveOn(): void {
    if (this.#leaveByMs === null) return;
    const holdings = this.#node?.holdings;
    const isKnown = this.#ownNode.document.isLeaving;
    const isDone = isKnown && (holdings === undefined || !holdings.isWantedElsewhere);
    if (!isDone && this.#tickMs < this.#leaveByMs) return;
    this.#leaveByMs = null;
    this.#effects.push({ kind: "left", shards: holdings?.all.length ?? 0 });
  }

  #stop(): void {
    const node = this.#node;
    if (node === null || this.#phase === "replaying") return this.#end({ kind: "stopped" });
    if (this.#phase !== "open") return;
    this.#phase = "stopping";
    this.#admission.stopped();
    node.holdings.close();
    for (const shard of node.shards) shard.endWaits();
    this.#forwarding.endFeeds();
    this.#closing = new Closing({
      log: node.log,
      gate: this.#gate,
      holdings: node.holdings,
      upkeep: node.upkeep,
      ownNode: this.#ownNode,
      invoking: this.#invoking,
      forwarding: this.#forwarding,
      client: this.#client,
      ids: this.#ids,
      recordCodec: node.recordCodec,
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
    const hash = this.#types.hashOf(address);
    return this.#node?.map.leafOf(hash) ?? shardOfHash(hash, this.#settings.shards);
  }
}

/** The entity that a request is for; null: it is for no single one. */
function addressOf(asked: Asked): EntityAddress | null {
  return asked.kind === "commandArrived" ? asked.to : asked.of;
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
