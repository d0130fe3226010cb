/**
 * What an incarnation is made of once it has joined its cluster: its log, who else is there, which shards are here, and what
 * goes on between them and other nodes. Decides nothing by itself; it connects the machines that do.
 */
import type { CoreSettings, CoreTools } from "./core-settings.js";
import type { DispatcherPort } from "./dispatch/dispatch.js";
import type { Effect, EndReason } from "./effect.js";
import type { EntityAddress } from "./entity/address.js";
import type { Message } from "./entity/command.js";
import { Barrier } from "./log/barrier.js";
import type { Gate } from "./log/gate.js";
import { LogWriter } from "./log/log-writer.js";
import type { LogId } from "./log/record.js";
import type { RecordCodec } from "./log/record-codec.js";
import { fromOf, rangesOf } from "./ownership/custody.js";
import type { DirectoryClient } from "./ownership/directory-client.js";
import { nodeKey, type ShardDescriptor, shardKey } from "./ownership/documents.js";
import { FormatFloor } from "./ownership/format-floor.js";
import { FormerLogs } from "./ownership/former-logs.js";
import type { Holding } from "./ownership/held-shards.js";
import { Holdings } from "./ownership/holdings.js";
import type { IncarnationIds } from "./ownership/incarnation-ids.js";
import type { Joined } from "./ownership/joining.js";
import { Membership } from "./ownership/membership.js";
import { OrphanSweep } from "./ownership/orphan-sweep.js";
import type { OwnNode } from "./ownership/own-node.js";
import { RECORD_FORMAT_WITH_VALUES } from "./ownership/record-formats.js";
import type { ReplaySize } from "./ownership/replay.js";
import { ShardMap } from "./ownership/shard-map.js";
import { SplitLeftovers } from "./ownership/split-leftovers.js";
import { Upkeep } from "./ownership/upkeep.js";
import { ValueSweep } from "./ownership/value-sweep.js";
import { WalkedRecords } from "./ownership/walked-records.js";
import { Delivery } from "./peers/delivery.js";
import type { Forwarding } from "./peers/forwarding.js";
import type { PeerFrame } from "./peers/frames.js";
import type { Shard } from "./shard/shard.js";
import type { ShardHost } from "./shard/shard-host.js";
import type { CacheBudget } from "./store/cache-budget.js";
import type { TypeRegistry } from "./type-registry.js";

export interface JoinedParts {
  readonly settings: CoreSettings;
  readonly tools: CoreTools;
  readonly client: DirectoryClient;
  readonly ids: IncarnationIds;
  readonly cache: CacheBudget;
  readonly gate: Gate;
  readonly dispatcher: DispatcherPort;
  readonly ownNode: OwnNode;
  readonly effects: Effect[];
  readonly types: TypeRegistry;
  readonly forwarding: Forwarding;
  shardOf(address: EntityAddress): number;
  holdMailboxes(bytes: number): void;
  nowMs(): number;
  tickMs(): number;
  refuse(code: string, message: string): void;
  end(reason: EndReason): void;
  /** A node that lived before does not any more, as far as can be seen. */
  lost(peer: LogId): void;
}

export class JoinedNode {
  readonly log: LogWriter;
  readonly membership: Membership;
  readonly map: ShardMap;
  readonly holdings: Holdings;
  readonly upkeep: Upkeep;
  readonly barrier: Barrier;
  readonly delivery: Delivery;
  readonly orphans: OrphanSweep;
  /** Null where nothing spills: there is nothing to be swept. */
  readonly values: ValueSweep | null;
  readonly recordCodec: RecordCodec;
  readonly clusterId: Uint8Array;
  readonly #parts: JoinedParts;
  readonly #formers: FormerLogs;
  readonly #formatFloor: FormatFloor;
  #living: ReadonlySet<LogId> = new Set();
  /** Another process is at their address, and has said so: until their silence shows, nothing is sent to them. */
  readonly #replaced = new Set<LogId>();
  #shards: readonly Shard[] = [];
  #shardsOf: readonly Holding[] | null = null;

  constructor(parts: JoinedParts, { cluster }: Joined) {
    this.#parts = parts;
    const { settings, tools, client, ids, effects, ownNode, cache, gate } = parts;
    const { incarnation } = settings;
    const { clusterId } = cluster;
    const tickMs = parts.tickMs();
    const nextToken = (): string => ids.nextToken();
    this.clusterId = clusterId;
    this.recordCodec = tools.recordCodec(clusterId);
    // Records that refer to values are of a format that every node of the cluster has to know first (RULES.md 15d).
    const mayRefer = cluster.recordFormatFloor >= RECORD_FORMAT_WITH_VALUES;
    const limits = mayRefer ? settings.log : { ...settings.log, spillBytesMin: Infinity };
    this.log = new LogWriter(incarnation, this.recordCodec, limits, () => ids.nextNonce(), tools.checksum);
    this.map = new ShardMap(settings.shards, (shard) => this.#moved(shard));
    this.membership = new Membership(settings.lease, {
      client,
      codec: tools.documentCodec,
      ownNode,
      refuse: parts.refuse,
      looked: () => this.#looked(),
    });
    this.#formatFloor = new FormatFloor(cluster.recordFormatFloor, { client, codec: tools.documentCodec, ownNode, nextToken });
    this.upkeep = new Upkeep(settings.upkeep, { ownNode, log: this.log, cache, effects }, tickMs);
    const { acceptLossOf } = settings;
    const walked = new WalkedRecords();
    this.#formers = new FormerLogs(
      { incarnation, recordTtlMs: settings.upkeep.recordTtlMs, acceptLossOf },
      {
        client,
        codec: tools.documentCodec,
        ownNode,
        clusterId,
        recordCodec: this.recordCodec,
        walked,
        nextToken,
        nextNonce: () => ids.nextNonce(),
        refuse: parts.refuse,
        ended: () => this.holdings.changed(),
      },
    );
    const { log, recordCodec } = this;
    const host = this.#host();
    this.holdings = new Holdings({
      opening: { settings, tools, client, ids, cache, clusterId, recordCodec, walked, log, host },
      custody: {
        client,
        codec: tools.documentCodec,
        clusterId,
        log,
        nextToken,
        base: () => ownNode.document.base,
        lost: (shard) => parts.end({ kind: "fenced", message: `shard ${shard} has another owner` }),
      },
      client,
      codec: tools.documentCodec,
      incarnation,
      membership: this.membership,
      formers: this.#formers,
      map: this.map,
      effects,
      nextToken,
      tickMs: () => parts.tickMs(),
      send: (to, frame) => this.send(to, frame),
      opened: (holdings, size) => this.#opened(holdings, size),
      gone: (shard, from) => this.#gone(shard, from),
      kept: (shard) => parts.forwarding.moved(shard),
      listed: (descriptors) => this.#listed(descriptors),
    });
    this.barrier = new Barrier({
      log,
      client,
      nodeKey: nodeKey(incarnation),
      statusOf: ({ body }) => tools.documentCodec.decodeNode(body, this.clusterId).status,
      lost: () => parts.end({ kind: "fenced", message: "this incarnation was declared dead" }),
    });
    this.delivery = new Delivery({
      incarnation,
      gate,
      effects,
      ownerOf: (shard) => this.ownerOf(shard),
      taking: (shard) => this.holdings.taking(shard),
      holderOf: (message) => this.#holderOf(message),
      lastPosition: () => log.last,
      tickMs: () => parts.tickMs(),
      reread: (shard) => this.holdings.descriptors.reread(shard),
    });
    const leftovers = new SplitLeftovers({
      isSplit: (shard) => this.map.isSplit(shard),
      isFirst: () => this.membership.living.every((node) => node.incarnation >= incarnation),
      list: (then) => this.holdings.descriptors.readAll(then),
      discard: (object) => this.holdings.all[0]?.shard.state.store.discard(object),
    });
    const custodies = () => this.holdings.all.map(({ custody }) => custody);
    this.orphans = new OrphanSweep(settings.orphans, custodies, leftovers, effects, tickMs);
    this.values = settings.log.spillBytesMin === Infinity ? null : new ValueSweep(settings.orphans, log, client, effects, tickMs);
    this.membership.begin(clusterId);
  }

  /** All shards that are here: opening, served, or on their way. */
  get shards(): readonly Shard[] {
    const { all } = this.holdings;
    if (this.#shardsOf !== all) {
      this.#shardsOf = all;
      this.#shards = all.map(({ shard }) => shard);
    }
    return this.#shards;
  }

  /** The living owner of a shard that is elsewhere; null where it is not known. */
  ownerOf(shard: number): LogId | null {
    const { owner } = this.map.of(shard);
    return owner !== null && this.#living.has(owner) && !this.#replaced.has(owner) ? owner : null;
  }

  /** The shard if it is served here at this moment. */
  serving(shard: number): Shard | null {
    return this.holdings.serving(shard);
  }

  /** Why a shard that is not here serves nobody. */
  refusalOf(shard: number): string | null {
    return this.holdings.refusalOf(shard);
  }

  /** Other nodes that live, as far as can be seen. */
  get peers(): readonly LogId[] {
    return [...this.#living];
  }

  /** Whoever is at the address of that incarnation is another one. */
  gone(peer: LogId): void {
    this.#replaced.add(peer);
    this.membership.lookSoon();
  }

  /** That incarnation has said something. */
  heard(from: LogId): void {
    this.#replaced.delete(from);
    if (this.membership.of(from) === null) this.membership.lookSoon();
  }

  send(to: LogId, frame: PeerFrame): void {
    this.#parts.effects.push({ kind: "peerSend", to, frame });
  }

  /** Who else is there, which shards should be here. Once a turn, before the shards' own turns. */
  turn(): void {
    this.membership.turn(this.#parts.tickMs());
    this.holdings.turn();
    this.holdings.descriptors.forgetFormers();
  }

  wakeAtMs(): number {
    return Math.min(this.membership.wakeAtMs, this.holdings.wakeAtMs(), this.delivery.wakeAtMs, this.log.wakeAtMs() ?? Infinity);
  }

  /** The shard that consumes a message: its target, or, where that was split, the part of it that has the entity. */
  #holderOf({ targetShard, to }: Message): number {
    return this.map.isSplit(targetShard) ? this.#parts.shardOf(to) : targetShard;
  }

  #looked(): void {
    const { ownNode, effects, lost } = this.#parts;
    const others = this.membership.living.filter(({ incarnation }) => incarnation !== ownNode.document.incarnation);
    const living = new Set(others.map(({ incarnation }) => incarnation));
    const before = this.#living;
    this.#living = living;
    for (const peer of before) if (!living.has(peer)) lost(peer);
    for (const peer of this.#replaced) if (!living.has(peer)) this.#replaced.delete(peer);
    if (before.size !== living.size || [...living].some((peer) => !before.has(peer))) {
      effects.push({ kind: "peersKnown", peers: others.map(({ incarnation, address }) => ({ incarnation, address })) });
    }
    for (const { document, hasRenewed, isSilent } of this.membership.others) {
      if (document.status !== "alive" || hasRenewed || isSilent || before.has(document.incarnation)) continue;
      effects.push({ kind: "watching", incarnation: document.incarnation });
    }
    this.#formatFloor.looked(this.membership.living, this.#parts.tickMs());
    this.holdings.changed();
  }

  /** The shard has another owner than was known: what waits for it goes there, and what was sent to it is sent again. */
  #moved(shard: number): void {
    this.delivery.moved(shard);
    const targets = [shard, ...this.map.ids.ancestorsOf(shard)];
    for (const { isOpen, shard: source } of this.holdings.all) {
      if (isOpen) for (const target of targets) source.restartStream(target, "now");
    }
    this.#parts.forwarding.moved(shard);
  }

  #opened(holdings: readonly Holding[], { records, bytes, oldestAtMs }: ReplaySize): void {
    const { forwarding, effects } = this.#parts;
    const nowMs = this.#parts.nowMs();
    const ageMs = Math.max(0, nowMs - Math.min(nowMs, oldestAtMs));
    this.upkeep.add(
      holdings.map(({ custody }) => custody),
      { records, bytes, ageMs },
      this.#parts.tickMs(),
    );
    for (const { shard } of holdings) shard.resend();
    for (const { shard } of holdings) forwarding.moved(shard.shard);
    effects.push({ kind: "shardsChanged", owned: this.holdings.all.length });
    this.holdings.changed();
  }

  #gone(shard: Shard, from: number | null): void {
    const { forwarding, effects } = this.#parts;
    this.upkeep.remove(shard.shard, from);
    this.delivery.forget(shard.shard);
    shard.takeStoreEffects(effects);
    for (const asked of shard.release()) forwarding.route(shard.shard, asked);
    effects.push({ kind: "shardsChanged", owned: this.holdings.all.length });
  }

  /** What is missing may have been removed by a next owner, of whom this incarnation has not heard (RULES.md 11). */
  #ifStillOwned(shard: number, epoch: number, then: () => void): void {
    const { client, tools, settings, end } = this.#parts;
    client.readAnew(shardKey(shard), (found) => {
      const standing = found === null ? null : tools.documentCodec.decodeDescriptor(found.body, this.clusterId);
      if (standing !== null && standing.owner === settings.incarnation && standing.epoch === epoch) return then();
      end({ kind: "fenced", message: `shard ${shard} has another owner` });
    });
  }

  #listed(descriptors: readonly ShardDescriptor[]): void {
    const { log } = this.log;
    const naming = new Set<number>();
    const keptFromByShard = new Map<number, number>();
    for (const descriptor of descriptors) {
      const { shard, owner, ranges } = descriptor;
      if (owner === log || ranges.some((range) => range.log === log)) naming.add(shard);
      const from = fromOf(log, rangesOf(descriptor));
      if (from < Infinity) keptFromByShard.set(shard, from);
    }
    this.upkeep.returned((shard) => naming.has(shard), keptFromByShard);
  }

  /** What shards see of this node. */
  #host(): ShardHost {
    const node = this;
    const { settings, tools, gate, dispatcher, effects, types } = this.#parts;
    return {
      limits: settings.shard,
      log: this.log,
      gate,
      refusedCommands: tools.refusedCommands,
      dispatcher,
      effects,
      get nowMs() {
        return node.#parts.nowMs();
      },
      get tickMs() {
        return node.#parts.tickMs();
      },
      typeOf: (name) => types.get(name),
      servedTo: (address) => types.servedTo(address),
      isOfCanary: (address) => types.isOfCanary(address),
      takeBack: (address) => types.takeBack(address),
      hashOf: (address) => types.hashOf(address),
      shardOf: (address) => node.#parts.shardOf(address),
      ids: this.map.ids,
      isSplit: (shard) => node.map.isSplit(shard),
      targetSeen: (target) => {
        const parent = node.map.ids.parentOf(target);
        if (parent !== null) node.map.split(parent);
      },
      send: (message, epoch, lowest) => {
        const half = node.#holderOf(message);
        const shard = node.holdings.taking(half);
        // Both entries lie in one log, whose prefix decides: it may be consumed before its birth is durable (RULES.md 9f).
        if (shard !== null) return shard.receive(message);
        if (node.holdings.isComing(half)) return false;
        // Only the directory knows where a half is of which nothing was heard: somebody else has split the shard.
        if (node.ownerOf(half) === null && !node.map.ids.isFirst(half)) node.holdings.descriptors.reread(half);
        return node.delivery.send(message, half, epoch, lowest);
      },
      acknowledge: ({ sourceShard, targetShard, number }) => {
        if (sourceShard === targetShard) return;
        const holding = node.holdings.of(sourceShard);
        if (holding !== null) holding.shard.acknowledged(targetShard, number);
        else node.delivery.acknowledge(sourceShard, targetShard, number);
      },
      holdBytes: (bytes) => node.#parts.holdMailboxes(bytes),
      ifStillOwned: (shard, epoch, then) => node.#ifStillOwned(shard, epoch, then),
    };
  }
}
