/**
 * `holdfast shards restore --previous`: shards whose present segments cannot be read go back to the manifest before, if all
 * is there that it needs: its segments, whole, and every record of its ranges. The next start replays them, and nothing is lost.
 * The swap is conditional on the descriptor that was looked at: whoever claims the shard meanwhile keeps it.
 */
import type { ClosedRange, NodeDocument, ShardDescriptor } from "../../core/ownership/documents.js";
import { nodeKey } from "../../core/ownership/documents.js";
import { type GoingBackCode, goneBack } from "../../core/ownership/going-back.js";
import type { SegmentReference } from "../../core/store/segment-reference.js";
import { documentCodec } from "../../protocol/record/document-codec.js";
import { openAnsweringStorage, type Storage, type StorageSettings } from "./storage.js";
import { type Damage, type DamageCode, damageOfRange, damageOfSegments } from "./stored-damage.js";
import { answered, type StoredShard, StoreFailed, storedShards } from "./stored-shards.js";

export type ShardRestored = { readonly shard: number } & (
  | { readonly outcome: "fine" }
  | {
      readonly outcome: "restored";
      /** What was wrong with the present manifest; null: it was not looked at, because the shard was named. */
      readonly damage: Damage | null;
      /** Segments that the shard has now, and how many positions of logs the next start will read for it. */
      readonly segments: number;
      readonly positions: number;
      /** Objects that no manifest names any more. */
      readonly dropped: readonly string[];
    }
  | { readonly outcome: "impossible"; readonly code: RestoreCode; readonly message: string; readonly damage: Damage | null }
);

export type RestoreCode = GoingBackCode | DamageCode | "shard_unknown";

/** `named`: these shards go back, whatever state they are in; null: each whose present manifest cannot be read. */
export async function* restorePrevious(
  settings: StorageSettings,
  named: readonly number[] | null,
): AsyncGenerator<ShardRestored> {
  const storage = await openAnsweringStorage(settings);
  try {
    const stored = await storedShards(storage.directory);
    const clusterId = stored?.clusterId ?? new Uint8Array(0);
    const shards = stored?.shards ?? [];
    for (const shard of named ?? []) {
      if (shards.some(({ descriptor }) => descriptor.shard === shard)) continue;
      yield { shard, outcome: "impossible", code: "shard_unknown", message: `there is no shard ${shard}`, damage: null };
    }
    const restoring = new Restoring(storage, clusterId);
    for (const stored of shards) {
      const { shard, segments } = stored.descriptor;
      if (named !== null && !named.includes(shard)) continue;
      const damage = named === null ? await damageOfSegments(storage.snapshots, clusterId, segments) : null;
      if (named === null && damage === null) yield { shard, outcome: "fine" };
      else yield await restoring.restore(stored, damage);
    }
  } finally {
    await storage.close();
  }
}

class Restoring {
  readonly #storage: Storage;
  readonly #clusterId: Uint8Array;

  constructor(storage: Storage, clusterId: Uint8Array) {
    this.#storage = storage;
    this.#clusterId = clusterId;
  }

  async restore({ key, token, descriptor }: StoredShard, damage: Damage | null): Promise<ShardRestored> {
    const { shard } = descriptor;
    const result = goneBack(descriptor, await this.#ownerOf(descriptor));
    if (result.kind === "impossible") {
      return { shard, outcome: "impossible", code: result.code, message: result.message, damage };
    }
    const next = result.descriptor;
    const missing = await this.#missingTo(next);
    if (missing !== null) return { shard, outcome: "impossible", code: missing.code, message: missing.message, damage };
    const body = documentCodec.encodeDescriptor(next, this.#clusterId);
    const swapped = await this.#storage.directory.swap(key, token, { token: `${token}.back`, body });
    if (swapped.kind === "unknown") throw new StoreFailed(swapped.message);
    if (swapped.kind === "conflict") {
      const message = `shard ${shard} has been changed meanwhile: a router runs`;
      return { shard, outcome: "impossible", code: "shard_owned", message, damage };
    }
    const dropped = objectsOf(descriptor.segments).filter((object) => !objectsOf(next.segments).includes(object));
    return { shard, outcome: "restored", damage, segments: next.segments.length, positions: lengthOf(next.ranges), dropped };
  }

  async #ownerOf({ owner }: ShardDescriptor): Promise<NodeDocument | null> {
    if (owner === null) return null;
    const found = answered(await this.#storage.directory.read(nodeKey(owner)));
    return found.kind === "absent" ? null : documentCodec.decodeNode(found.document.body, this.#clusterId);
  }

  async #missingTo({ shard, segments, ranges }: ShardDescriptor): Promise<Damage | null> {
    const { journal, snapshots } = this.#storage;
    const damage = await damageOfSegments(snapshots, this.#clusterId, segments);
    if (damage !== null) return damage;
    for (const range of ranges) {
      const missing = await damageOfRange(journal, snapshots, this.#clusterId, shard, range);
      if (missing !== null) return missing;
    }
    return null;
  }
}

function objectsOf(segments: readonly SegmentReference[]): readonly string[] {
  return segments.map(({ object }) => object);
}

function lengthOf(ranges: readonly ClosedRange[]): number {
  return ranges.reduce((sum, { from, to }) => sum + to - from, 0);
}
