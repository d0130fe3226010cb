/** Figures of a core, for metrics and the status page. */
import type { MemoryBudget } from "./admission/memory-budget.js";
import type { CommandCounts, CommandTally } from "./deployment/command-tally.js";
import type { Dispatcher } from "./dispatch/dispatcher.js";
import type { JoinedNode } from "./joined-node.js";
import type { Gate } from "./log/gate.js";
import type { LogId } from "./log/record.js";
import type { NodeDocument, PlanDocument } from "./ownership/documents.js";
import type { OwnNode } from "./ownership/own-node.js";
import type { Forwarding } from "./peers/forwarding.js";
import type { Served } from "./peers/served.js";
import type { ShardQueues } from "./shard/shard.js";
import type { CacheBudget } from "./store/cache-budget.js";
import type { ShardStore } from "./store/shard-store.js";

export type Phase = "claiming" | "replaying" | "open" | "stopping" | "ended";

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
  /** Requests under way at other nodes or waiting for their shard, all that were ever sent, and those of others that are served here. */
  readonly forwarding: { readonly open: number; readonly sent: number; readonly served: number };
  /** Null until the incarnation has joined its cluster. */
  readonly cluster: ClusterView | null;
}

/** The cluster as this node sees it. */
export interface ClusterView {
  readonly incarnation: LogId;
  /** This node first. */
  readonly nodes: readonly { readonly document: NodeDocument; readonly isLiving: boolean }[];
  readonly plan: PlanDocument;
  readonly planToken: string | null;
  readonly clusterId: Uint8Array;
  /** Those that there are: in place of each that was split its halves. */
  readonly shards: readonly ShardView[];
  /** Whether there may be twice as many as the plan wants. */
  readonly isSplitAllowed: boolean;
  readonly moves: { readonly takenOver: number; readonly handedOff: number };
  /** How long ago this node's own heartbeat was last confirmed, in ms; null: never. */
  readonly heartbeatAgeMs: number | null;
}

export interface ShardView {
  readonly shard: number;
  /** How often it was split off. */
  readonly generation: number;
  readonly epoch: number;
  readonly owner: LogId | null;
  /** Who should own it. */
  readonly desired: LogId | null;
}

export interface SnapshotParts {
  readonly phase: Phase;
  /** Null until the incarnation has joined its cluster. */
  readonly node: JoinedNode | null;
  readonly ownNode: OwnNode;
  readonly gate: Gate;
  readonly memory: MemoryBudget;
  readonly cache: CacheBudget;
  readonly dispatcher: Dispatcher;
  readonly tally: CommandTally;
  readonly forwarding: Forwarding;
  readonly served: Served;
  readonly queues: readonly ShardQueues[];
  readonly tickMs: number;
}

export function snapshotOf(parts: SnapshotParts): CoreSnapshot {
  const { node, gate, dispatcher, tally, forwarding, served, tickMs } = parts;
  const log = node?.log;
  const shards = node?.shards ?? [];
  return {
    phase: parts.phase,
    shards: shards.length,
    durablePosition: log?.durable ?? 0,
    lastPosition: log?.last ?? 0,
    appendDepth: log?.depth ?? 0,
    durableLagMs: log?.lagMs(tickMs) ?? 0,
    uncommittedBytes: log?.uncommittedBytes ?? 0,
    tailBytes: node?.upkeep.tailBytes ?? 0,
    tailRecords: node?.upkeep.tailRecords ?? 0,
    flushing: node?.upkeep.flushing ?? 0,
    gateHeld: gate.held,
    slots: shards.reduce((sum, shard) => sum + shard.slotCount, 0),
    queues: parts.queues,
    outbox: shards.reduce((sum, shard) => sum + shard.state.outbox.size, 0),
    deadLetters: shards.reduce((sum, shard) => sum + shard.deadLettersMade, 0),
    refusedShards: node?.holdings.refused ?? [],
    memory: parts.memory,
    cache: parts.cache,
    stores: shards.map((shard) => shard.state.store.statistics),
    dispatch: dispatcher.snapshot(),
    commands: tally.byDeployment,
    forwarding: { open: forwarding.open, sent: forwarding.sent, served: served.open },
    cluster: node === null ? null : clusterView(node, parts.ownNode),
  };
}

function clusterView(node: JoinedNode, ownNode: OwnNode): ClusterView {
  const { membership, map, holdings } = node;
  const others = membership.others.map(({ document }) => ({ document, isLiving: membership.isLiving(document.incarnation) }));
  return {
    incarnation: ownNode.document.incarnation,
    nodes: [{ document: ownNode.document, isLiving: true }, ...others],
    plan: membership.plan,
    planToken: membership.planToken,
    clusterId: node.clusterId,
    shards: map.leaves.map((shard) => {
      const { epoch, owner } = map.of(shard);
      return { shard, generation: map.ids.generationOf(shard), epoch, owner, desired: holdings.desired(shard) };
    }),
    isSplitAllowed: map.ids.isAllowed((membership.plan.splits ?? 0) + 1),
    moves: holdings.statistics,
    heartbeatAgeMs: ownNode.heartbeatAgeMs,
  };
}
