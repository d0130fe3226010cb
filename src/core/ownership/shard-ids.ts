/**
 * Ids of shards through all splits: plain numbers, never given twice. Generation g cuts the ring into N·2^g ranges, N being
 * the shards that the cluster was made with; the id of range i of generation g is (2^g - 1)·N + i. So ids of generation 0
 * are those of a cluster that was never split, and parent, children and hash range of a shard are arithmetic.
 *
 * Persisted in descriptors, entries, names of objects: frozen.
 */
import { shardOfHash } from "../entity/address.js";
import type { HashRange } from "../store/key-spaces/hash-range.js";

/** Shards that a cluster may have at one time: what every node holds of each, and reads at its start, is bounded by it. */
export const SHARDS_MAX = 65_536;

const RING = 2 ** 32;

export class ShardIds {
  /** Shards that the cluster was made with. */
  readonly shards: number;

  constructor(shards: number) {
    this.shards = shards;
  }

  /** How often its range was halved. */
  generationOf(shard: number): number {
    return 31 - Math.clz32(Math.floor(shard / this.shards) + 1);
  }

  /** Whether it is of those that the cluster was made with. */
  isFirst(shard: number): boolean {
    return shard < this.shards;
  }

  /** The shard of that generation whose range holds the hash. */
  atHash(generation: number, hash: number): number {
    return this.#firstOf(generation) + shardOfHash(hash, this.#countOf(generation));
  }

  /** What it came from; null in generation 0. */
  parentOf(shard: number): number | null {
    const generation = this.generationOf(shard);
    return generation === 0 ? null : this.#firstOf(generation - 1) + (this.#indexOf(shard, generation) >> 1);
  }

  /** All that it came from, nearest first. */
  *ancestorsOf(shard: number): IterableIterator<number> {
    for (let one = this.parentOf(shard); one !== null; one = this.parentOf(one)) yield one;
  }

  isAncestor(ancestor: number, of: number): boolean {
    for (const one of this.ancestorsOf(of)) if (one === ancestor) return true;
    return false;
  }

  /** What it falls into: the lower half of its range, and the upper one. */
  childrenOf(shard: number): readonly [lower: number, upper: number] {
    const generation = this.generationOf(shard);
    const lower = this.#firstOf(generation + 1) + 2 * this.#indexOf(shard, generation);
    return [lower, lower + 1];
  }

  hashesOf(shard: number): HashRange {
    const generation = this.generationOf(shard);
    const index = this.#indexOf(shard, generation);
    const count = this.#countOf(generation);
    return { from: Math.ceil((index * RING) / count), to: Math.ceil(((index + 1) * RING) / count) };
  }

  /**
   * By which a shard is placed: the lower half stays by what its parent was placed by, so that a split moves no more than
   * the upper halves.
   */
  placementOf(shard: number): number {
    let placed = shard;
    for (;;) {
      const generation = this.generationOf(placed);
      const index = this.#indexOf(placed, generation);
      if (generation === 0 || index % 2 === 1) return placed;
      placed = this.#firstOf(generation - 1) + (index >> 1);
    }
  }

  /** Whether a cluster may be split as often. */
  isAllowed(generation: number): boolean {
    return this.#countOf(generation) <= SHARDS_MAX;
  }

  #firstOf(generation: number): number {
    return (2 ** generation - 1) * this.shards;
  }

  #countOf(generation: number): number {
    return this.shards * 2 ** generation;
  }

  #indexOf(shard: number, generation: number): number {
    return shard - this.#firstOf(generation);
  }
}
