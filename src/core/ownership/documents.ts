/** The documents of the directory that say who owns what. Their byte form is src/protocol/record/document-codec.ts. */
import type { LogId } from "../log/record.js";
import type { SegmentReference } from "../store/segment-reference.js";

/** Written once, when the cluster is made: everything stored depends on it. */
export interface ClusterDocument {
  /** 16 random bytes, in every record, segment and document. */
  readonly clusterId: Uint8Array;
  readonly name: string;
  readonly shards: number;
  /** The lowest format that every record has; raised only when all nodes know the next (RULES.md 15d). */
  readonly recordFormatFloor: number;
}

/**
 * One incarnation. alive ──another's claim──> dead, or ──its own orderly stop──> closed. `base` only grows, and freezes
 * when the document is no longer alive (RULES.md 1).
 */
export interface NodeDocument {
  readonly incarnation: LogId;
  readonly status: "alive" | "dead" | "closed";
  /** Grows with every heartbeat. */
  readonly counter: number;
  /** The lowest position of this log that any shard still needs. */
  readonly base: number;
  /** Where the log ends: the position of its seal, once somebody has found or put it there. */
  readonly seal: number | null;
  readonly startedAtMs: number;
  /** When its owner last wrote this document, by the owner's clock: a sign of life. */
  readonly heardAtMs: number;
  /** `host:port` where others reach it, which is also its name; empty: it takes part in nothing but its own shards. */
  readonly address: string;
  /** Its share of the shards, compared with others'. */
  readonly capacity: number;
  /** It is about to stop: its shards go to others. */
  readonly isLeaving: boolean;
  /** The newest record format that it reads and writes (RULES.md 15d). */
  readonly recordFormat: number;
}

/** What operators have decided about placement. Lies among the node documents, so that one listing brings it along. */
export interface PlanDocument {
  /** Addresses of nodes that are to own nothing. */
  readonly drained: readonly string[];
  /** Shards that are to lie on the node of that address, as long as it lives. */
  readonly placed: readonly (readonly [shard: number, address: string])[];
  /** How often every shard of the cluster is to be split, all in all: the generation that is wanted. Absent: never. */
  readonly splits?: number;
}

export const NO_PLAN: PlanDocument = { drained: [], placed: [] };

/** A part of a former owner's log that the shard still needs: its entries of `epoch` at positions from..to-1. */
export interface ClosedRange {
  readonly log: LogId;
  readonly epoch: number;
  readonly from: number;
  readonly to: number;
}

/**
 * What a shard's segments were before its last flush: these, with the entries of the ranges applied in order, hold what the
 * present segments hold. Whoever cannot read those goes back to it and loses nothing (going-back.ts).
 */
export interface PreviousManifest {
  /** Newest first. */
  readonly segments: readonly SegmentReference[];
  readonly ranges: readonly ClosedRange[];
}

/**
 * What a split has left in a descriptor. One that came from a split means nothing until its parent's says that it is split:
 * the swap of the parent's is the moment of the split.
 */
export interface Lineage {
  /** The epoch in which its parent was split; null: it is of the first generation. */
  readonly parentEpoch: number | null;
  /** Its halves are in its place, for ever: it has no owner, no segments, no ranges. */
  readonly isSplit: boolean;
}

/** Who owns a shard, and where its state lies: segments, then closed ranges in order, then the owner's log behind `covered`. */
export interface ShardDescriptor {
  readonly shard: number;
  readonly epoch: number;
  readonly owner: LogId | null;
  /** The position of the owner's log up to which the segments hold everything. */
  readonly covered: number;
  readonly ranges: readonly ClosedRange[];
  /** Newest first. */
  readonly segments: readonly SegmentReference[];
  /** Everything that it names is kept as long as it is here. Null: there is none yet, or it was let go. */
  readonly previous: PreviousManifest | null;
  /** Absent: it is of the first generation, and not split. */
  readonly lineage?: Lineage;
}

/** How the core sees the byte forms; throws MalformedBytes, or NewerFormat for what a newer version has written. */
export interface DocumentCodec {
  encodeCluster(document: ClusterDocument): Uint8Array;
  decodeCluster(body: Uint8Array): ClusterDocument;
  encodeNode(document: NodeDocument, clusterId: Uint8Array): Uint8Array;
  decodeNode(body: Uint8Array, clusterId: Uint8Array): NodeDocument;
  encodePlan(document: PlanDocument, clusterId: Uint8Array): Uint8Array;
  decodePlan(body: Uint8Array, clusterId: Uint8Array): PlanDocument;
  encodeDescriptor(document: ShardDescriptor, clusterId: Uint8Array): Uint8Array;
  decodeDescriptor(body: Uint8Array, clusterId: Uint8Array): ShardDescriptor;
}

export class NewerFormat extends Error {
  override readonly name = "NewerFormat";
}

export const CLUSTER_KEY = "cluster";
export const NODE_PREFIX = "node/";
export const SHARD_PREFIX = "shard/";
/** No incarnation has this name. */
export const PLAN_KEY = `${NODE_PREFIX}plan`;

export function nodeKey(incarnation: LogId): string {
  return `${NODE_PREFIX}${incarnation}`;
}

/** Null where the key is no shard's. */
export function shardOfKey(key: string): number | null {
  const digits = key.startsWith(SHARD_PREFIX) ? key.slice(SHARD_PREFIX.length) : "";
  return /^\d{6,15}$/.test(digits) ? Number(digits) : null;
}

/** Sorts by number. */
export function shardKey(shard: number): string {
  return `${SHARD_PREFIX}${String(shard).padStart(6, "0")}`;
}
