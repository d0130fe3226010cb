/**
 * Which shards this node has, and how it comes by them and loses them. Level-triggered: whenever something may be different,
 * every shard is looked at again, and what is wrong between what is and what should be is begun to be mended.
 *
 *   elsewhere ──its owner is over──> claiming ──swapped──> opening ──replayed──> open ──hand-off──> elsewhere
 *       └──asked its living owner, who named us──────────────^
 *
 * Nothing here is remembered that the directory does not say: a node that loses its memory begins as a new incarnation.
 */
import type { Effect } from "../effect.js";
import type { LogId } from "../log/record.js";
import type { PeerFrame } from "../peers/frames.js";
import type { Shard } from "../shard/shard.js";
import { Custody, type CustodyTools } from "./custody.js";
import type { DirectoryClient } from "./directory-client.js";
import { type ClosedRange, type DocumentCodec, nodeKey, SHARD_PREFIX, type ShardDescriptor, shardKey } from "./documents.js";
import type { FormerLogs } from "./former-logs.js";
import { HandOff } from "./hand-off.js";
import type { Membership } from "./membership.js";
import { makeShard, type OpeningParts, openTogether } from "./opening.js";
import { place } from "./placement.js";
import type { ReplaySize } from "./replay.js";
import type { ShardMap } from "./shard-map.js";

export interface HoldingsParts {
  readonly opening: OpeningParts;
  readonly custody: CustodyTools;
  readonly client: DirectoryClient;
  readonly codec: DocumentCodec;
  readonly incarnation: LogId;
  readonly shards: number;
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
  /** The hand-off came to nothing: what waited for its end is served here. */
  kept(shard: number): void;
  /** All descriptors, as they stand now. */
  listed(descriptors: readonly ShardDescriptor[]): void;
}

export interface Holding {
  readonly shard: Shard;
  readonly custody: Custody;
  isOpen: boolean;
  handOff: HandOff | null;
}

/** Shards asked for, or given away, at the same time: each waits for a flush. */
const MOVES_MAX = 8;
/** A shard that was asked for and did not come is asked for again. */
const ASK_AGAIN_MS = 1_000;
/** All descriptors are read again, whatever else shows: what nobody told is found. */
const SWEEP_EVERY_MS = 30_000;

export class Holdings {
  readonly #parts: HoldingsParts;
  readonly #holdingByShard: (Holding | null)[];
  #all: readonly Holding[] = [];
  readonly #claiming = new Set<number>();
  /** Ours by their descriptors, to be opened when no claim is under way any more: together they read a log once. */
  #toOpen: { readonly descriptor: ShardDescriptor; readonly token: string }[] = [];
  readonly #askedAtMs = new Map<number, number>();
  readonly #reading = new Set<number>();
  #desired: readonly (LogId | null)[] = [];
  #livingNames = "";
  #isListed = false;
  #isListing = false;
  #isDue = false;
  #sweepAtMs = Infinity;
  #isClosed = false;
  #handedOff = 0;
  #takenOver = 0;

  constructor(parts: HoldingsParts) {
    this.#parts = parts;
    this.#holdingByShard = Array.from({ length: parts.shards }, () => null);
  }

  /** Those that are opening, open, or on their way to somebody else. */
  get all(): readonly Holding[] {
    return this.#all;
  }

  of(shard: number): Holding | null {
    return this.#holdingByShard[shard] ?? null;
  }

  /** The shard if it is served here at this moment. */
  serving(shard: number): Shard | null {
    const holding = this.#holdingByShard[shard];
    if (holding === null || holding === undefined || !holding.isOpen) return null;
    return holding.handOff?.isDraining === true ? null : holding.shard;
  }

  /** Ours, or about to be: whoever asks for it waits here. */
  isComing(shard: number): boolean {
    return this.#claiming.has(shard) || this.of(shard) !== null || this.#parts.map.of(shard).owner === this.#parts.incarnation;
  }

  /** All that should be here is open, and what is elsewhere is known to be served, or another's to take over. */
  get isSettled(): boolean {
    const { membership, incarnation, map } = this.#parts;
    if (!this.#isListed || this.#isDue || this.#claiming.size > 0 || this.#toOpen.length > 0) return false;
    if (!membership.isSettled || this.#all.some(({ isOpen }) => !isOpen)) return false;
    return this.#desired.every((desired, shard) => {
      if (desired !== incarnation || this.of(shard) !== null) return true;
      const { owner } = map.of(shard);
      return owner !== null && membership.isLiving(owner);
    });
  }

  /** The node that should own the shard, as this one sees it. */
  desired(shard: number): LogId | null {
    return this.#desired[shard] ?? null;
  }

  get statistics(): { readonly handedOff: number; readonly takenOver: number } {
    return { handedOff: this.#handedOff, takenOver: this.#takenOver };
  }

  /** Seeks nothing any more, and gives nothing away: the node stops. What has begun comes to its end. */
  close(): void {
    this.#isClosed = true;
  }

  /** Nothing is on its way here or from here. */
  get isResting(): boolean {
    const isMoving = this.#all.some(({ isOpen, handOff }) => !isOpen || handOff !== null);
    return this.#claiming.size === 0 && this.#toOpen.length === 0 && !isMoving;
  }

  /** Some shard of ours should be another living node's. */
  get isWantedElsewhere(): boolean {
    const { incarnation } = this.#parts;
    return this.#all.some(({ shard, custody, handOff }) => {
      const desired = this.desired(shard.shard);
      return handOff !== null || (desired !== null && desired !== incarnation && !custody.isRefused);
    });
  }

  /** Something may be different: a look at the members, the end of a log, a descriptor. */
  changed(): void {
    this.#isDue = true;
  }

  /** Reads the shard's descriptor: something that was said or seen does not fit what is known. */
  reread(shard: number): void {
    const { client } = this.#parts;
    if (this.#reading.has(shard)) return;
    this.#reading.add(shard);
    client.readAnew(shardKey(shard), (found) => {
      this.#reading.delete(shard);
      if (found !== null) this.#parts.map.seen(this.#decode(found.body), found.token);
      this.changed();
    });
  }

  /** Another node asks for a shard. It gets it if it should have it by our own view, too; else it asks again. */
  handOffAsked(by: LogId, shard: number, epoch: number): void {
    const holding = this.of(shard);
    if (holding === null) return this.reread(shard);
    const { membership } = this.#parts;
    if (membership.of(by) === null) membership.lookSoon();
    if (this.#isClosed || !holding.isOpen || holding.handOff !== null || holding.custody.isRefused) return;
    if (epoch !== holding.shard.epoch || this.desired(shard) !== by || !membership.isLiving(by)) return;
    if (this.#handingOff >= MOVES_MAX) return;
    const { custody } = this.#parts;
    const tools = {
      log: custody.log,
      isLiving: (log: LogId) => membership.isLiving(log),
      handedOver: (handOff: HandOff) => this.#handedOver(handOff),
      kept: (handOff: HandOff) => this.#kept(handOff),
    };
    holding.handOff = new HandOff(holding.shard, holding.custody, by, tools, this.#parts.tickMs());
    holding.handOff.turn(this.#parts.tickMs());
  }

  /** Once a turn. */
  turn(): void {
    const tickMs = this.#parts.tickMs();
    for (const { handOff } of this.#all) handOff?.turn(tickMs);
    if (this.#isClosed || !this.#parts.membership.hasLooked) return;
    if (this.#isListed && tickMs >= this.#sweepAtMs) this.#list();
    if (!this.#isDue && tickMs < this.#askAgainAtMs) return;
    this.#isDue = false;
    this.#look();
  }

  wakeAtMs(): number {
    const tickMs = this.#parts.tickMs();
    let wake = Infinity;
    for (const { handOff } of this.#all) if (handOff !== null) wake = Math.min(wake, handOff.wakeAtMs(tickMs));
    // As in `turn`: what would not be done then is nothing to wake up for.
    if (this.#isClosed || !this.#parts.membership.hasLooked) return wake;
    if (this.#isDue) return tickMs;
    return Math.min(wake, this.#askAgainAtMs, this.#isListing ? Infinity : this.#sweepAtMs);
  }

  get #askAgainAtMs(): number {
    let least = Infinity;
    for (const askedAtMs of this.#askedAtMs.values()) least = Math.min(least, askedAtMs + ASK_AGAIN_MS);
    return least;
  }

  #look(): void {
    const { membership, shards, map, incarnation } = this.#parts;
    const { living } = membership;
    this.#desired = place(living, membership.plan, shards);
    const names = living
      .map((node) => node.incarnation)
      .sort()
      .join(" ");
    if (names !== this.#livingNames) {
      this.#livingNames = names;
      return this.#list();
    }
    if (!this.#isListed) return;
    this.#endSilent();
    for (let shard = 0; shard < shards; shard++) {
      if (this.of(shard) !== null || this.#claiming.has(shard)) continue;
      const { owner } = map.of(shard);
      if (owner === incarnation) this.#adopt(shard);
      else if (this.desired(shard) === incarnation) this.#seek(shard, owner);
      else this.#askedAtMs.delete(shard);
    }
    this.#openClaimed();
  }

  /** Members that do not live are brought to their ends by whoever should have a shard of theirs; what nobody should, the first does. */
  #endSilent(): void {
    const { membership, formers, incarnation, map } = this.#parts;
    const isFirst = membership.living.every((node) => node.incarnation >= incarnation);
    const wanted = new Set<LogId | null>();
    for (const [shard, desired] of this.#desired.entries()) if (desired === incarnation) wanted.add(map.of(shard).owner);
    for (const { document, token, isSilent } of membership.others) {
      if (document.status === "alive" && !isSilent) continue;
      if (isFirst || wanted.has(document.incarnation)) formers.end(document, { token });
    }
  }

  /** A shard that should be here and is not. */
  #seek(shard: number, owner: LogId | null): void {
    const { formers, membership } = this.#parts;
    if (owner !== null && membership.isLiving(owner) && !formers.isOver(owner)) return this.#ask(shard, owner);
    this.#askedAtMs.delete(shard);
    if (owner === null || formers.isOver(owner)) return this.#claim(shard);
    if (membership.of(owner) === null) formers.lookFor(owner);
  }

  #ask(shard: number, owner: LogId): void {
    const tickMs = this.#parts.tickMs();
    const askedAtMs = this.#askedAtMs.get(shard);
    if (askedAtMs === undefined && this.#askedAtMs.size >= MOVES_MAX) return;
    if (askedAtMs !== undefined && tickMs - askedAtMs < ASK_AGAIN_MS) return;
    if (askedAtMs !== undefined) this.reread(shard);
    this.#askedAtMs.set(shard, tickMs);
    this.#parts.send(owner, { kind: "handOffAsked", shard, epoch: this.#parts.map.of(shard).epoch });
  }

  #claim(shard: number): void {
    const { map, client, codec, incarnation, nextToken, custody } = this.#parts;
    const { standing, epoch } = map.of(shard);
    // Only told: what stands there has to be known before it can be swapped.
    if (standing === null && epoch > 0) return this.reread(shard);
    const former = standing?.descriptor ?? null;
    const descriptor: ShardDescriptor = {
      shard,
      epoch: (former?.epoch ?? 0) + 1,
      owner: incarnation,
      covered: 0,
      ranges: former === null ? [] : [...former.ranges, ...this.#closedRange(former)],
      segments: former?.segments ?? [],
    };
    const token = nextToken();
    this.#claiming.add(shard);
    this.#askedAtMs.delete(shard);
    const body = codec.encodeDescriptor(descriptor, custody.clusterId);
    client.swap(shardKey(shard), standing?.token ?? null, { token, body }, (end) => {
      this.#claiming.delete(shard);
      if (end === "lost") return this.reread(shard);
      this.#takenOver++;
      map.seen(descriptor, token);
      this.#toOpen.push({ descriptor, token });
      this.#tell(descriptor);
      this.#openClaimed();
    });
  }

  /** What the former owner left behind `covered`, up to its seal. Without a document of its own, nothing of it exists (15k). */
  #closedRange(former: ShardDescriptor): readonly ClosedRange[] {
    const node = former.owner === null ? undefined : this.#parts.formers.of(former.owner)?.document;
    if (node === undefined || node.seal === null) return [];
    const from = Math.max(former.covered + 1, node.base);
    return from >= node.seal ? [] : [{ log: node.incarnation, epoch: former.epoch, from, to: node.seal }];
  }

  /** Its former owner has named us. */
  #adopt(shard: number): void {
    const { standing } = this.#parts.map.of(shard);
    this.#askedAtMs.delete(shard);
    if (standing === null) return this.reread(shard);
    if (this.#toOpen.some(({ descriptor }) => descriptor.shard === shard)) return;
    this.#takenOver++;
    this.#toOpen.push(standing);
  }

  #openClaimed(): void {
    if (this.#claiming.size > 0 || this.#toOpen.length === 0) return;
    const { opening, custody } = this.#parts;
    const holdings = this.#toOpen.map(({ descriptor, token }): Holding => {
      const shard = makeShard(opening, descriptor);
      return { shard, custody: new Custody(shard, descriptor, token, custody), isOpen: false, handOff: null };
    });
    this.#toOpen = [];
    for (const holding of holdings) this.#holdingByShard[holding.shard.shard] = holding;
    this.#keepList();
    const shards = holdings.map(({ shard, custody: { descriptor } }) => ({ shard, descriptor }));
    openTogether(opening, shards, (size) => {
      for (const holding of holdings) holding.isOpen = true;
      this.#parts.opened(holdings, size);
    });
  }

  #handedOver(handOff: HandOff): void {
    const { map, gone } = this.#parts;
    const { descriptor, token } = handOff.custody;
    this.#handedOff++;
    this.#holdingByShard[handOff.shard.shard] = null;
    this.#keepList();
    map.seen(descriptor, token);
    this.#tell(descriptor);
    gone(handOff.shard, handOff.ownRangeFrom);
    this.changed();
  }

  #kept({ shard }: HandOff): void {
    const holding = this.of(shard.shard);
    if (holding !== null) holding.handOff = null;
    this.#parts.kept(shard.shard);
  }

  /** Whoever asks for the shard, or sends to it, need not find out by itself. */
  #tell({ shard, epoch, owner }: ShardDescriptor): void {
    const { membership, incarnation } = this.#parts;
    for (const node of membership.living) {
      if (node.incarnation !== incarnation) this.#parts.send(node.incarnation, { kind: "shardMoved", shard, epoch, owner });
    }
  }

  #list(): void {
    if (this.#isListing) return;
    this.#isListing = true;
    const { client, formers, membership } = this.#parts;
    // Known to be over before the listing: what it does not name, nobody will need again.
    const ended = formers.all;
    client.listAnew(SHARD_PREFIX, (found) => {
      this.#isListing = false;
      this.#isListed = true;
      const descriptors = found.map(({ document }) => {
        const descriptor = this.#decode(document.body);
        this.#parts.map.seen(descriptor, document.token);
        return descriptor;
      });
      this.#forget(ended, descriptors);
      this.#parts.listed(descriptors);
      // Alone for sure, nobody changes a descriptor but this node.
      this.#sweepAtMs = membership.wakeAtMs === Infinity ? Infinity : this.#parts.tickMs() + SWEEP_EVERY_MS;
      this.changed();
    });
  }

  /** Removes what no descriptor names any more (RULES.md 15k): the records of logs that are over, and their documents. */
  #forget(ended: FormerLogs["all"], descriptors: readonly ShardDescriptor[]): void {
    const { effects, formers } = this.#parts;
    for (const { document, token } of ended) {
      const log = document.incarnation;
      const isNamed = descriptors.some(({ owner, ranges }) => owner === log || ranges.some((range) => range.log === log));
      if (isNamed) continue;
      effects.push({ kind: "trimLog", log, base: Number.MAX_SAFE_INTEGER });
      effects.push({ kind: "removeDocument", key: nodeKey(log), expected: token });
      formers.forget(log);
    }
  }

  /** Where all shards are here, what their descriptors name is all that anybody names. */
  forgetFormers(): void {
    const { formers, shards } = this.#parts;
    if (formers.size === 0 || this.#all.length < shards) return;
    this.#forget(
      formers.all,
      this.#all.map(({ custody }) => custody.descriptor),
    );
  }

  #keepList(): void {
    this.#all = this.#holdingByShard.filter((holding) => holding !== null);
  }

  get #handingOff(): number {
    return this.#all.reduce((count, { handOff }) => (handOff === null ? count : count + 1), 0);
  }

  #decode(body: Uint8Array): ShardDescriptor {
    return this.#parts.codec.decodeDescriptor(body, this.#parts.custody.clusterId);
  }
}
