/** Which shards of ours are split, and when (docs/decisions/splitting.md); and what becomes of the halves, or of a shard that stays whole. */
import type { LogId } from "../log/record.js";
import type { Shard } from "../shard/shard.js";
import type { CustodyTools } from "./custody.js";
import type { Descriptors } from "./descriptors.js";
import type { DirectoryClient } from "./directory-client.js";
import type { DocumentCodec } from "./documents.js";
import type { HeldShards } from "./held-shards.js";
import type { Membership } from "./membership.js";
import type { ShardMap } from "./shard-map.js";
import { type Half, Splitting } from "./splitting.js";

export interface SplitsParts {
  readonly client: DirectoryClient;
  readonly codec: DocumentCodec;
  readonly custody: CustodyTools;
  readonly incarnation: LogId;
  readonly membership: Membership;
  readonly map: ShardMap;
  readonly held: HeldShards;
  readonly descriptors: Descriptors;
  nextToken(): string;
  tickMs(): number;
  /** The node that should own the shard. */
  desired(shard: number): LogId | null;
  /** The shard is no more: it is split. */
  gone(shard: Shard, from: null): void;
  /** The split came to nothing: what waits for the shard gets its answer here. */
  kept(shard: number): void;
  changed(): void;
}

/** Shards of one node that are being split at the same time: each waits for a flush, and then makes its callers wait. */
const SPLITS_MAX = 2;
/** What held up a split may last. */
const SPLIT_AGAIN_MS = 2_000;

export class Splits {
  readonly #parts: SplitsParts;
  #againAtMs = Infinity;

  constructor(parts: SplitsParts) {
    this.#parts = parts;
  }

  /** Shards of ours that the plan wants split, some at a time; those that should be elsewhere are split there. */
  begin(): void {
    const { membership, map, incarnation, held } = this.#parts;
    const { splits = 0 } = membership.plan;
    const tickMs = this.#parts.tickMs();
    if (splits === 0 || this.#againAtMs < Infinity) return;
    let open = held.all.reduce((count, { splitting }) => (splitting === null ? count : count + 1), 0);
    for (const holding of held.all) {
      if (open >= SPLITS_MAX) return;
      const { shard, isOpen, handOff, splitting } = holding;
      const generation = map.ids.generationOf(shard.shard);
      if (generation >= splits || !map.ids.isAllowed(generation + 1)) continue;
      if (!isOpen || handOff !== null || splitting !== null || holding.custody.isRefused) continue;
      if (this.#parts.desired(shard.shard) !== incarnation) continue;
      const { client, codec, custody, nextToken } = this.#parts;
      const tools = {
        log: custody.log,
        client,
        codec,
        clusterId: custody.clusterId,
        incarnation,
        nextToken,
        split: (done: Splitting, halves: readonly Half[]) => this.#halved(done, halves),
        kept: (done: Splitting) => this.#whole(done),
      };
      holding.splitting = new Splitting(shard, holding.custody, map.ids.childrenOf(shard.shard), tools, tickMs);
      holding.splitting.turn(tickMs);
      open++;
    }
  }

  /** Sees that a split that came to nothing is tried again. Once a turn. */
  turn(tickMs: number): void {
    if (tickMs < this.#againAtMs) return;
    this.#againAtMs = Infinity;
    this.#parts.changed();
  }

  wakeAtMs(): number {
    return this.#againAtMs;
  }

  /** In place of the shard its halves are here. */
  #halved({ shard, custody }: Splitting, halves: readonly Half[]): void {
    const { map, held, descriptors, gone } = this.#parts;
    held.remove(shard.shard);
    // First: what waits for the shard is to find that its halves are coming.
    held.add(halves);
    map.seen(custody.descriptor, custody.token);
    for (const { descriptor, token } of halves) map.seen(descriptor, token);
    for (const { descriptor } of halves) descriptors.tell(descriptor);
    descriptors.tell(custody.descriptor);
    gone(shard, null);
    held.openTogether();
    this.#parts.changed();
  }

  /** The split came to nothing for now: something was slow, or somebody else was there before. */
  #whole({ shard }: Splitting): void {
    const { held, descriptors } = this.#parts;
    const holding = held.of(shard.shard);
    if (holding !== null) holding.splitting = null;
    this.#againAtMs = this.#parts.tickMs() + SPLIT_AGAIN_MS;
    this.#parts.kept(shard.shard);
    descriptors.reread(shard.shard);
  }
}
