/**
 * Planned moves: a shard goes from one living node to another. Its next owner asks for it, is shown what it will be made of and
 * reads that ahead; its present owner begins the hand-off (hand-off.ts), and the descriptor says when it is done.
 *
 *   next owner      asks ─────────────────> reads ahead, says so ─────────────> the shard is its own
 *   present owner         hand-off, shows ^                     └> drains, swaps, shows ^
 */
import { MalformedBytes } from "../bytes/byte-reader.js";
import type { Effect } from "../effect.js";
import type { LogId } from "../log/record.js";
import type { PeerFrame } from "../peers/frames.js";
import type { Shard } from "../shard/shard.js";
import type { ShardStore } from "../store/shard-store.js";
import type { StoreInput } from "../store/store-io.js";
import type { Custody, CustodyTools } from "./custody.js";
import type { Descriptors } from "./descriptors.js";
import type { FoundDocument } from "./directory-client.js";
import type { DocumentCodec, ShardDescriptor } from "./documents.js";
import { HandOff } from "./hand-off.js";
import type { HeldShards } from "./held-shards.js";
import type { Membership } from "./membership.js";
import { makeStore, type OpeningParts } from "./opening.js";
import { ReadAhead } from "./read-ahead.js";
import type { ShardMap } from "./shard-map.js";

export interface MovesParts {
  readonly opening: OpeningParts;
  readonly custody: CustodyTools;
  readonly codec: DocumentCodec;
  readonly incarnation: LogId;
  readonly membership: Membership;
  readonly map: ShardMap;
  readonly effects: Effect[];
  readonly held: HeldShards;
  readonly descriptors: Descriptors;
  tickMs(): number;
  send(to: LogId, frame: PeerFrame): void;
  /** The node that should own the shard. */
  desired(shard: number): LogId | null;
  /** The shard belongs to another node. `from`: what it may still need of our log begins there; null: nothing. */
  gone(shard: Shard, from: number | null): void;
  /** The hand-off came to nothing: what waits for the shard gets its answer here. */
  kept(shard: number): void;
  changed(): void;
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

export class Moves {
  readonly #parts: MovesParts;
  readonly #ahead: ReadAhead;
  readonly #askedAtMs = new Map<number, number>();
  /** Nodes that have said that they read ahead what they are shown. */
  readonly #readers = new Set<LogId>();
  #isClosed = false;
  #handedOff = 0;

  constructor(parts: MovesParts) {
    this.#parts = parts;
    const { opening, effects } = parts;
    this.#ahead = new ReadAhead({
      effects,
      nowMs: () => opening.host.nowMs,
      tickMs: () => parts.tickMs(),
      makeStore: (descriptor) => makeStore(opening, descriptor),
      done: (shard, epoch) => this.#hasReadAhead(shard, epoch),
    });
  }

  /** Asks a living owner for a shard that should be here. */
  ask(shard: number, owner: LogId): void {
    const tickMs = this.#parts.tickMs();
    const askedAtMs = this.#askedAtMs.get(shard);
    if (askedAtMs === undefined && this.#askedAtMs.size >= MOVES_MAX) return;
    if (askedAtMs !== undefined && tickMs - askedAtMs < ASK_AGAIN_MS) return;
    if (askedAtMs !== undefined) this.#parts.descriptors.reread(shard);
    this.#askedAtMs.set(shard, tickMs);
    this.#parts.send(owner, { kind: "handOffAsked", shard, epoch: READS_AHEAD });
    this.#parts.send(owner, { kind: "handOffAsked", shard, epoch: this.#parts.map.of(shard).epoch });
  }

  /** The shard is not waited for any more: it has come, or nobody can give it. */
  unask(shard: number): void {
    this.#askedAtMs.delete(shard);
  }

  /** When a shard that was asked for may have to be asked for again. */
  get askAgainAtMs(): number {
    let againAtMs = Infinity;
    for (const askedAtMs of this.#askedAtMs.values()) againAtMs = Math.min(againAtMs, askedAtMs + ASK_AGAIN_MS);
    return againAtMs;
  }

  /** Another node asks for a shard. It gets it if it should have it by our own view, too; else it asks again. */
  asked(by: LogId, shard: number, epoch: number): void {
    if (epoch === READS_AHEAD) return void this.#readers.add(by);
    const { membership, held, descriptors, desired } = this.#parts;
    const holding = held.of(shard);
    if (holding === null) return descriptors.reread(shard);
    if (membership.of(by) === null) membership.lookSoon();
    if (this.#isClosed || !holding.isOpen || holding.custody.isRefused) return;
    if (holding.handOff !== null || holding.splitting !== null) return;
    if (epoch !== holding.shard.epoch || desired(shard) !== by || !membership.isLiving(by)) return;
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
  awaited(by: LogId, shard: number, epoch: number): void {
    const holding = this.#parts.held.of(shard);
    if (holding?.shard.epoch === epoch && holding.handOff?.to === by) holding.handOff.awaited();
  }

  /**
   * A shard's owner has written its descriptor, and shows it to us, its next owner: as good as read. While the shard is
   * still there we read ahead; when it names us the shard is ours.
   */
  shown(by: LogId, shard: number, document: FoundDocument): void {
    const { codec, custody, map, incarnation, held, descriptors, desired } = this.#parts;
    let descriptor: ShardDescriptor;
    try {
      descriptor = codec.decodeDescriptor(document.body, custody.clusterId);
    } catch (error) {
      if (!(error instanceof MalformedBytes)) throw error;
      return descriptors.reread(shard);
    }
    const { owner, epoch } = descriptor;
    // Of an epoch that is over, or of a shard that has come meanwhile: it was long under way.
    if (descriptor.shard !== shard || epoch < map.of(shard).epoch || held.isOnItsWay(shard)) return;
    if (owner !== by && owner !== incarnation) return descriptors.reread(shard);
    map.seen(descriptor, document.token);
    if (owner === by && !this.#isClosed && desired(shard) === incarnation) this.#ahead.begin(descriptor);
    this.#parts.changed();
  }

  /** Reads ahead a shard whose owner is silent: until its log has ended there is time to read what a claim will need. */
  readAhead(descriptor: ShardDescriptor): void {
    if (!this.#ahead.has(descriptor.shard)) this.#ahead.begin(descriptor);
  }

  /** What was read ahead of the shard, where it has come with the very same segments. */
  takeAhead(descriptor: ShardDescriptor): ShardStore | null {
    return this.#ahead.take(descriptor);
  }

  /** What came of something that a store has asked for. */
  stored(shard: number, input: StoreInput): void {
    this.#ahead.stored(shard, input);
  }

  /** Drops what is neither awaited nor a shard any more. */
  tidy(): void {
    const { held, map, incarnation, desired } = this.#parts;
    this.#ahead.keep((shard) => held.of(shard) === null && desired(shard) === incarnation);
    // What has come, by whatever way, is not asked for any more; nor is what was split.
    for (const shard of this.#askedAtMs.keys()) if (!map.isLeaf(shard) || held.isOnItsWay(shard)) this.#askedAtMs.delete(shard);
  }

  /** Other nodes live than did. */
  membersChanged(): void {
    for (const reader of this.#readers) if (!this.#parts.membership.isLiving(reader)) this.#readers.delete(reader);
  }

  /** Once a turn. */
  turn(): void {
    this.#ahead.turn();
  }

  wakeAtMs(): number {
    return this.#ahead.wakeAtMs();
  }

  /** Begins nothing any more: the node stops. What has begun comes to its end. */
  close(): void {
    this.#isClosed = true;
    this.#ahead.keep(() => false);
  }

  /** Shards that were handed over to others. */
  get handedOff(): number {
    return this.#handedOff;
  }

  get #handingOff(): number {
    return this.#parts.held.all.reduce((count, { handOff }) => (handOff === null ? count : count + 1), 0);
  }

  #handedOver(handOff: HandOff): void {
    const { map, held, descriptors, gone } = this.#parts;
    const { descriptor, token } = handOff.custody;
    this.#handedOff++;
    held.remove(handOff.shard.shard);
    // First: the next owner has to know before it is asked for what waits here.
    this.#show(handOff.to, handOff.custody);
    descriptors.tell(descriptor);
    map.seen(descriptor, token);
    gone(handOff.shard, handOff.ownRangeFrom);
    this.#parts.changed();
  }

  #kept({ shard }: HandOff): void {
    const holding = this.#parts.held.of(shard.shard);
    if (holding !== null) holding.handOff = null;
    this.#parts.kept(shard.shard);
  }

  #show(to: LogId, { descriptor, token }: Custody): boolean {
    const { send, codec, custody } = this.#parts;
    if (!this.#readers.has(to)) return false;
    const { shard } = descriptor;
    send(to, { kind: "shardShown", shard, token, descriptor: codec.encodeDescriptor(descriptor, custody.clusterId) });
    return true;
  }

  #hasReadAhead(shard: number, epoch: number): void {
    const { owner } = this.#parts.map.of(shard);
    if (owner !== null && this.#parts.membership.isLiving(owner))
      this.#parts.send(owner, { kind: "handOffAwaited", shard, epoch });
  }
}
