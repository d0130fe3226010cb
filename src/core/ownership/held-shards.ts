/**
 * The shards that are here, and how they come in: claimed by a swap of our own, or named ours by whoever had them; then opened,
 * all at a time whose claims end together, for together they read a log once.
 *
 *   claiming ──swapped──> to be opened ──no claim under way──> opening ──replayed──> open
 *     named ours ──────────────^
 *
 * When a shard should come, and when it goes, is not decided here.
 */
import type { LogId } from "../log/record.js";
import type { Shard } from "../shard/shard.js";
import type { ShardStore } from "../store/shard-store.js";
import { Custody, type CustodyTools } from "./custody.js";
import type { DirectoryClient } from "./directory-client.js";
import { type DocumentCodec, type NodeDocument, type ShardDescriptor, shardKey } from "./documents.js";
import type { FormerLogs } from "./former-logs.js";
import { openRange } from "./going-back.js";
import type { HandOff } from "./hand-off.js";
import { makeShard, type OpeningParts, openTogether } from "./opening.js";
import type { ReplaySize } from "./replay.js";
import type { ShardMap } from "./shard-map.js";
import type { Splitting } from "./splitting.js";

export interface HeldShardsParts {
  readonly opening: OpeningParts;
  readonly custody: CustodyTools;
  readonly client: DirectoryClient;
  readonly codec: DocumentCodec;
  readonly incarnation: LogId;
  readonly formers: FormerLogs;
  readonly map: ShardMap;
  nextToken(): string;
  /** What stands in the directory is not what was known. */
  reread(shard: number): void;
  /** The shard is ours: others need not find out by themselves. */
  tell(descriptor: ShardDescriptor): void;
  /** The store of the shard, where it was read ahead. */
  takeAhead(descriptor: ShardDescriptor): ShardStore | null;
  /** Shards are open, or refused, and belong to the node's work from now on. */
  opened(holdings: readonly Holding[], size: ReplaySize): void;
}

export interface Holding {
  readonly shard: Shard;
  readonly custody: Custody;
  isOpen: boolean;
  handOff: HandOff | null;
  splitting: Splitting | null;
}

/** A descriptor that names us, and the token that it stands under. */
interface Own {
  readonly descriptor: ShardDescriptor;
  readonly token: string;
}

export class HeldShards {
  readonly #parts: HeldShardsParts;
  readonly #holdingByShard = new Map<number, Holding>();
  #all: readonly Holding[] = [];
  readonly #claiming = new Set<number>();
  /** Ours by their descriptors, to be opened when no claim is under way any more: together they read a log once. */
  #toOpen: Own[] = [];
  #takenOver = 0;

  constructor(parts: HeldShardsParts) {
    this.#parts = parts;
  }

  /** Those that are opening, open, or on their way to somebody else. */
  get all(): readonly Holding[] {
    return this.#all;
  }

  of(shard: number): Holding | null {
    return this.#holdingByShard.get(shard) ?? null;
  }

  /** The shard if it is served here at this moment. */
  serving(shard: number): Shard | null {
    const holding = this.#holdingByShard.get(shard);
    if (holding === undefined || !holding.isOpen) return null;
    return holding.handOff?.isDraining === true || holding.splitting?.isDraining === true ? null : holding.shard;
  }

  /** The shard if it takes messages and acknowledgements here at this moment. */
  taking(shard: number): Shard | null {
    const holding = this.#holdingByShard.get(shard);
    return holding?.isOpen === true && holding.splitting?.isTaking === true ? holding.shard : this.serving(shard);
  }

  /** Here, or swapped by us: what was read is older, or will be found out by the next swap. */
  isOnItsWay(shard: number): boolean {
    return this.of(shard) !== null || this.#claiming.has(shard) || this.#isToBeOpened(shard);
  }

  isClaiming(shard: number): boolean {
    return this.#claiming.has(shard);
  }

  /** Shards are being claimed, or are ours and still to be opened. */
  get isAnyComing(): boolean {
    return this.#claiming.size > 0 || this.#toOpen.length > 0;
  }

  /** Shards that were claimed and had another owner before. */
  get takenOver(): number {
    return this.#takenOver;
  }

  /** Swaps the descriptor of a shard that nobody owns, or whose owner's log has ended. */
  claim(shard: number): void {
    const { map, client, codec, incarnation, nextToken, custody } = this.#parts;
    const { standing, epoch } = map.of(shard);
    // Only told: what stands there has to be known before it can be swapped.
    if (standing === null && (epoch > 0 || !map.ids.isFirst(shard))) return this.#parts.reread(shard);
    const former = standing?.descriptor ?? null;
    const descriptor: ShardDescriptor = {
      shard,
      epoch: (former?.epoch ?? 0) + 1,
      owner: incarnation,
      covered: 0,
      ranges: former === null ? [] : [...former.ranges, ...openRange(former, this.#ownerOf(former))],
      segments: former?.segments ?? [],
      // It rebuilds these segments, whatever ranges follow and whoever owns them.
      previous: former?.previous ?? null,
      ...(former?.lineage === undefined ? {} : { lineage: former.lineage }),
    };
    const token = nextToken();
    this.#claiming.add(shard);
    const body = codec.encodeDescriptor(descriptor, custody.clusterId);
    client.swap(shardKey(shard), standing?.token ?? null, { token, body }, (end) => {
      this.#claiming.delete(shard);
      if (end === "lost") return this.#parts.reread(shard);
      if (former !== null && former.owner !== null) this.#takenOver++;
      map.seen(descriptor, token);
      this.#toOpen.push({ descriptor, token });
      this.#parts.tell(descriptor);
      this.openTogether();
    });
  }

  /** Its former owner has named us. */
  adopt(shard: number): void {
    const { standing } = this.#parts.map.of(shard);
    if (standing === null) return this.#parts.reread(shard);
    if (!this.#isToBeOpened(shard)) this.#toOpen.push(standing);
  }

  /** Ours by a swap that has ended: to be opened together with all that comes now. */
  add(own: readonly Own[]): void {
    this.#toOpen.push(...own);
  }

  /** It is not here any more. */
  remove(shard: number): void {
    this.#holdingByShard.delete(shard);
    this.#keepList();
  }

  /** Opens what is ours, once no claim is under way. */
  openTogether(): void {
    if (this.#claiming.size > 0 || this.#toOpen.length === 0) return;
    const { opening, custody } = this.#parts;
    const holdings = this.#toOpen.map(({ descriptor, token }): Holding => {
      const shard = makeShard(opening, descriptor, this.#parts.takeAhead(descriptor));
      return { shard, custody: new Custody(shard, descriptor, token, custody), isOpen: false, handOff: null, splitting: null };
    });
    this.#toOpen = [];
    for (const holding of holdings) this.#holdingByShard.set(holding.shard.shard, holding);
    this.#keepList();
    const shards = holdings.map(({ shard, custody: { descriptor } }) => ({ shard, descriptor }));
    openTogether(opening, shards, (size) => {
      for (const holding of holdings) holding.isOpen = true;
      this.#parts.opened(holdings, size);
    });
  }

  /** Without a document of its own, nothing of it exists (15k). */
  #ownerOf({ owner }: ShardDescriptor): NodeDocument | null {
    return owner === null ? null : (this.#parts.formers.of(owner)?.document ?? null);
  }

  #isToBeOpened(shard: number): boolean {
    return this.#toOpen.some(({ descriptor }) => descriptor.shard === shard);
  }

  #keepList(): void {
    this.#all = [...this.#holdingByShard.values()].sort((left, right) => left.shard.shard - right.shard.shard);
  }
}
