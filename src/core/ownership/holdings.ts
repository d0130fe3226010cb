/**
 * Which shards this node has, and how it comes by them and loses them. Level-triggered: whenever something may be different,
 * every shard is looked at again, and what is wrong between what is and what should be is begun to be mended.
 *
 *   elsewhere ──its owner is over──> claiming ──swapped──> opening ──replayed──> open ──hand-off──> elsewhere
 *       └──asked its living owner, who named us──────────────^
 *
 * Nothing here is remembered that the directory does not say: a node that loses its memory begins as a new incarnation.
 */
import { MalformedBytes } from "../bytes/byte-reader.js";
import type { Effect } from "../effect.js";
import type { LogId } from "../log/record.js";
import type { PeerFrame } from "../peers/frames.js";
import type { Shard } from "../shard/shard.js";
import type { StoreInput } from "../store/store-io.js";
import { Custody, type CustodyTools, rangesOf } from "./custody.js";
import type { DirectoryClient, FoundDocument, ListedDocument } from "./directory-client.js";
import {
  type DocumentCodec,
  type NodeDocument,
  nodeKey,
  SHARD_PREFIX,
  type ShardDescriptor,
  shardKey,
  shardOfKey,
} from "./documents.js";
import type { FormerLogs } from "./former-logs.js";
import { openRange } from "./going-back.js";
import { HandOff } from "./hand-off.js";
import type { Membership } from "./membership.js";
import { makeShard, makeStore, type OpeningParts, openTogether } from "./opening.js";
import { place } from "./placement.js";
import { ReadAhead } from "./read-ahead.js";
import type { ReplaySize } from "./replay.js";
import type { ShardMap } from "./shard-map.js";
import { type Half, Splitting } from "./splitting.js";

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

export interface Holding {
  readonly shard: Shard;
  readonly custody: Custody;
  isOpen: boolean;
  handOff: HandOff | null;
  splitting: Splitting | null;
}

/** Shards asked for, or given away, at the same time: each waits for a flush. */
const MOVES_MAX = 8;
/** A shard that was asked for and did not come is asked for again. */
const ASK_AGAIN_MS = 1_000;
/**
 * No shard that anybody owns has this epoch. Who asks with it asks for nothing, but says that it knows how to read ahead: a node
 * of an older version pays no attention to that, and is shown nothing, for it would take it for damage.
 */
const READS_AHEAD = 0;
/** Shards of one node that are being split at the same time: each waits for a flush, and then makes its callers wait. */
const SPLITS_MAX = 2;
/** What held up a split may last. */
const SPLIT_AGAIN_MS = 2_000;
/** All descriptors are read again, whatever else shows: what nobody told is found. */
const SWEEP_EVERY_MS = 30_000;

export class Holdings {
  readonly #parts: HoldingsParts;
  readonly #ahead: ReadAhead;
  readonly #holdingByShard = new Map<number, Holding>();
  #all: readonly Holding[] = [];
  readonly #claiming = new Set<number>();
  /** Ours by their descriptors, to be opened when no claim is under way any more: together they read a log once. */
  #toOpen: { readonly descriptor: ShardDescriptor; readonly token: string }[] = [];
  readonly #askedAtMs = new Map<number, number>();
  /** Nodes that have said that they read ahead what they are shown. */
  readonly #readers = new Set<LogId>();
  /** When a shard that was asked for may have to be asked for again. */
  #askAgainAtMs = Infinity;
  readonly #reading = new Set<number>();
  #desired: ReadonlyMap<number, LogId | null> = new Map();
  #livingNames = "";
  #isListed = false;
  #isListing = false;
  #isDue = false;
  #sweepAtMs = Infinity;
  #isClosed = false;
  #handedOff = 0;
  #takenOver = 0;
  #splitAgainAtMs = Infinity;

  constructor(parts: HoldingsParts) {
    this.#parts = parts;
    const { opening, effects } = parts;
    this.#ahead = new ReadAhead({
      effects,
      nowMs: () => opening.host.nowMs,
      tickMs: () => parts.tickMs(),
      makeStore: (descriptor) => makeStore(opening, descriptor),
      done: (shard, epoch) => this.#readAhead(shard, epoch),
    });
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

  /** Ours, or about to be: whoever asks for it waits here. */
  isComing(shard: number): boolean {
    return this.#isOnItsWay(shard) || this.#parts.map.of(shard).owner === this.#parts.incarnation;
  }

  /** Ours by its descriptor, and not to be opened any more, as the node stops: whoever comes after it claims the shard. */
  isStranded(shard: number): boolean {
    return this.#isClosed && !this.#isOnItsWay(shard) && this.#parts.map.of(shard).owner === this.#parts.incarnation;
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
    if (!this.#isListed || this.#isDue || this.#claiming.size > 0 || this.#toOpen.length > 0) return false;
    if (!membership.isSettled || this.#all.some(({ isOpen }) => !isOpen)) return false;
    return [...this.#desired].every(([shard, desired]) => {
      if (desired !== incarnation || this.of(shard) !== null || !map.isLeaf(shard)) return true;
      const { owner, damage } = map.of(shard);
      return damage !== null || (owner !== null && membership.isLiving(owner));
    });
  }

  /** The node that should own the shard, as this one sees it. */
  desired(shard: number): LogId | null {
    return this.#desired.get(shard) ?? null;
  }

  get statistics(): { readonly handedOff: number; readonly takenOver: number } {
    return { handedOff: this.#handedOff, takenOver: this.#takenOver };
  }

  /** Seeks nothing any more, and gives nothing away: the node stops. What has begun comes to its end. */
  close(): void {
    this.#isClosed = true;
    this.#ahead.keep(() => false);
  }

  /** What came of something that a store has asked for. */
  stored(shard: number, input: StoreInput): void {
    this.of(shard)?.shard.stored([input]);
    this.#ahead.stored(shard, input);
  }

  /** Nothing is on its way here or from here. */
  get isResting(): boolean {
    const isMoving = this.#all.some(({ isOpen, handOff, splitting }) => !isOpen || handOff !== null || splitting !== null);
    return this.#claiming.size === 0 && this.#toOpen.length === 0 && !isMoving;
  }

  /** Some shard of ours should be another living node's: by what is known now, and not at the last look. */
  get isWantedElsewhere(): boolean {
    const { incarnation, membership, map } = this.#parts;
    const desiredNow = place(membership.living, membership.plan, map.leaves, map.ids);
    return this.#all.some(({ shard, custody, handOff }) => {
      const desired = desiredNow.get(shard.shard) ?? null;
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
    const key = shardKey(shard);
    const read = (): void => {
      this.#reading.delete(shard);
      this.changed();
    };
    client.readAnew(
      key,
      (found) => {
        if (found !== null) this.#seen(key, found);
        read();
      },
      (message) => {
        this.#damaged(key, message);
        read();
      },
    );
  }

  /** All descriptors as they stand, read anew; nothing comes of it where one is damaged. */
  listDescriptors(then: (descriptors: readonly ShardDescriptor[]) => void): void {
    let isWhole = true;
    const listed = (found: readonly ListedDocument[]): void => {
      const descriptors = found.map(({ key, document }) => this.#seen(key, document));
      if (isWhole && descriptors.every((one) => one !== null)) then(descriptors);
    };
    this.#parts.client.listAnew(SHARD_PREFIX, listed, () => {
      isWhole = false;
    });
  }

  /** Another node asks for a shard. It gets it if it should have it by our own view, too; else it asks again. */
  handOffAsked(by: LogId, shard: number, epoch: number): void {
    if (epoch === READS_AHEAD) return void this.#readers.add(by);
    const holding = this.of(shard);
    if (holding === null) return this.reread(shard);
    const { membership } = this.#parts;
    if (membership.of(by) === null) membership.lookSoon();
    if (this.#isClosed || !holding.isOpen || holding.custody.isRefused) return;
    if (holding.handOff !== null || holding.splitting !== null) return;
    if (epoch !== holding.shard.epoch || this.desired(shard) !== by || !membership.isLiving(by)) return;
    if (this.#handingOff >= MOVES_MAX) return;
    const { custody } = this.#parts;
    const tools = {
      log: custody.log,
      isLiving: (log: LogId) => membership.isLiving(log),
      show: ({ custody: shown, to }: HandOff) => this.#show(to, shown),
      handedOver: (handOff: HandOff) => this.#handedOver(handOff),
      kept: (handOff: HandOff) => this.#kept(handOff),
    };
    holding.handOff = new HandOff(holding.shard, holding.custody, by, tools, this.#parts.tickMs());
    holding.handOff.turn(this.#parts.tickMs());
  }

  /** The next owner has read ahead: it may have the shard. */
  handOffAwaited(by: LogId, shard: number, epoch: number): void {
    const holding = this.of(shard);
    if (holding?.shard.epoch === epoch && holding.handOff?.to === by) holding.handOff.awaited();
  }

  /**
   * A shard's owner has written its descriptor, and shows it to us, its next owner: as good as read. While the shard is
   * still there we read ahead; when it names us the shard is ours.
   */
  shown(by: LogId, shard: number, document: FoundDocument): void {
    const { codec, custody, map, incarnation } = this.#parts;
    let descriptor: ShardDescriptor;
    try {
      descriptor = codec.decodeDescriptor(document.body, custody.clusterId);
    } catch (error) {
      if (!(error instanceof MalformedBytes)) throw error;
      return this.reread(shard);
    }
    const { owner, epoch } = descriptor;
    // Of an epoch that is over, or of a shard that has come meanwhile: it was long under way.
    if (descriptor.shard !== shard || epoch < map.of(shard).epoch || this.#isOnItsWay(shard)) return;
    if (owner !== by && owner !== incarnation) return this.reread(shard);
    map.seen(descriptor, document.token);
    if (owner === by && !this.#isClosed && this.desired(shard) === incarnation) this.#ahead.begin(descriptor);
    this.changed();
  }

  /** Once a turn. */
  turn(): void {
    const tickMs = this.#parts.tickMs();
    this.#ahead.turn();
    for (const { handOff, splitting } of this.#all) {
      handOff?.turn(tickMs);
      splitting?.turn(tickMs);
    }
    if (this.#isClosed || !this.#parts.membership.hasLooked) return;
    if (this.#isListed && tickMs >= this.#sweepAtMs) this.#list();
    if (tickMs >= this.#splitAgainAtMs) {
      this.#splitAgainAtMs = Infinity;
      this.changed();
    }
    if (!this.#isDue && tickMs < this.#askAgainAtMs) return;
    this.#isDue = false;
    this.#askAgainAtMs = Infinity;
    this.#look();
  }

  wakeAtMs(): number {
    const tickMs = this.#parts.tickMs();
    let wake = this.#ahead.wakeAtMs();
    for (const { handOff, splitting } of this.#all) {
      if (handOff !== null) wake = Math.min(wake, handOff.wakeAtMs(tickMs));
      if (splitting !== null) wake = Math.min(wake, splitting.wakeAtMs(tickMs));
    }
    // As in `turn`: what would not be done then is nothing to wake up for.
    if (this.#isClosed || !this.#parts.membership.hasLooked) return wake;
    if (this.#isDue) return tickMs;
    return Math.min(wake, this.#askAgainAtMs, this.#splitAgainAtMs, this.#isListing ? Infinity : this.#sweepAtMs);
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
      for (const reader of this.#readers) if (!membership.isLiving(reader)) this.#readers.delete(reader);
      return this.#list();
    }
    if (!this.#isListed) return;
    this.#ahead.keep((shard) => this.of(shard) === null && this.desired(shard) === incarnation);
    this.#endSilent();
    for (const shard of this.#askedAtMs.keys()) if (!map.isLeaf(shard)) this.#askedAtMs.delete(shard);
    for (const shard of map.leaves) {
      if (this.of(shard) !== null || this.#claiming.has(shard)) continue;
      const { owner, damage } = map.of(shard);
      if (damage !== null) this.#askedAtMs.delete(shard);
      else if (owner === incarnation) this.#adopt(shard);
      else if (this.desired(shard) === incarnation) this.#seek(shard, owner);
      else this.#askedAtMs.delete(shard);
    }
    for (const askedAtMs of this.#askedAtMs.values()) {
      this.#askAgainAtMs = Math.min(this.#askAgainAtMs, askedAtMs + ASK_AGAIN_MS);
    }
    this.#openClaimed();
    this.#split();
  }

  /** Shards of ours that the plan wants split, some at a time; those that should be elsewhere are split there. */
  #split(): void {
    const { membership, map, incarnation, custody, client, codec, nextToken } = this.#parts;
    const { splits = 0 } = membership.plan;
    const tickMs = this.#parts.tickMs();
    if (splits === 0 || this.#splitAgainAtMs < Infinity) return;
    let open = this.#all.reduce((count, { splitting }) => (splitting === null ? count : count + 1), 0);
    for (const holding of this.#all) {
      if (open >= SPLITS_MAX) return;
      const { shard, isOpen, handOff, splitting } = holding;
      const generation = map.ids.generationOf(shard.shard);
      if (generation >= splits || !map.ids.isAllowed(generation + 1)) continue;
      if (!isOpen || handOff !== null || splitting !== null || holding.custody.isRefused) continue;
      if (this.desired(shard.shard) !== incarnation) continue;
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

  /** In place of the shard its halves are here. */
  #halved({ shard, custody }: Splitting, halves: readonly Half[]): void {
    const { map, gone } = this.#parts;
    this.#holdingByShard.delete(shard.shard);
    this.#keepList();
    // First: what waits for the shard is to find that its halves are coming.
    this.#toOpen.push(...halves);
    map.seen(custody.descriptor, custody.token);
    for (const { descriptor, token } of halves) map.seen(descriptor, token);
    for (const { descriptor } of halves) this.#tell(descriptor);
    this.#tell(custody.descriptor);
    gone(shard, null);
    this.#openClaimed();
    this.changed();
  }

  /** The split came to nothing for now: something was slow, or somebody else was there before. */
  #whole({ shard }: Splitting): void {
    const holding = this.of(shard.shard);
    if (holding !== null) holding.splitting = null;
    this.#splitAgainAtMs = this.#parts.tickMs() + SPLIT_AGAIN_MS;
    this.#parts.kept(shard.shard);
    this.reread(shard.shard);
  }

  /** Members that do not live are brought to their ends by whoever should have a shard of theirs; what nobody should, the first does. */
  #endSilent(): void {
    const { membership, formers, incarnation, map } = this.#parts;
    const isFirst = membership.living.every((node) => node.incarnation >= incarnation);
    const wanted = new Set<LogId | null>();
    for (const [shard, desired] of this.#desired) if (desired === incarnation) wanted.add(map.of(shard).owner);
    for (const { document, token, isSilent } of membership.others) {
      if (document.status === "alive" && !isSilent) continue;
      if (isFirst || wanted.has(document.incarnation)) formers.end(document, { token });
    }
  }

  /** A shard that should be here and is not. */
  #seek(shard: number, owner: LogId | null): void {
    const { formers, membership, map } = this.#parts;
    if (owner !== null && membership.isLiving(owner) && !formers.isOver(owner)) return this.#ask(shard, owner);
    this.#askedAtMs.delete(shard);
    if (owner === null || formers.isOver(owner)) return this.#claim(shard);
    // Until its log has ended there is time to read what a claim will need; its descriptor changes no more, or hardly.
    const { standing } = map.of(shard);
    if (standing !== null && !this.#ahead.has(shard)) this.#ahead.begin(standing.descriptor);
    if (membership.of(owner) === null) formers.lookFor(owner);
  }

  #ask(shard: number, owner: LogId): void {
    const tickMs = this.#parts.tickMs();
    const askedAtMs = this.#askedAtMs.get(shard);
    if (askedAtMs === undefined && this.#askedAtMs.size >= MOVES_MAX) return;
    if (askedAtMs !== undefined && tickMs - askedAtMs < ASK_AGAIN_MS) return;
    if (askedAtMs !== undefined) this.reread(shard);
    this.#askedAtMs.set(shard, tickMs);
    this.#parts.send(owner, { kind: "handOffAsked", shard, epoch: READS_AHEAD });
    this.#parts.send(owner, { kind: "handOffAsked", shard, epoch: this.#parts.map.of(shard).epoch });
  }

  #claim(shard: number): void {
    const { map, client, codec, incarnation, nextToken, custody } = this.#parts;
    const { standing, epoch } = map.of(shard);
    // Only told: what stands there has to be known before it can be swapped.
    this.#askedAtMs.delete(shard);
    if (standing === null && (epoch > 0 || !map.ids.isFirst(shard))) return this.reread(shard);
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
      if (end === "lost") return this.reread(shard);
      if (former !== null && former.owner !== null) this.#takenOver++;
      map.seen(descriptor, token);
      this.#toOpen.push({ descriptor, token });
      this.#tell(descriptor);
      this.#openClaimed();
    });
  }

  /** Without a document of its own, nothing of it exists (15k). */
  #ownerOf({ owner }: ShardDescriptor): NodeDocument | null {
    return owner === null ? null : (this.#parts.formers.of(owner)?.document ?? null);
  }

  /** Its former owner has named us; of a half that may be ourselves, and then the end of our own swap brings it. */
  #adopt(shard: number): void {
    const parent = this.#parts.map.ids.parentOf(shard);
    if (parent !== null && this.of(parent) !== null) return;
    const { standing } = this.#parts.map.of(shard);
    this.#askedAtMs.delete(shard);
    if (standing === null) return this.reread(shard);
    if (this.#isToBeOpened(shard)) return;
    this.#toOpen.push(standing);
  }

  #isToBeOpened(shard: number): boolean {
    return this.#toOpen.some(({ descriptor }) => descriptor.shard === shard);
  }

  #openClaimed(): void {
    if (this.#claiming.size > 0 || this.#toOpen.length === 0) return;
    const { opening, custody } = this.#parts;
    const holdings = this.#toOpen.map(({ descriptor, token }): Holding => {
      const shard = makeShard(opening, descriptor, this.#ahead.take(descriptor));
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

  #handedOver(handOff: HandOff): void {
    const { map, gone } = this.#parts;
    const { descriptor, token } = handOff.custody;
    this.#handedOff++;
    this.#holdingByShard.delete(handOff.shard.shard);
    this.#keepList();
    // First: the next owner has to know before it is asked for what waits here.
    this.#show(handOff.to, handOff.custody);
    this.#tell(descriptor);
    map.seen(descriptor, token);
    gone(handOff.shard, handOff.ownRangeFrom);
    this.changed();
  }

  #show(to: LogId, { descriptor, token }: Custody): boolean {
    const { send, codec, custody } = this.#parts;
    if (!this.#readers.has(to)) return false;
    const { shard } = descriptor;
    send(to, { kind: "shardShown", shard, token, descriptor: codec.encodeDescriptor(descriptor, custody.clusterId) });
    return true;
  }

  #readAhead(shard: number, epoch: number): void {
    const { owner } = this.#parts.map.of(shard);
    if (owner !== null && this.#parts.membership.isLiving(owner))
      this.#parts.send(owner, { kind: "handOffAwaited", shard, epoch });
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
    let isWhole = true;
    const listed = (found: readonly ListedDocument[]): void => {
      this.#isListing = false;
      this.#isListed = true;
      const descriptors: ShardDescriptor[] = [];
      for (const { key, document } of found) {
        const descriptor = this.#seen(key, document);
        if (descriptor === null) isWhole = false;
        else descriptors.push(descriptor);
      }
      // What a damaged one names nobody knows.
      if (isWhole) {
        this.#forget(ended, descriptors);
        this.#parts.listed(descriptors);
      }
      // Alone for sure, nobody changes a descriptor but this node; only what is damaged is mended by somebody else.
      const isSteady = membership.wakeAtMs === Infinity && !this.#parts.map.isAnyDamaged;
      this.#sweepAtMs = isSteady ? Infinity : this.#parts.tickMs() + SWEEP_EVERY_MS;
      this.changed();
    };
    client.listAnew(SHARD_PREFIX, listed, (key, message) => {
      isWhole = false;
      this.#damaged(key, message);
    });
  }

  /** The descriptor that was read, made known; null where it is damaged. Of a newer format it ends the incarnation. */
  #seen(key: string, { token, body }: FoundDocument): ShardDescriptor | null {
    const { codec, custody, map } = this.#parts;
    try {
      const descriptor = codec.decodeDescriptor(body, custody.clusterId);
      map.seen(descriptor, token);
      return descriptor;
    } catch (error) {
      if (!(error instanceof MalformedBytes)) throw error;
      this.#damaged(key, error.message);
      return null;
    }
  }

  /** Refuses the shard alone. One that is here needs no descriptor until the next swap, which will tell. */
  #damaged(key: string, message: string): void {
    const { map, effects, kept } = this.#parts;
    const shard = shardOfKey(key);
    // A half that was never split off, or a shard that was split: nobody needs its descriptor.
    if (shard === null || !map.isLeaf(shard) || this.#isOnItsWay(shard)) return;
    const told = `document_damaged: ${key}: ${message}`;
    if (!map.damaged(shard, told)) return;
    effects.push({ kind: "shardRefused", shard, message: told });
    kept(shard);
  }

  /** Removes what no descriptor names any more (RULES.md 15k): the records of logs that are over, and their documents. */
  #forget(ended: FormerLogs["all"], descriptors: readonly ShardDescriptor[]): void {
    const { effects, formers } = this.#parts;
    for (const { document, token } of ended) {
      const log = document.incarnation;
      const isNamed = descriptors.some((one) => one.owner === log || rangesOf(one).some((range) => range.log === log));
      if (isNamed) continue;
      effects.push({ kind: "trimLog", log, base: Number.MAX_SAFE_INTEGER });
      effects.push({ kind: "removeDocument", key: nodeKey(log), expected: token });
      formers.forget(log);
    }
  }

  /** Where all shards are here, what their descriptors name is all that anybody names. */
  forgetFormers(): void {
    const { formers, map } = this.#parts;
    if (formers.size === 0 || this.#all.length < map.leaves.length) return;
    this.#forget(
      formers.all,
      this.#all.map(({ custody }) => custody.descriptor),
    );
  }

  #keepList(): void {
    this.#all = [...this.#holdingByShard.values()].sort((left, right) => left.shard.shard - right.shard.shard);
  }

  /** Here, or swapped by us: what was read is older, or will be found out by the next swap. */
  #isOnItsWay(shard: number): boolean {
    if (this.of(shard) !== null || this.#claiming.has(shard)) return true;
    return this.#isToBeOpened(shard);
  }

  get #handingOff(): number {
    return this.#all.reduce((count, { handOff }) => (handOff === null ? count : count + 1), 0);
  }
}
