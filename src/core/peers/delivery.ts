/**
 * Messages between shards of different nodes (RULES.md 9d, 9f, 9g). What goes out waits until it is durable; the target takes
 * it in order or says that the stream is broken, and then the source begins a new one at its lowest unacknowledged number.
 *
 *   source: begun ──messages, each naming the one before──> begun ──broken, link lost, target moved──> begun anew
 *
 * A stream says what was sent in it and nothing of what was consumed: that is what marks and acknowledgements are for.
 */
import type { Effect } from "../effect.js";
import type { Message } from "../entity/command.js";
import type { Gate } from "../log/gate.js";
import type { LogId } from "../log/record.js";
import type { Shard } from "../shard/shard.js";
import type { PeerFrame, StreamId } from "./frames.js";

export interface DeliveryParts {
  readonly incarnation: LogId;
  readonly gate: Gate;
  readonly effects: Effect[];
  /** The living owner of a shard that is elsewhere; null where it is not known. */
  ownerOf(shard: number): LogId | null;
  /** The shard as it is served here; null: it is not. */
  serving(shard: number): Shard | null;
  /** Position of the last entry that was added to our log. */
  lastPosition(): number;
  tickMs(): number;
  reread(shard: number): void;
}

/** As the source sees it. */
interface Sending {
  readonly to: LogId;
  readonly id: StreamId;
  /** The last number sent in it; 0: none. */
  last: number;
  /** When something of it was last acknowledged, or it began. */
  heardAtMs: number;
}

/** As the target sees it. */
interface Receiving {
  readonly id: StreamId;
  last: number;
  isBroken: boolean;
}

/** Messages of one stream that are not acknowledged: what the target's window takes at most (RULES.md 9e). */
const UNACKNOWLEDGED_MAX = 1_000;
/** Nothing was acknowledged for so long, with messages waiting: the acknowledgements may be lost, or the messages. */
const SILENCE_MS = 5_000;

export class Delivery {
  readonly #parts: DeliveryParts;
  /** By source and target shard. */
  readonly #sending = new Map<string, Sending>();
  readonly #receiving = new Map<string, Receiving>();
  #streams = 0;
  /** Consumed here, of sources elsewhere, in this step: by source and target shard. */
  readonly #consumed = new Map<
    string,
    { readonly sourceShard: number; readonly targetShard: number; readonly numbers: number[] }
  >();
  #silenceAtMs = Infinity;

  constructor(parts: DeliveryParts) {
    this.#parts = parts;
  }

  /** A message of a shard of ours for one that is elsewhere; false: not now. `lowest`: the first that is not acknowledged. */
  send(message: Message, epoch: number, lowest: number): boolean {
    const { sourceShard, targetShard, number } = message;
    const to = this.#parts.ownerOf(targetShard);
    if (to === null || number - lowest >= UNACKNOWLEDGED_MAX) return false;
    const key = pairKey(sourceShard, targetShard);
    let stream = this.#sending.get(key);
    if (stream === undefined || stream.to !== to || stream.id.epoch !== epoch) {
      // A new stream begins with the first that is not acknowledged, whatever was sent before.
      if (number !== lowest) return this.#restart(sourceShard, targetShard, "now");
      stream = { to, id: { epoch, number: ++this.#streams }, last: 0, heardAtMs: this.#parts.tickMs() };
      this.#sending.set(key, stream);
    }
    if (number <= stream.last) return true;
    const frame: PeerFrame = { kind: "messageSent", message, stream: stream.id, previous: stream.last };
    stream.last = number;
    this.#out(to, frame);
    this.#watch();
    return true;
  }

  /** A message arrived from another node. */
  received(from: LogId, { message, stream, previous }: PeerFrame & { readonly kind: "messageSent" }): void {
    const { sourceShard, targetShard, number } = message;
    const key = pairKey(sourceShard, targetShard);
    const known = this.#receiving.get(key);
    if (known !== undefined && isLater(known.id, stream)) return;
    let receiving = known;
    if (receiving === undefined || isLater(stream, receiving.id)) {
      receiving = { id: stream, last: 0, isBroken: false };
      this.#receiving.set(key, receiving);
    }
    if (receiving.isBroken) return;
    const shard = this.#parts.serving(targetShard);
    if (shard !== null && previous === receiving.last && shard.receive(message)) {
      receiving.last = number;
      return;
    }
    receiving.isBroken = true;
    this.#out(from, { kind: "streamBroken", sourceShard, targetShard, stream }, 0);
  }

  /** The target says so: a new stream begins, after a moment, as its reason may last. */
  broken({ sourceShard, targetShard, stream }: PeerFrame & { readonly kind: "streamBroken" }): void {
    const sending = this.#sending.get(pairKey(sourceShard, targetShard));
    if (sending === undefined || sending.id.number !== stream.number || sending.id.epoch !== stream.epoch) return;
    this.#parts.reread(targetShard);
    this.#restart(sourceShard, targetShard, "later");
  }

  /** A message from elsewhere is consumed, or was before: its source may forget it once the mark is durable. */
  acknowledge(sourceShard: number, targetShard: number, number: number): void {
    const key = pairKey(sourceShard, targetShard);
    const waiting = this.#consumed.get(key);
    if (waiting === undefined) this.#consumed.set(key, { sourceShard, targetShard, numbers: [number] });
    else waiting.numbers.push(number);
  }

  acknowledged({ sourceShard, targetShard, numbers }: PeerFrame & { readonly kind: "messagesAcknowledged" }): void {
    const shard = this.#parts.serving(sourceShard);
    const sending = this.#sending.get(pairKey(sourceShard, targetShard));
    if (sending !== undefined) sending.heardAtMs = this.#parts.tickMs();
    if (shard !== null) for (const number of numbers) shard.acknowledged(targetShard, number);
  }

  /** What went to that node, or came from it, may be lost. */
  lost(peer: LogId): void {
    for (const [key, { to }] of [...this.#sending]) {
      if (to === peer) this.#restart(...shardsOf(key), "later");
    }
  }

  /** The shard has another owner than was known: messages to it go there from now on. */
  moved(target: number): void {
    for (const key of [...this.#sending.keys()]) {
      const [sourceShard, targetShard] = shardsOf(key);
      if (targetShard === target) this.#restart(sourceShard, targetShard, "now");
    }
  }

  /** A shard is not ours any more, or is again: its streams are over. */
  forget(shard: number): void {
    for (const key of [...this.#sending.keys()]) if (shardsOf(key)[0] === shard) this.#sending.delete(key);
    for (const key of [...this.#receiving.keys()]) if (shardsOf(key)[1] === shard) this.#receiving.delete(key);
  }

  /** Sends the acknowledgements of this step, and begins streams anew that have heard nothing. Once a turn, behind all entries. */
  turn(): void {
    if (this.#consumed.size > 0) {
      for (const { sourceShard, targetShard, numbers } of this.#consumed.values()) {
        const to = this.#parts.ownerOf(sourceShard);
        // Lost otherwise: the source sends again, and it is acknowledged again.
        if (to !== null) this.#out(to, { kind: "messagesAcknowledged", sourceShard, targetShard, numbers });
      }
      this.#consumed.clear();
    }
    const tickMs = this.#parts.tickMs();
    if (tickMs < this.#silenceAtMs) return;
    this.#silenceAtMs = Infinity;
    for (const [key, { heardAtMs }] of [...this.#sending]) {
      if (tickMs - heardAtMs < SILENCE_MS) continue;
      const [sourceShard, targetShard] = shardsOf(key);
      const shard = this.#parts.serving(sourceShard);
      if (shard?.state.outbox.lowest(targetShard) == null) this.#sending.delete(key);
      else this.#restart(sourceShard, targetShard, "now");
    }
    if (this.#sending.size > 0) this.#watch();
  }

  get wakeAtMs(): number {
    return this.#silenceAtMs;
  }

  #watch(): void {
    if (this.#silenceAtMs === Infinity) this.#silenceAtMs = this.#parts.tickMs() + SILENCE_MS;
  }

  /** The next that the source sends is its lowest unacknowledged one. */
  #restart(sourceShard: number, targetShard: number, when: "now" | "later"): false {
    this.#sending.delete(pairKey(sourceShard, targetShard));
    this.#parts.serving(sourceShard)?.restartStream(targetShard, when);
    return false;
  }

  #out(to: LogId, frame: PeerFrame, position: number = this.#parts.lastPosition()): void {
    this.#parts.gate.pass(position, { kind: "peerSend", to, frame }, this.#parts.effects);
  }
}

function pairKey(sourceShard: number, targetShard: number): string {
  return `${sourceShard}>${targetShard}`;
}

function shardsOf(key: string): [source: number, target: number] {
  const at = key.indexOf(">");
  return [Number(key.slice(0, at)), Number(key.slice(at + 1))];
}

function isLater(one: StreamId, other: StreamId): boolean {
  return one.epoch > other.epoch || (one.epoch === other.epoch && one.number > other.number);
}
