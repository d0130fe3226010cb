/** Who owns which shard, read from the directory itself, past the nodes and their proxies; and entities that lie in a shard. */
import { BY_ENTITY, placementHash, shardOfHash } from "../../../src/core/entity/address.js";
import { CLUSTER_KEY, NODE_PREFIX, type NodeDocument, PLAN_KEY, SHARD_PREFIX } from "../../../src/core/ownership/documents.js";
import { DynamoDirectory } from "../../../src/directory-dynamo/dynamo-directory.js";
import { NO_METER } from "../../../src/ports/request-meter.js";
import { documentCodec } from "../../../src/protocol/record/document-codec.js";
import { realClock } from "../../contract/real-clock.js";
import { until } from "../../e2e/world.js";
import type { RouterCluster } from "../cluster/router-cluster.js";
import type { RouterNode } from "../cluster/router-node.js";
import { Tally } from "../functions/contracts.js";

/** Moves are paced, and a node that comes back takes its shards one after the other. */
const BALANCED_WITHIN_MS = 90_000;
/** Of an even share, what every node has where nothing is being moved: placement is even by chance only. */
const LEAST_SHARE = 0.5;

export class Ownership {
  readonly #cluster: RouterCluster;
  readonly #directory: DynamoDirectory;

  private constructor(cluster: RouterCluster, directory: DynamoDirectory) {
    this.#cluster = cluster;
    this.#directory = directory;
  }

  static async open(cluster: RouterCluster): Promise<Ownership> {
    const { endpoint, table, cluster: name } = cluster.directory;
    const aws = { region: null, endpoint, credentials: null };
    const directory = await DynamoDirectory.open({ aws, table, cluster: name, clock: realClock, meter: NO_METER });
    return new Ownership(cluster, directory);
  }

  close(): Promise<void> {
    return this.#directory.close();
  }

  /** By shard; null: nobody that is known. Where one node serves at a time, all are that one's. */
  async owners(): Promise<readonly (RouterNode | null)[]> {
    const clusterId = await this.#clusterId();
    const newest = new Map<RouterNode, NodeDocument>();
    for (const { body, key } of await this.#list(NODE_PREFIX)) {
      if (key === PLAN_KEY) continue; // it lies among the nodes' documents
      const document = documentCodec.decodeNode(body, clusterId);
      const node = this.#cluster.nodes.find(({ advertisedPort }) => document.address.endsWith(`:${advertisedPort}`));
      // A node that was killed and is back has a document of its former life, too.
      if (node !== undefined && document.startedAtMs >= (newest.get(node)?.startedAtMs ?? 0)) newest.set(node, document);
    }
    const nodeByIncarnation = new Map([...newest].map(([node, { incarnation }]) => [incarnation, node]));
    const owners: (RouterNode | null)[] = [];
    for (const { body } of await this.#list(SHARD_PREFIX)) {
      const { shard, owner } = documentCodec.decodeDescriptor(body, clusterId);
      owners[shard] = owner === null ? null : (nodeByIncarnation.get(owner) ?? null);
    }
    if (nodeByIncarnation.size > 0) return owners;
    const [only = null] = await this.#cluster.ready();
    return owners.map((): RouterNode | null => only);
  }

  async shardsOf(node: RouterNode): Promise<readonly number[]> {
    const owners = await this.owners();
    return owners.flatMap((owner, shard) => (owner === node ? [shard] : []));
  }

  /** Until all of these nodes are ready and own all shards, each of them at least so much of an even share. */
  balanced(nodes: readonly RouterNode[], leastShare = LEAST_SHARE): Promise<void> {
    const { shards } = this.#cluster;
    return until(async () => {
      const areReady = await Promise.all(nodes.map((node) => node.isReady()));
      const owners = await this.owners().catch(() => []);
      const counts = nodes.map((node) => owners.filter((owner) => owner === node).length);
      const owned = counts.reduce((sum, count) => sum + count, 0);
      return areReady.every(Boolean) && owned === shards && Math.min(...counts) >= (leastShare * shards) / nodes.length;
    }, BALANCED_WITHIN_MS);
  }

  /** The owners of all shards, once they are balanced. */
  async balancedOwners(nodes: readonly RouterNode[], leastShare?: number): Promise<readonly (RouterNode | null)[]> {
    await this.balanced(nodes, leastShare);
    return this.owners();
  }

  async #clusterId(): Promise<Uint8Array> {
    const outcome = await this.#directory.read(CLUSTER_KEY);
    if (outcome.kind !== "found") throw new Error(`the cluster's document: ${outcome.kind}`);
    return documentCodec.decodeCluster(outcome.document.body).clusterId;
  }

  async #list(prefix: string): Promise<readonly { readonly key: string; readonly body: Uint8Array }[]> {
    const outcome = await this.#directory.list(prefix);
    if (outcome.kind !== "listed") throw new Error(`documents at ${prefix}: ${outcome.message}`);
    return outcome.documents.map(({ key, document }) => ({ key, body: document.body }));
  }
}

/** Ids of tallies, so many for each shard. */
export function idsByShard(shards: number, each: number, prefix: string): readonly (readonly string[])[] {
  const ids: string[][] = Array.from({ length: shards }, () => []);
  for (let number = 0, found = 0; found < shards * each; number++) {
    const id = `${prefix}${number}`;
    const inShard = ids[shardOfHash(placementHash({ type: Tally.type, id }, BY_ENTITY), shards)];
    if (inShard === undefined || inShard.length === each) continue;
    inShard.push(id);
    found++;
  }
  return ids;
}
