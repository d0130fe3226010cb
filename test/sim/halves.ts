/**
 * Which descriptors are in force. Those of a shard's halves are written before it is split, perhaps more than once, and mean
 * nothing until its own descriptor says that it is: that one swap brings all three into force (docs/decisions/splitting.md).
 */
import type { ShardDescriptor } from "../../src/core/ownership/documents.js";
import { ShardIds } from "../../src/core/ownership/shard-ids.js";

export class Halves {
  readonly #ids: ShardIds;
  readonly #split = new Set<number>();
  readonly #prepared = new Map<number, ShardDescriptor>();

  constructor(shards: number) {
    this.#ids = new ShardIds(shards);
  }

  /** What a descriptor that has come to stand brings into force: itself, itself and its halves, or nothing yet. */
  inForceWith(descriptor: ShardDescriptor): readonly ShardDescriptor[] {
    const { shard, lineage } = descriptor;
    const parent = this.#ids.parentOf(shard);
    if (parent !== null && !this.#split.has(parent)) {
      this.#prepared.set(shard, descriptor);
      return [];
    }
    if (lineage?.isSplit !== true || this.#split.has(shard)) return [descriptor];
    this.#split.add(shard);
    return [descriptor, ...this.#ids.childrenOf(shard).flatMap((child) => this.#prepared.get(child) ?? [])];
  }
}
