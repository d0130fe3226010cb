/** The shards of a cluster as the directory has them, for commands that look at what is stored without being a router. */
import { CLUSTER_KEY, SHARD_PREFIX, type ShardDescriptor } from "../../core/ownership/documents.js";
import type { DirectoryPort, DocumentListOutcome, DocumentReadOutcome } from "../../ports/directory.js";
import { documentCodec } from "../../protocol/record/document-codec.js";

export interface StoredShards {
  readonly clusterId: Uint8Array;
  readonly shards: readonly StoredShard[];
}

export interface StoredShard {
  readonly key: string;
  readonly token: string;
  readonly descriptor: ShardDescriptor;
}

/** A store that should have answered has not: the same again may work. */
export class StoreFailed extends Error {
  override readonly name = "StoreFailed";
}

/** Null where no cluster has been made yet. */
export async function storedShards(directory: DirectoryPort): Promise<StoredShards | null> {
  const cluster = answered(await directory.read(CLUSTER_KEY));
  if (cluster.kind === "absent") return null;
  const { clusterId } = documentCodec.decodeCluster(cluster.document.body);
  const { documents, damaged: [damaged] = [] } = answered(await directory.list(SHARD_PREFIX));
  if (damaged !== undefined) throw new Error(damaged.message);
  const shards = documents.map(({ key, document: { token, body } }) => ({
    key,
    token,
    descriptor: documentCodec.decodeDescriptor(body, clusterId),
  }));
  return { clusterId, shards };
}

export function answered<Outcome extends DocumentReadOutcome | DocumentListOutcome>(
  outcome: Outcome,
): Exclude<Outcome, { readonly kind: "failed" }> {
  if (outcome.kind === "failed") throw new StoreFailed(outcome.message);
  return outcome as Exclude<Outcome, { readonly kind: "failed" }>;
}
