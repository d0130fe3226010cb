/**
 * Which shards this node should have, and what is done about it. Level-triggered: whenever something may be different, every
 * shard is looked at again, and what is wrong between what is and what should be is begun to be mended.
 *
 *   elsewhere ──its owner is over──> claiming ──swapped──> opening ──replayed──> open ──hand-off──> elsewhere
 *       └──asked its living owner, who named us──────────────^
 *
 * Nothing here is remembered that the directory does not say: a node that loses its memory begins as a new incarnation. The
 * pieces: what is here and how it is claimed and opened (held-shards.ts), what stands in the directory (descriptors.ts), how a
 * shard moves between living nodes (moves.ts), and which are split (splits.ts).
 */
import type { Effect } from "../effect.js";
import type { LogId } from "../log/record.js";
import type { PeerFrame } from "../peers/frames.js";
import type { Shard } from "../shard/shard.js";
import type { StoreInput } from "../store/store-io.js";
import type { CustodyTools } from "./custody.js";
import { Descriptors } from "./descriptors.js";
import type { DirectoryClient } from "./directory-client.js";
import type { DocumentCodec, ShardDescriptor } from "./documents.js";
import type { FormerLogs } from "./former-logs.js";
import { HeldShards, type Holding } from "./held-shards.js";
import type { Membership } from "./membership.js";
import { Moves } from "./moves.js";
import type { OpeningParts } from "./opening.js";
import { place } from "./placement.js";
import type { ReplaySize } from "./replay.js";
import type { ShardMap } from "./shard-map.js";
import { Splits } from "./splits.js";

export interface HoldingsParts {
  readonly opening: OpeningParts;
  readonly custody: CustodyTools;
  readonly client: DirectoryClient;
  readonly codec: DocumentCodec;
  readonly incarnation: LogId;
  readonly membership: Membership;
  readonly formers: FormerLogs;
  readonly map: ShardMap;
  readonly effects: Effect[];
  nextToken(): string;
  tickMs(): number;
  send(to: LogId, frame: PeerFrame): void;
  /** Shards are open, or refused, and belong to the node's work from now on. */
  opened(holdings: readonly Holding[], size: ReplaySize): void;
  /** The shard belongs to another node. `from`: what it may still need of our log begins there; null: nothing. */
  gone(shard: Shard, from: number | null): void;
  /** The hand-off came to nothing, or the shard is refused: what waits for it gets its answer here. */
  kept(shard: number): void;
  /** All descriptors, as they stand now. */
  listed(descriptors: readonly ShardDescriptor[]): void;
}

export class Holdings {
  readonly #parts: HoldingsParts;
  readonly #held: HeldShards;
  readonly descriptors: Descriptors;
  readonly moves: Moves;
  readonly #splits: Splits;
  #desired: ReadonlyMap<number, LogId | null> = new Map();
  #livingNames = "";
  #isDue = false;
  /** When a shard that was asked for may have to be asked for again. */
  #askAgainAtMs = Infinity;
  #isClosed = false;

  constructor(parts: HoldingsParts) {
    this.#parts = parts;
    const held = new HeldShards({
      ...parts,
      reread: (shard) => this.descriptors.reread(shard),
      tell: (descriptor) => this.descriptors.tell(descriptor),
      takeAhead: (descriptor) => this.moves.takeAhead(descriptor),
    });
    const changed = (): void => this.changed();
    const desired = (shard: number): LogId | null => this.desired(shard);
    const descriptors = new Descriptors({ ...parts, held, changed });
    this.#held = held;
    this.descriptors = descriptors;
    this.moves = new Moves({ ...parts, held, descriptors, desired, changed });
    this.#splits = new Splits({ ...parts, held, descriptors, desired, changed });
  }

  /** Something may be different: a look at the members, the end of a log, a descriptor. */
  changed(): void {
    this.#isDue = true;
  }

  /** Once a turn. */
  turn(): void {
    const tickMs = this.#parts.tickMs();
    this.moves.turn();
    for (const { handOff, splitting } of this.all) {
      handOff?.turn(tickMs);
      splitting?.turn(tickMs);
    }
    if (this.#isClosed || !this.#parts.membership.hasLooked) return;
    this.descriptors.turn(tickMs);
    this.#splits.turn(tickMs);
    if (!this.#isDue && tickMs < this.#askAgainAtMs) return;
    this.#isDue = false;
    this.#askAgainAtMs = Infinity;
    this.#look();
  }

  wakeAtMs(): number {
    const tickMs = this.#parts.tickMs();
    let wake = this.moves.wakeAtMs();
    for (const { handOff, splitting } of this.all) {
      if (handOff !== null) wake = Math.min(wake, handOff.wakeAtMs(tickMs));
      if (splitting !== null) wake = Math.min(wake, splitting.wakeAtMs(tickMs));
    }
    // As in `turn`: what would not be done then is nothing to wake up for.
    if (this.#isClosed || !this.#parts.membership.hasLooked) return wake;
    if (this.#isDue) return tickMs;
    return Math.min(wake, this.#askAgainAtMs, this.#splits.wakeAtMs(), this.descriptors.wakeAtMs());
  }

  #look(): void {
    const { membership, map, incarnation } = this.#parts;
    const { living } = membership;
    this.#desired = place(living, membership.plan, map.leaves, map.ids);
    const names = living
      .map((node) => node.incarnation)
      .sort()
      .join(" ");
    if (names !== this.#livingNames) {
      this.#livingNames = names;
      this.moves.membersChanged();
      return this.descriptors.list();
    }
    if (!this.descriptors.isListed) return;
    this.moves.tidy();
    this.#endSilent();
    for (const shard of map.leaves) {
      if (this.of(shard) !== null || this.#held.isClaiming(shard)) continue;
      const { owner, damage } = map.of(shard);
      if (damage !== null) this.moves.unask(shard);
      else if (owner === incarnation) this.#adopt(shard);
      else if (this.desired(shard) === incarnation) this.#seek(shard, owner);
      else this.moves.unask(shard);
    }
    this.#askAgainAtMs = this.moves.askAgainAtMs;
    this.#held.openTogether();
    this.#splits.begin();
  }

  /** Members that do not live are brought to their ends by whoever should have a shard of theirs; what nobody should, the first does. */
  #endSilent(): void {
    const { membership, formers, incarnation, map } = this.#parts;
    const isFirst = membership.living.every((node) => node.incarnation >= incarnation);
    const wanted = new Set<LogId | null>();
    for (const [shard, desired] of this.#desired) if (desired === incarnation) wanted.add(map.of(shard).owner);
    for (const { document, token, isLate, isSilent } of membership.others) {
      if (document.status === "alive" && !isSilent) {
        if (isLate) formers.readAhead(document);
        continue;
      }
      if (isFirst || wanted.has(document.incarnation)) formers.end(document, { token });
    }
  }

  /** Its former owner has named us; of a half that may be ourselves, and then the end of our own swap brings it. */
  #adopt(shard: number): void {
    const parent = this.#parts.map.ids.parentOf(shard);
    if (parent !== null && this.of(parent) !== null) return;
    this.moves.unask(shard);
    this.#held.adopt(shard);
  }

  /** A shard that should be here and is not. */
  #seek(shard: number, owner: LogId | null): void {
    const { formers, membership, map } = this.#parts;
    if (owner !== null && membership.isLiving(owner) && !formers.isOver(owner)) return this.moves.ask(shard, owner);
    this.moves.unask(shard);
    if (owner === null || formers.isOver(owner)) return this.#held.claim(shard);
    // Its descriptor changes no more, or hardly.
    const { standing } = map.of(shard);
    if (standing !== null) this.moves.readAhead(standing.descriptor);
    if (membership.of(owner) === null) formers.lookFor(owner);
  }

  /** Those that are opening, open, or on their way to somebody else. */
  get all(): readonly Holding[] {
    return this.#held.all;
  }

  of(shard: number): Holding | null {
    return this.#held.of(shard);
  }

  /** The shard if it is served here at this moment. */
  serving(shard: number): Shard | null {
    return this.#held.serving(shard);
  }

  /** The shard if it takes messages and acknowledgements here at this moment. */
  taking(shard: number): Shard | null {
    return this.#held.taking(shard);
  }

  /** The node that should own the shard, as this one sees it. */
  desired(shard: number): LogId | null {
    return this.#desired.get(shard) ?? null;
  }

  /** Ours, or about to be: whoever asks for it waits here. */
  isComing(shard: number): boolean {
    return this.#held.isOnItsWay(shard) || this.#parts.map.of(shard).owner === this.#parts.incarnation;
  }

  /** Ours by its descriptor, and not to be opened any more, as the node stops: whoever comes after it claims the shard. */
  isStranded(shard: number): boolean {
    return this.#isClosed && !this.#held.isOnItsWay(shard) && this.#parts.map.of(shard).owner === this.#parts.incarnation;
  }

  /**
   * Why nobody is served the shard, though it is nobody else's to serve: its descriptor cannot be read. A node that had it
   * open before goes on, and is asked as long as it lives.
   */
  refusalOf(shard: number): string | null {
    const { damage, owner } = this.#parts.map.of(shard);
    if (damage === null || this.of(shard) !== null) return null;
    return owner !== null && this.#parts.membership.isLiving(owner) ? null : damage;
  }

  /** Shards that serve nobody, as far as this node can say. */
  get refused(): readonly { readonly shard: number; readonly message: string }[] {
    const refused: { readonly shard: number; readonly message: string }[] = [];
    for (const shard of this.#parts.map.leaves) {
      const message = this.of(shard)?.shard.refusal ?? this.refusalOf(shard);
      if (message !== null) refused.push({ shard, message });
    }
    return refused;
  }

  /** All that should be here is open, and what is elsewhere is known to be served, or another's to take over. */
  get isSettled(): boolean {
    const { membership, incarnation, map } = this.#parts;
    if (!this.descriptors.isListed || this.#isDue || this.#held.isAnyComing) return false;
    if (!membership.isSettled || this.all.some(({ isOpen }) => !isOpen)) return false;
    return [...this.#desired].every(([shard, desired]) => {
      if (desired !== incarnation || this.of(shard) !== null || !map.isLeaf(shard)) return true;
      const { owner, damage } = map.of(shard);
      return damage !== null || (owner !== null && membership.isLiving(owner));
    });
  }

  /** Nothing is on its way here or from here. */
  get isResting(): boolean {
    const isMoving = this.all.some(({ isOpen, handOff, splitting }) => !isOpen || handOff !== null || splitting !== null);
    return !this.#held.isAnyComing && !isMoving;
  }

  /** Some shard of ours should be another living node's: by what is known now, and not at the last look. */
  get isWantedElsewhere(): boolean {
    const { incarnation, membership, map } = this.#parts;
    const desiredNow = place(membership.living, membership.plan, map.leaves, map.ids);
    return this.all.some(({ shard, custody, handOff }) => {
      const desired = desiredNow.get(shard.shard) ?? null;
      return handOff !== null || (desired !== null && desired !== incarnation && !custody.isRefused);
    });
  }

  get statistics(): { readonly handedOff: number; readonly takenOver: number } {
    return { handedOff: this.moves.handedOff, takenOver: this.#held.takenOver };
  }

  /** What came of something that a store has asked for. */
  stored(shard: number, input: StoreInput): void {
    this.of(shard)?.shard.stored([input]);
    this.moves.stored(shard, input);
  }

  /** Seeks nothing any more, and gives nothing away: the node stops. What has begun comes to its end. */
  close(): void {
    this.#isClosed = true;
    this.moves.close();
  }
}
