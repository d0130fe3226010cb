/** `/v1/cluster`: who is there and who owns what, as this router sees it; and what operators decide about it. */
import type { ClusterView } from "../../core/core-snapshot.js";
import { SHARDS_MAX } from "../../core/ownership/shard-ids.js";
import type { ClusterPlan, PlanChange } from "../cluster-plan.js";
import type { Exchange } from "../ingress/exchange.js";
import type { Refusal } from "../ingress/problem-document.js";
import { badRequest, withBody } from "./admin-body.js";
import { respondJson } from "./admin-reply.js";

export interface ClusterAdmin {
  readonly plan: ClusterPlan;
  /** Null until the router has joined its cluster. */
  view(): ClusterView | null;
}

export function showCluster(exchange: Exchange, { view }: ClusterAdmin): Refusal | null {
  const seen = view();
  if (seen === null) return notJoined();
  respondJson(exchange, 200, JSON.stringify(viewOf(seen)));
  return null;
}

/** Body: `{"node", "undo"}`. */
export function drainNode(exchange: Exchange, admin: ClusterAdmin): null {
  withBody(exchange, ({ node, undo }) => {
    if (typeof node !== "string" || node === "")
      return badRequest("'node' is a node's address, as the cluster's status shows it");
    if (undo !== undefined && typeof undo !== "boolean") return badRequest("'undo' is true or false");
    const seen = admin.view();
    if (seen === null) return notJoined();
    if (undo !== true && !seen.nodes.some(({ document }) => document.address === node)) return noSuchNode(node);
    answerWith(exchange, admin.plan.drain(node, undo !== true));
    return null;
  });
  return null;
}

/** Body: `{"shard", "node"}`; without a node the shard falls where it falls by itself. */
export function moveShard(exchange: Exchange, admin: ClusterAdmin): null {
  withBody(exchange, ({ shard, node = null }) => {
    const seen = admin.view();
    if (seen === null) return notJoined();
    const isPlaced = seen.plan.placed.some(([placed]) => placed === shard);
    if (typeof shard !== "number" || !(isPlaced || seen.shards.some((one) => one.shard === shard))) {
      return badRequest("'shard' is the number of a shard, as the cluster's status shows it");
    }
    if (node !== null && typeof node !== "string") return badRequest("'node' is a node's address, or null");
    if (node !== null && !seen.nodes.some(({ document, isLiving }) => isLiving && document.address === node))
      return noSuchNode(node);
    answerWith(exchange, admin.plan.move(shard, node));
    return null;
  });
  return null;
}

/** Every shard is halved, one after the other, while everything runs. No body. */
export function splitShards(exchange: Exchange, admin: ClusterAdmin): Refusal | null {
  const seen = admin.view();
  if (seen === null) return notJoined();
  const { splits = 0 } = seen.plan;
  const left = seen.shards.filter(({ generation }) => generation < splits).length;
  if (left > 0) {
    const detail = `the split before is not done: ${left} shards are still to be halved`;
    return { code: "split_unfinished", detail, retryAfterMs: 5_000 };
  }
  if (!seen.isSplitAllowed) {
    const detail = `there are ${seen.shards.length} shards, and a cluster may have no more than ${SHARDS_MAX}`;
    return { code: "too_many_shards", detail };
  }
  answerWith(exchange, admin.plan.split(splits));
  return null;
}

function viewOf({ incarnation, nodes, plan, shards, moves, heartbeatAgeMs }: ClusterView): object {
  const addressByLog = new Map(nodes.map(({ document }) => [document.incarnation, document.address]));
  const named = (owner: string | null): object | null =>
    owner === null ? null : { incarnation: owner, address: addressByLog.get(owner) ?? null };
  return {
    incarnation,
    nodes: nodes.map(({ document, isLiving }) => ({
      incarnation: document.incarnation,
      address: document.address,
      status: document.status,
      isLiving,
      isLeaving: document.isLeaving,
      isDrained: plan.drained.includes(document.address),
      capacity: document.capacity,
      recordFormat: document.recordFormat,
      startedAt: new Date(document.startedAtMs).toISOString(),
      shards: shards.filter(({ owner }) => owner === document.incarnation).length,
    })),
    shards: shards.map(({ shard, generation, epoch, owner, desired }) => ({
      shard,
      generation,
      epoch,
      owner: named(owner),
      desired: named(desired),
    })),
    splits: plan.splits ?? 0,
    placed: plan.placed.map(([shard, node]) => ({ shard, node })),
    drained: plan.drained,
    moves,
    heartbeatAgeMs,
  };
}

function answerWith(exchange: Exchange, changing: Promise<PlanChange>): void {
  changing.then(
    (change) => {
      if (change.kind === "failed") return exchange.refuse({ code: "directory_failed", detail: change.message });
      if (change.kind === "outrun") {
        const detail = "somebody else has asked for a split a moment ago";
        return exchange.refuse({ code: "split_unfinished", detail, retryAfterMs: 5_000 });
      }
      const { drained, splits = 0 } = change.plan;
      const placed = change.plan.placed.map(([shard, node]) => ({ shard, node }));
      respondJson(exchange, 200, JSON.stringify({ drained, placed, splits }));
    },
    (error: unknown) => exchange.refuse({ code: "internal_error", detail: `the plan was not changed: ${String(error)}` }),
  );
}

function noSuchNode(node: string): Refusal {
  return {
    code: "node_not_found",
    detail: `no living node has the address '${node.slice(0, 200)}'; 'holdfast cluster status' shows them`,
  };
}

function notJoined(): Refusal {
  return { code: "starting", detail: "the router has not joined its cluster yet", retryAfterMs: 1_000 };
}
