/** `/v1/cluster`, as the admin API of either version shows it. */
import type { RouterNode } from "./router-node.js";

interface NodeName {
  readonly incarnation: string;
}

export interface ClusterView {
  readonly nodes: readonly { readonly address: string; readonly isLiving: boolean }[];
  readonly shards: readonly {
    readonly shard: number;
    /** A version that knows no splits does not show it. */
    readonly generation?: number;
    readonly owner: NodeName | null;
    readonly desired: NodeName | null;
  }[];
  readonly splits?: number;
  readonly drained: readonly string[];
}

/** Null: it does not answer, or has not joined. */
export async function viewOf(node: RouterNode): Promise<ClusterView | null> {
  const answer = await node.admin("/v1/cluster").catch(() => null);
  return answer?.status === 200 ? (JSON.parse(answer.text) as ClusterView) : null;
}

/** Shards that are still to be halved. */
export function wholeIn({ shards, splits = 0 }: ClusterView): number {
  return shards.filter(({ generation = 0 }) => generation < splits).length;
}

/**
 * What is not as it should be once everything has settled: `shards` is how many the cluster was made with, `splits` how many were
 * accepted; one more may have been, whose answer came too late.
 */
export function unsettledIn(name: string, view: ClusterView, shards: number, splits: number): readonly string[] {
  const found: string[] = [];
  const { splits: shown = 0, drained } = view;
  const wanted = shards * 2 ** shown;
  if (shown < splits) found.push(`${name}: knows of ${shown} splits, and ${splits} were accepted`);
  if (wholeIn(view) > 0) found.push(`${name}: ${wholeIn(view)} shards are still to be halved`);
  if (view.shards.length !== wanted) found.push(`${name}: there are ${view.shards.length} shards, and there should be ${wanted}`);
  const astray = view.shards.filter(({ owner, desired }) => owner === null || owner.incarnation !== desired?.incarnation);
  if (astray.length > 0) found.push(`${name}: not where they should be: shards ${astray.map(({ shard }) => shard).join(", ")}`);
  if (drained.length > 0) found.push(`${name}: still drained: ${drained.join(", ")}`);
  return found;
}
