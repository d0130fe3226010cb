/**
 * Where each shard lies, as far as this node knows: from descriptors that it has read or written, and from what others say.
 * And which shards there are: those of the first generation, and in place of each that was split its halves. A split is for
 * ever, so what is known of it is true; a shard that is not known to be split may be all the same, and whoever had it says so.
 */
import { shardOfHash } from "../entity/address.js";
import type { LogId } from "../log/record.js";
import type { ShardDescriptor } from "./documents.js";
import { ShardIds } from "./shard-ids.js";

export interface Whereabouts {
  readonly epoch: number;
  readonly owner: LogId | null;
  /** The descriptor that says so; null where another node has said so, and none was read. */
  readonly standing: { readonly descriptor: ShardDescriptor; readonly token: string } | null;
  /** Why the descriptor cannot be read; null: it can, or was not. Until it is mended the shard is nobody's to take. */
  readonly damage: string | null;
}

/** A shard that nobody ever owned has no descriptor. */
const NEVER_OWNED: Whereabouts = { epoch: 0, owner: null, standing: null, damage: null };

export class ShardMap {
  readonly ids: ShardIds;
  readonly #whereaboutsByShard = new Map<number, Whereabouts>();
  readonly #split = new Set<number>();
  readonly #moved: (shard: number) => void;
  #leaves: readonly number[] | null = null;

  /** `moved`: the shard has another owner than was known, or is known to be split. */
  constructor(shards: number, moved: (shard: number) => void) {
    this.ids = new ShardIds(shards);
    this.#moved = moved;
  }

  of(shard: number): Whereabouts {
    return this.#whereaboutsByShard.get(shard) ?? NEVER_OWNED;
  }

  /** The shards that there are: together they hold every hash once. In the order of their ids. */
  get leaves(): readonly number[] {
    this.#leaves ??= this.#findLeaves();
    return this.#leaves;
  }

  isLeaf(shard: number): boolean {
    if (this.#split.has(shard)) return false;
    const parent = this.ids.parentOf(shard);
    return parent === null ? shard < this.ids.shards : this.#split.has(parent);
  }

  isSplit(shard: number): boolean {
    return this.#split.has(shard);
  }

  /** The shard that holds the hash. */
  leafOf(hash: number): number {
    let shard = shardOfHash(hash, this.ids.shards);
    if (this.#split.size === 0) return shard;
    for (let generation = 1; this.#split.has(shard); generation++) shard = this.ids.atHash(generation, hash);
    return shard;
  }

  /**
   * A descriptor was read or written. One of an epoch that is over already was read before what is known; but what was only
   * told may be wrong, and gives way to whatever was read.
   */
  seen(descriptor: ShardDescriptor, token: string): void {
    const { shard, epoch, owner, lineage } = descriptor;
    if (!this.#isId(shard)) return;
    if (lineage?.isSplit === true) this.split(shard);
    const known = this.of(shard);
    if (epoch >= known.epoch || known.standing === null)
      this.#set(shard, { epoch, owner, standing: { descriptor, token }, damage: null });
  }

  /**
   * What stands there is no descriptor. What is known of the shard may still be so; what will be read when it is mended is
   * taken whatever its epoch. False where that was known already.
   */
  damaged(shard: number, damage: string): boolean {
    const known = this.of(shard);
    this.#whereaboutsByShard.set(shard, { ...known, standing: null, damage });
    return known.damage === null;
  }

  get isAnyDamaged(): boolean {
    for (const { damage } of this.#whereaboutsByShard.values()) if (damage !== null) return true;
    return false;
  }

  /** Another node says where the shard is. */
  told(shard: number, epoch: number, owner: LogId | null): void {
    const known = this.of(shard);
    if (!this.#isId(shard) || this.#split.has(shard) || epoch <= known.epoch) return;
    this.#set(shard, { epoch, owner, standing: null, damage: known.damage });
  }

  /** The shard is split, and so are all that it came from. */
  split(shard: number): void {
    if (this.#split.has(shard)) return;
    this.#split.add(shard);
    for (const ancestor of this.ids.ancestorsOf(shard)) this.split(ancestor);
    // Read before the split was known, a half's descriptor may be that of a try which came to nothing.
    for (const child of this.ids.childrenOf(shard)) if (this.of(child).standing !== null) this.#whereaboutsByShard.delete(child);
    this.#leaves = null;
    this.#moved(shard);
  }

  #findLeaves(): readonly number[] {
    const leaves: number[] = [];
    const walk = (one: number): void => {
      if (this.#split.has(one)) for (const child of this.ids.childrenOf(one)) walk(child);
      else leaves.push(one);
    };
    for (let root = 0; root < this.ids.shards; root++) walk(root);
    return leaves.sort((left, right) => left - right);
  }

  #isId(shard: number): boolean {
    return this.ids.isAllowed(this.ids.generationOf(shard));
  }

  #set(shard: number, next: Whereabouts): void {
    const { owner, epoch } = this.of(shard);
    this.#whereaboutsByShard.set(shard, next);
    if (owner !== next.owner || epoch !== next.epoch) this.#moved(shard);
  }
}
