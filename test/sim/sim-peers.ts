/**
 * The network between routers. A link is between two incarnations: it keeps the order of each direction and carries a frame
 * at most once, until it breaks. Then what is under way is lost from some point on, both ends are told so sooner or later,
 * in either order, and what an end sends before it was told is lost as well. What comes by the next link comes behind that.
 *
 * Harsher than that, in some seeds: frames that come twice or overtake others while the link stands. Not all may: a request
 * that comes twice, or behind its repetition, runs twice if it has no key, and a feed that comes in another order shows what never was. So the port
 * has to promise order and at-most-once for these; everything else looks after itself.
 */
import type { Input } from "../../src/core/input.js";
import type { LogId } from "../../src/core/log/record.js";
import type { PeerFrame } from "../../src/core/peers/frames.js";
import { peerCodec } from "../../src/protocol/peer/frame-codec.js";
import type { Random } from "./random.js";
import type { NetworkMix } from "./seed-shape.js";
import type { World } from "./world.js";

export interface PeerEnd {
  readonly name: LogId;
  readonly address: string;
  readonly isAlive: boolean;
  deliver(input: Input): void;
}

interface Link {
  readonly names: readonly [LogId, LogId];
  /** By receiver: when the last frame comes, and until when it has not been told of a break. */
  readonly lastAtMs: Map<LogId, number>;
  readonly toldAtMs: Map<LogId, number>;
  /** Grows when it breaks; frames of before that come later than `cutAtMs` are lost. */
  generation: number;
  cutAtMs: number;
  isBreaking: boolean;
}

/** A frame to nobody, or into a cut: how long until the sender's side notices. */
const NOTICED_WITHIN_MS = 3_000;
const TOLD_WITHIN_MS = 800;

const ONCE: ReadonlySet<PeerFrame["kind"]> = new Set(["asked", "fed"]);
const IN_ORDER: ReadonlySet<PeerFrame["kind"]> = new Set(["asked", "fed", "answered"]);

export class SimPeers {
  readonly #world: World;
  readonly #random: Random;
  readonly #mix: NetworkMix;
  readonly #endByName = new Map<LogId, PeerEnd>();
  readonly #endByAddress = new Map<string, PeerEnd>();
  readonly #addressesByName = new Map<LogId, ReadonlyMap<LogId, string>>();
  readonly #linkByNames = new Map<string, Link>();
  /** Who has heard what another has said to a former incarnation at its address. */
  readonly #hasHeard = new Set<string>();
  /** Directions that are cut, as `from>to` of addresses. */
  readonly #cuts = new Map<string, number>();
  isHealed = false;

  constructor(world: World, mix: NetworkMix) {
    this.#world = world;
    this.#random = world.fork();
    this.#mix = mix;
  }

  /** Whoever listened at that address before does not any more. */
  listen(end: PeerEnd): void {
    this.#endByName.set(end.name, end);
    this.#endByAddress.set(end.address, end);
  }

  known(end: PeerEnd, peers: readonly { readonly incarnation: LogId; readonly address: string }[]): void {
    this.#addressesByName.set(end.name, new Map(peers.map(({ incarnation, address }) => [incarnation, address])));
  }

  send(from: PeerEnd, to: LogId, frame: PeerFrame): void {
    const world = this.#world;
    world.count(`frame.${frame.kind}`);
    const address = this.#addressesByName.get(from.name)?.get(to);
    const link = this.#link(from.name, to);
    // Who was never told of the other can still answer it, by the link that the other has made.
    const isAnswering = this.#addressesByName.get(to)?.has(from.name) === true || this.#hasHeard.has(`${from.name} ${to}`);
    if (address === undefined && !isAnswering) {
      world.count("peer.unknown");
      return this.#breakSoon(link);
    }
    if (world.nowMs < (link.toldAtMs.get(from.name) ?? 0)) return;
    const bytes = peerCodec.encode({ from: from.name, to, frame });
    if (!this.isHealed && this.#random.chance(this.#mix.breaks)) {
      world.count("fault.peer.break");
      this.#break(link);
    }
    this.#carry(link, from, to, address, bytes, this.isHealed || IN_ORDER.has(frame.kind));
    if (this.isHealed || ONCE.has(frame.kind) || !this.#random.chance(this.#mix.doubled)) return;
    world.count("fault.peer.doubled");
    this.#carry(link, from, to, address, bytes, false);
  }

  /** Frames from one address to another vanish, until healed. */
  cut(from: string, to: string, forMs: number): void {
    this.#cuts.set(`${from}>${to}`, this.#world.nowMs + forMs);
  }

  /** Its links break, sooner or later. */
  ended(end: PeerEnd): void {
    if (this.#endByAddress.get(end.address) === end) this.#endByAddress.delete(end.address);
    for (const link of this.#linkByNames.values()) {
      if (link.names.includes(end.name)) this.#breakSoon(link);
    }
  }

  heal(): void {
    this.isHealed = true;
    this.#cuts.clear();
  }

  #carry(link: Link, from: PeerEnd, to: LogId, address: string | undefined, bytes: Uint8Array, isInOrder: boolean): void {
    const world = this.#world;
    const random = this.#random;
    const { generation } = link;
    const delayMs = this.#mix.delayMs * random.between(0.5, random.chance(0.02) && !this.isHealed ? 40 : 2);
    let atMs = Math.max(world.nowMs + delayMs, link.toldAtMs.get(to) ?? 0);
    if (!isInOrder && random.chance(this.#mix.overtaking)) {
      world.count("fault.peer.overtaking");
      atMs += random.between(0, 20 * this.#mix.delayMs);
    } else {
      atMs = Math.max(atMs, link.lastAtMs.get(to) ?? 0);
      link.lastAtMs.set(to, atMs);
    }
    world.after(atMs - world.nowMs, () => {
      // Behind a frame that was lost nothing comes before both ends are told.
      if (link.isBreaking || (link.generation !== generation && world.nowMs > link.cutAtMs)) {
        world.count("fault.peer.lostFrame");
        return;
      }
      const known = this.#endByName.get(to);
      const end = known?.isAlive === true ? known : address === undefined ? undefined : this.#endByAddress.get(address);
      if (end === undefined || !end.isAlive || this.#isCut(from.address, end.address)) {
        world.count("fault.peer.lostFrame");
        return this.#breakSoon(link);
      }
      if (end.name !== to) {
        world.count("peer.replaced");
        this.#hasHeard.add(`${end.name} ${from.name}`);
      }
      const envelope = peerCodec.decode(bytes);
      end.deliver({ kind: "peerReceived", ...envelope });
    });
  }

  #isCut(from: string, to: string): boolean {
    return (this.#cuts.get(`${from}>${to}`) ?? 0) > this.#world.nowMs;
  }

  #breakSoon(link: Link): void {
    if (link.isBreaking) return;
    link.isBreaking = true;
    const afterMs = this.#random.chance(0.5) ? this.#random.between(0, 50) : this.#random.between(0, NOTICED_WITHIN_MS);
    this.#world.after(this.isHealed ? Math.min(afterMs, 50) : afterMs, () => {
      link.isBreaking = false;
      this.#break(link);
    });
  }

  #break(link: Link): void {
    const { nowMs } = this.#world;
    this.#world.count("peer.broken");
    link.generation++;
    link.cutAtMs = nowMs + this.#random.between(0, this.#mix.delayMs);
    for (const [at, name] of link.names.entries()) {
      const afterMs = link.cutAtMs - nowMs + this.#random.between(0, this.#random.pick([1, 20, TOLD_WITHIN_MS]));
      link.toldAtMs.set(name, Math.max(nowMs + afterMs, link.toldAtMs.get(name) ?? 0));
      this.#world.after(afterMs, () => {
        const end = this.#endByName.get(name);
        if (end?.isAlive === true) end.deliver({ kind: "peerLost", incarnation: link.names[1 - at] as LogId });
      });
    }
  }

  #link(one: LogId, other: LogId): Link {
    const key = one < other ? `${one} ${other}` : `${other} ${one}`;
    let link = this.#linkByNames.get(key);
    if (link === undefined) {
      const fresh = { generation: 0, cutAtMs: 0, isBreaking: false, lastAtMs: new Map(), toldAtMs: new Map() };
      link = { names: [one, other], ...fresh };
      this.#linkByNames.set(key, link);
    }
    return link;
  }
}
