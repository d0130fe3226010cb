/** Where each shard lies, as far as this node knows: from descriptors that it has read or written, and from what others say. */
import type { LogId } from "../log/record.js";
import type { ShardDescriptor } from "./documents.js";

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
  readonly #whereaboutsByShard: Whereabouts[];
  readonly #moved: (shard: number) => void;

  /** `moved`: the shard has another owner than was known. */
  constructor(shards: number, moved: (shard: number) => void) {
    this.#whereaboutsByShard = Array.from({ length: shards }, () => NEVER_OWNED);
    this.#moved = moved;
  }

  of(shard: number): Whereabouts {
    return this.#whereaboutsByShard[shard] ?? NEVER_OWNED;
  }

  /**
   * A descriptor was read or written. One of an epoch that is over already was read before what is known; but what was only
   * told may be wrong, and gives way to whatever was read.
   */
  seen(descriptor: ShardDescriptor, token: string): void {
    const { shard, epoch, owner } = descriptor;
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
    this.#whereaboutsByShard[shard] = { ...known, standing: null, damage };
    return known.damage === null;
  }

  get isAnyDamaged(): boolean {
    return this.#whereaboutsByShard.some(({ damage }) => damage !== null);
  }

  /** Another node says where the shard is. */
  told(shard: number, epoch: number, owner: LogId | null): void {
    if (shard < this.#whereaboutsByShard.length && epoch > this.of(shard).epoch)
      this.#set(shard, { epoch, owner, standing: null, damage: this.of(shard).damage });
  }

  #set(shard: number, next: Whereabouts): void {
    const { owner, epoch } = this.of(shard);
    this.#whereaboutsByShard[shard] = next;
    if (owner !== next.owner || epoch !== next.epoch) this.#moved(shard);
  }
}
