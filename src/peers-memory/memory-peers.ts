/**
 * The peer port in memory: a hub connects nodes of one process, on the time of a clock. For tests and embedding; with hooks for
 * what goes wrong between nodes.
 */
import type { ClockPort } from "../ports/clock.js";
import { FRAME_BYTES_MAX, type PeerListener, type PeerPort } from "../ports/peers.js";
import { Conversation } from "./conversation.js";

/** After this long nobody believes any more that a silent link is whole. As the real ones have it. */
const SILENCE_MS = 3000;
/** Frames under way in one direction. */
const QUEUE_BYTES_MAX = 72 * 1024 * 1024;

export interface MemoryHubOptions {
  readonly clock: ClockPort;
  readonly queueBytesMax?: number;
}

export class MemoryPeerHub {
  readonly #clock: ClockPort;
  readonly #queueBytesMax: number;
  readonly #nodeByAddress = new Map<string, MemoryPeers>();
  /** By both addresses, the lower one first. */
  readonly #conversationByPair = new Map<string, Conversation<MemoryPeers>>();
  /** Directions, `from to`, in which nothing arrives. */
  readonly #cuts = new Set<string>();
  readonly #delayMsByDirection = new Map<string, number>();

  constructor(options: MemoryHubOptions) {
    this.#clock = options.clock;
    this.#queueBytesMax = options.queueBytesMax ?? QUEUE_BYTES_MAX;
  }

  /** A node at the address. One that is there already is replaced by it, as by a process that was started in its place. */
  open(address: string, listener: PeerListener): PeerPort {
    this.kill(address);
    const node = new MemoryPeers(this, address, listener);
    this.#nodeByAddress.set(address, node);
    return node;
  }

  /** The node is gone without a word; the others hear of it. */
  kill(address: string): void {
    this.#nodeByAddress.get(address)?.die();
    this.#nodeByAddress.delete(address);
    for (const conversation of this.#conversationsOf(address)) conversation.endAfter(0);
  }

  /** From now on nothing arrives in this direction, and a link is noticed to be broken after three seconds. */
  cut(from: string, to: string): void {
    this.#cuts.add(`${from} ${to}`);
    this.#conversationByPair.get(pairOf(from, to))?.endAfter(SILENCE_MS);
  }

  /** What is sent in later conversations arrives again. */
  heal(from: string, to: string): void {
    this.#cuts.delete(`${from} ${to}`);
  }

  /** Frames take this long in this direction from now on. */
  delay(from: string, to: string, ms: number): void {
    this.#delayMsByDirection.set(`${from} ${to}`, ms);
  }

  /** Loses what is under way between the two, in both directions. */
  lose(one: string, other: string): void {
    this.#conversationByPair.get(pairOf(one, other))?.endAfter(0);
  }

  /** For `MemoryPeers`. */
  send(from: MemoryPeers, to: string, frame: Uint8Array): void {
    const conversation = this.#conversation(from, to);
    conversation.join(from);
    const direction = `${from.address} ${to}`;
    conversation.send(from.address, to, frame, this.#delayMsByDirection.get(direction) ?? 0, this.#queueBytesMax);
  }

  /** For `MemoryPeers`. */
  forget(from: string, to: string): void {
    this.#conversationByPair.get(pairOf(from, to))?.endBehindWhatIsQueued(from);
  }

  /** For `MemoryPeers`. Resolves when the node is in no conversation any more. */
  async leave(node: MemoryPeers): Promise<void> {
    if (this.#nodeByAddress.get(node.address) !== node) return;
    this.#nodeByAddress.delete(node.address);
    const ended = this.#conversationsOf(node.address).map((conversation) => {
      conversation.endBehindWhatIsQueued(node.address);
      return conversation.ended;
    });
    await Promise.all(ended);
  }

  #conversation(from: MemoryPeers, to: string): Conversation<MemoryPeers> {
    const pair = pairOf(from.address, to);
    let conversation = this.#conversationByPair.get(pair);
    if (conversation !== undefined) return conversation;
    const target = this.#nodeByAddress.get(to);
    conversation = new Conversation(this.#clock, [from.address, to], () => this.#conversationByPair.delete(pair));
    this.#conversationByPair.set(pair, conversation);
    if (target === undefined) conversation.endAfter(0);
    else if (this.#cuts.has(`${from.address} ${to}`) || this.#cuts.has(`${to} ${from.address}`))
      conversation.endAfter(SILENCE_MS);
    else conversation.join(target);
    return conversation;
  }

  #conversationsOf(address: string): Conversation<MemoryPeers>[] {
    return [...this.#conversationByPair]
      .filter(([pair]) => pair.split(" ").includes(address))
      .map(([, conversation]) => conversation);
  }
}

class MemoryPeers implements PeerPort {
  readonly address: string;
  readonly #hub: MemoryPeerHub;
  /** Null when the node is gone: nothing is told any more. */
  #listener: PeerListener | null;

  constructor(hub: MemoryPeerHub, address: string, listener: PeerListener) {
    this.address = address;
    this.#hub = hub;
    this.#listener = listener;
  }

  send(address: string, frame: Uint8Array): void {
    if (frame.length > FRAME_BYTES_MAX) throw new RangeError(`a frame of ${frame.length} bytes`);
    if (address === this.address) throw new RangeError("a frame to this node itself");
    if (this.#listener !== null) this.#hub.send(this, address, frame);
  }

  forget(address: string): void {
    if (this.#listener !== null) this.#hub.forget(this.address, address);
  }

  close(): Promise<void> {
    this.die();
    return this.#hub.leave(this);
  }

  die(): void {
    this.#listener = null;
  }

  received(from: string, frame: Uint8Array): void {
    this.#listener?.received(from, frame);
  }

  lost(address: string): void {
    this.#listener?.lost(address);
  }
}

function pairOf(one: string, other: string): string {
  return one < other ? `${one} ${other}` : `${other} ${one}`;
}
