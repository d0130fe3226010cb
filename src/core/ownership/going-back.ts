/**
 * Going back to a shard's previous manifest, where segments of the present one are lost: its segments, and then, in order, every
 * range of a log that anything behind them lies in. Whoever claims the shard next replays them, so that nothing is lost. It is
 * an operator's decision, taken while nobody owns the shard.
 */
import type { ClosedRange, NodeDocument, ShardDescriptor } from "./documents.js";

export type GoingBack =
  | { readonly kind: "possible"; readonly descriptor: ShardDescriptor }
  | { readonly kind: "impossible"; readonly code: GoingBackCode; readonly message: string };

export type GoingBackCode = "shard_owned" | "previous_missing";

/** `owner`: the document of the descriptor's owner; null where it has none, or is none. */
export function goneBack(descriptor: ShardDescriptor, owner: NodeDocument | null): GoingBack {
  const { shard, epoch, previous, ranges, lineage } = descriptor;
  if (previous === null) {
    return impossible("previous_missing", `shard ${shard} has no previous manifest: there was none, or it was let go`);
  }
  // Without a document nothing of its owner's epoch exists (RULES.md 15k).
  if (owner !== null && (owner.status === "alive" || owner.seal === null)) {
    const what = owner.status === "alive" ? "is not known to have ended" : "has no known end of its log";
    return impossible("shard_owned", `shard ${shard} is owned by '${owner.incarnation}', which ${what}`);
  }
  return {
    kind: "possible",
    descriptor: {
      shard,
      // Whatever its last owner still has on its way cannot land any more (RULES.md 7).
      epoch: epoch + 1,
      owner: null,
      covered: 0,
      ranges: [...previous.ranges, ...ranges, ...openRange(descriptor, owner)],
      segments: previous.segments,
      previous: null,
      ...(lineage === undefined ? {} : { lineage }),
    },
  };
}

/** What its last owner left behind `covered`, up to its seal. */
export function openRange({ owner, epoch, covered }: ShardDescriptor, node: NodeDocument | null): readonly ClosedRange[] {
  if (owner === null || node === null || node.seal === null) return [];
  const from = Math.max(covered + 1, node.base);
  return from >= node.seal ? [] : [{ log: owner, epoch, from, to: node.seal }];
}

function impossible(code: GoingBackCode, message: string): GoingBack {
  return { kind: "impossible", code, message };
}
