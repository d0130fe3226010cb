/**
 * Which node should own which shard: the same answer on every node that sees the same members and the same plan, so nobody
 * has to decide it for the others. Rendezvous hashing, weighted: each shard goes to the node with the highest score for it,
 * so a node that comes or goes moves no shards but those that it gets or had. A node that has its share already is passed
 * over, or chance would give one node half as many again as another.
 *
 * Weighted scores: Schindelhauer and Schomaker, "Weighted distributed hash tables" (2005); -weight / ln(hash).
 */
import { murmur3 } from "../bytes/murmur3.js";
import { encodeUtf8 } from "../bytes/utf8.js";
import type { LogId } from "../log/record.js";
import type { NodeDocument, PlanDocument } from "./documents.js";
import type { ShardIds } from "./shard-ids.js";

/** How much more than its share a node may have before it is passed over: less moves more shards at every change. */
const SHARE_EXCESS = 1.1;

/** The desired owner of each shard; null where no node may own any. `nodes`: those that live. `shards`: those that there are. */
export function place(
  nodes: readonly NodeDocument[],
  plan: PlanDocument,
  shards: readonly number[],
  ids: ShardIds,
): ReadonlyMap<number, LogId | null> {
  const members = membersOf(nodes, plan);
  if (members.length === 0) return new Map(shards.map((shard) => [shard, null]));
  const owners = new Map<number, LogId | null>();
  const capacity = members.reduce((sum, member) => sum + member.capacity, 0);
  const roomByMember = new Map(
    members.map((member) => {
      const share = (shards.length * member.capacity) / capacity;
      return [member, Math.max(Math.ceil(share), Math.floor(share * SHARE_EXCESS))] as const;
    }),
  );
  const placed = new Map(plan.placed);
  for (const shard of shards) {
    const wish = placed.size === 0 ? undefined : wishFor(shard, placed, ids);
    const wished = members.find(({ name }) => name === wish);
    const best = wished ?? bestOf(members, roomByMember, ids.placementOf(shard));
    roomByMember.set(best, (roomByMember.get(best) ?? 0) - 1);
    owners.set(shard, best.incarnation);
  }
  return owners;
}

/** What was decided for a shard is meant for what it was split into, too. */
function wishFor(shard: number, placed: ReadonlyMap<number, string>, ids: ShardIds): string | undefined {
  const own = placed.get(shard);
  if (own !== undefined) return own;
  for (const ancestor of ids.ancestorsOf(shard)) {
    const wish = placed.get(ancestor);
    if (wish !== undefined) return wish;
  }
  return undefined;
}

interface Member {
  readonly incarnation: LogId;
  readonly name: string;
  readonly capacity: number;
  readonly hash: number;
}

/**
 * In an order that all see alike. Who is drained owns something only where nobody else is left; who leaves, nothing. Nodes
 * that cannot be reached by others cannot share: the one that began first has all.
 */
function membersOf(nodes: readonly NodeDocument[], plan: PlanDocument): readonly Member[] {
  const staying = nodes.filter(({ isLeaving }) => !isLeaving);
  const wanted = staying.filter(({ address }) => !plan.drained.includes(address));
  const candidates = wanted.length > 0 ? wanted : staying;
  const reachable = candidates.filter(({ address }) => address !== "");
  const eligible =
    reachable.length > 0 ? reachable : [...candidates].sort((left, right) => (beganBefore(left, right) ? -1 : 1)).slice(0, 1);
  return newestByName(eligible)
    .map(({ incarnation, address, capacity }) => {
      const name = nameOf(incarnation, address);
      return { incarnation, name, capacity: Math.max(1, capacity), hash: murmur3(encodeUtf8(name)) };
    })
    .sort((left, right) => (left.name < right.name ? -1 : 1));
}

function nameOf(incarnation: LogId, address: string): string {
  return address === "" ? incarnation : address;
}

/** A process that starts anew at the same address takes the place of its former incarnation, and so its shards. */
function newestByName(nodes: readonly NodeDocument[]): readonly NodeDocument[] {
  const newest = new Map<string, NodeDocument>();
  for (const node of nodes) {
    const name = nameOf(node.incarnation, node.address);
    const known = newest.get(name);
    if (known === undefined || beganBefore(known, node)) newest.set(name, node);
  }
  return [...newest.values()];
}

function beganBefore(one: NodeDocument, other: NodeDocument): boolean {
  if (one.startedAtMs !== other.startedAtMs) return one.startedAtMs < other.startedAtMs;
  return one.incarnation < other.incarnation;
}

function bestOf(members: readonly Member[], roomByMember: ReadonlyMap<Member, number>, shard: number): Member {
  let best: Member | null = null;
  let bestScore = -1;
  for (const member of members) {
    if ((roomByMember.get(member) ?? 0) <= 0) continue;
    const score = member.capacity / -Math.log(unit(mixed(member.hash, shard)));
    if (score <= bestScore) continue;
    best = member;
    bestScore = score;
  }
  // The rooms together are more than the shards, unless the plan has filled some beyond theirs.
  return best ?? (members[shard % members.length] as Member);
}

/** Between 0 and 1, neither of them. */
function unit(hash: number): number {
  return (hash + 0.5) / 2 ** 32;
}

/** One hash of the two: the finalizer of MurmurHash3, which spreads neighbours. */
function mixed(hash: number, shard: number): number {
  let mix = (hash ^ Math.imul(shard + 1, 0x9e3779b1)) >>> 0;
  mix = Math.imul(mix ^ (mix >>> 16), 0x85ebca6b) >>> 0;
  mix = Math.imul(mix ^ (mix >>> 13), 0xc2b2ae35) >>> 0;
  return (mix ^ (mix >>> 16)) >>> 0;
}
