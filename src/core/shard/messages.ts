/**
 * Messages, both ways. Sending: everything in the outbox goes to its target's shard in the order of the numbers, and again
 * from the lowest unacknowledged one whenever the stream was held up (RULES.md 9d, 9g). Receiving: a message runs once, in
 * the order of its stream; what cannot run soon moves to the inbox (9e).
 */
import type { EntityAddress } from "../entity/address.js";
import type { Command, Message, Outcome } from "../entity/command.js";
import type { AcknowledgedBody } from "../log/entry.js";
import { decodeInbox, INBOX_MAX, inboxKey } from "../store/key-spaces/inbox.js";
import type { ShardContext } from "./shard-context.js";
import { type EntitySlot, type Item, newItem } from "./slot.js";
import type { StoreReads } from "./store-reads.js";
import { streamOf, streamSource } from "./stream-source.js";

/** Numbers acknowledged in one entry, at most, and how long the first may wait for others. */
const ACKNOWLEDGED_MAX = 1_024;
const ACKNOWLEDGE_WITHIN_MS = 20;
/** A stream that was held up is tried again after this. */
const HELD_RETRY_MS = 50;
const REFILL_COUNT = 128;
const REFILL_BYTES = 4 << 20;

/** Where commands go on to: src/core/shard/arrivals.ts. */
export interface Mailboxes {
  enqueue(to: EntityAddress, item: Item): void;
  enqueueInto(slot: EntitySlot, item: Item): void;
  goOn(slot: EntitySlot): void;
}

export class Messages {
  readonly #context: ShardContext;
  readonly #reads: StoreReads;
  #mailboxes: Mailboxes | null = null;
  /** Received and not consumed, by the number of the stream's source. */
  readonly #receivedBySource = new Map<number, Set<number>>();
  /** The first number to a target that was not taken; the stream goes on from there. */
  readonly #heldByTarget = new Map<number, number>();
  #heldRetryAtMs: number | null = null;
  readonly #acknowledgedByTarget = new Map<number, number[]>();
  #acknowledgeAtMs: number | null = null;
  #isParking = false;
  /** What a former owner left unsent has gone out: it goes before everything that is born here. */
  #hasBegun = false;

  constructor(context: ShardContext, reads: StoreReads) {
    this.#context = context;
    this.#reads = reads;
  }

  connect(mailboxes: Mailboxes): void {
    this.#mailboxes = mailboxes;
  }

  /** Sends everything that is unacknowledged, to all targets. Once all shards are open; what is born until then waits for it. */
  begin(): void {
    this.#hasBegun = true;
    const { outbox } = this.#context.state;
    for (const target of outbox.targets()) this.resend(target, outbox.lowest(target) ?? 0);
  }

  /** Messages have entered the outbox: they go out at once unless their stream is held up. */
  born(messages: readonly Message[]): void {
    if (!this.#hasBegun) return;
    for (const message of messages) {
      if (this.#heldByTarget.has(message.targetShard)) continue;
      if (!this.#send(message)) this.#hold(message);
    }
  }

  /** Sends what is unacknowledged, from a number on. After opening, and whenever a stream was held up. */
  resend(target: number, from: number): void {
    this.#heldByTarget.delete(target);
    for (const message of [...this.#context.state.outbox.from(target, from)]) {
      if (this.#send(message)) continue;
      this.#hold(message);
      return;
    }
  }

  /**
   * Sends everything to a target again, from the lowest unacknowledged on: at once where its shard has another owner; after a
   * moment where a stream has a gap or its link is lost, as the reason may last.
   */
  restart(target: number, when: "now" | "later"): void {
    const lowest = this.#context.state.outbox.lowest(target);
    if (lowest === null) this.#heldByTarget.delete(target);
    else this.#holdAt(target, lowest, when === "now" ? 0 : HELD_RETRY_MS);
  }

  /** Takes a message into its entity's mailbox; false when it has to be sent again later, with all that follow it. */
  receive(message: Message): boolean {
    const { number, to } = message;
    const sourceShard = this.#sourceOf(message);
    if (this.#context.state.marksOf(sourceShard).has(number)) {
      this.#context.host.acknowledge(message);
      return true;
    }
    const received = this.#receivedFrom(sourceShard);
    if (received.has(number)) return true;
    if (received.size >= this.#context.host.limits.messageWindow) return false;
    const isKnown = this.#context.host.typeOf(to.type) !== null;
    const slot = this.#context.slotOf(to);
    if (slot?.isPurging === true) return false;
    if (!isKnown || slot?.isFull === true || this.#isParking) return this.#overflow(message, slot);
    received.add(number);
    const item = newItem(message.command, { kind: "message", sourceShard, number }, message.timer);
    this.#mailboxes?.enqueue(to, item);
    return true;
  }

  /** The message's mark is in an entry: its sender may forget it. */
  consumed(source: number, number: number): void {
    this.forget(source, number);
    const stream = streamOf(source, this.#context.shard);
    if (stream.source === this.#context.shard) return;
    this.#context.host.acknowledge({ sourceShard: stream.source, targetShard: stream.target, number });
  }

  /**
   * From now on every message that comes goes to the inbox at once, and so does what waits here from the shard itself: its
   * outbox empties although nothing runs, and so does that of another shard that waits for the same.
   */
  beginParking(): void {
    this.#isParking = true;
    const { shard, slotByKey } = this.#context;
    const isOwn = ({ origin }: Item): boolean => origin.kind === "message" && origin.sourceShard === shard;
    for (const slot of slotByKey.values()) {
      if (slot.running.some(isOwn) || slot.mailbox.some(isOwn)) this.#parkAll(slot);
    }
    // What was held up, also by the shard's own mailboxes, is tried at once.
    if (this.#heldByTarget.size > 0) this.#heldRetryAtMs = this.#context.host.tickMs;
  }

  endParking(): void {
    this.#isParking = false;
  }

  /** Of any one source: messages received and not consumed. */
  get receivedMost(): number {
    return Math.max(0, ...[...this.#receivedBySource.values()].map((received) => received.size));
  }

  forget(source: number, number: number): void {
    this.#receivedBySource.get(source)?.delete(number);
  }

  /** Moves a message that cannot run soon to the inbox, with its mark, so that it no longer holds the window. */
  park(slot: EntitySlot, item: Item): void {
    if (item.origin.kind !== "message" || this.#context.state.inboxCount >= INBOX_MAX) return;
    const stream = streamOf(item.origin.sourceShard, this.#context.shard);
    const message: Message = {
      sourceShard: stream.source,
      targetShard: stream.target,
      number: item.origin.number,
      to: slot.address,
      command: item.command,
      timer: item.timer,
    };
    const inboxNumber = this.#park(message);
    if (inboxNumber === null) return;
    item.origin = { kind: "inbox", number: inboxNumber };
    slot.position = this.#context.host.log.last;
  }

  /** Loads what overflowed a mailbox, once there is room again. */
  refill(slot: EntitySlot): void {
    const { mailboxMax } = slot.spec.policy;
    if (this.#context.isPaused || slot.overflowFrom === 0 || slot.isRefilling || slot.isPurging || slot.waiting > mailboxMax / 2)
      return;
    const first = slot.overflowFrom;
    const lastAsked = slot.overflowLast;
    slot.isRefilling = true;
    const range = {
      from: inboxKey(slot.prefix, first),
      to: inboxKey(slot.prefix, lastAsked + 1),
      limit: Math.min(REFILL_COUNT, Math.max(1, mailboxMax - slot.waiting)),
      bytesMax: REFILL_BYTES,
    };
    this.#reads.scan(range, (items, next) => {
      slot.isRefilling = false;
      if (slot.overflowFrom === 0) return; // purged meanwhile
      let last = first - 1;
      for (const { key, value } of items) {
        const { number, command, timer } = decodeInbox(key, value);
        last = number;
        const isThere = slot.find(command.id)?.origin.kind === "inbox";
        if (!isThere) this.#mailboxes?.enqueueInto(slot, newItem(command, { kind: "inbox", number }, timer));
      }
      if (next === null) last = lastAsked;
      slot.overflowFrom = slot.overflowLast > last ? last + 1 : 0;
      this.#mailboxes?.goOn(slot);
    });
  }

  /** The source's side: the target has consumed `number`. Becomes an entry with others soon. */
  acknowledged(targetShard: number, number: number): void {
    const numbers = this.#acknowledgedByTarget.get(targetShard);
    if (numbers === undefined) this.#acknowledgedByTarget.set(targetShard, [number]);
    else numbers.push(number);
    const { tickMs } = this.#context.host;
    const isFull = numbers !== undefined && numbers.length >= ACKNOWLEDGED_MAX;
    this.#acknowledgeAtMs = isFull ? tickMs : (this.#acknowledgeAtMs ?? tickMs + ACKNOWLEDGE_WITHIN_MS);
  }

  /** Writes due acknowledgements and tries held streams again. Once a turn. */
  wake(): void {
    const { tickMs } = this.#context.host;
    if (this.#acknowledgeAtMs !== null && this.#acknowledgeAtMs <= tickMs) this.#writeAcknowledgements();
    if (this.#heldRetryAtMs !== null && this.#heldRetryAtMs <= tickMs) {
      this.#heldRetryAtMs = null;
      for (const [target, from] of [...this.#heldByTarget]) this.resend(target, from);
    }
  }

  get wakeAtMs(): number | null {
    if (this.#acknowledgeAtMs === null) return this.#heldRetryAtMs;
    return this.#heldRetryAtMs === null ? this.#acknowledgeAtMs : Math.min(this.#acknowledgeAtMs, this.#heldRetryAtMs);
  }

  /** The message that carries a command's outcome to whoever asked for it; none if nobody did. */
  answerTo(from: EntityAddress, command: Command, outcome: Outcome): Message[] {
    if (command.replyTo === null) return [];
    const { to, handler, context } = command.replyTo;
    const { shard, state, host } = this.#context;
    const targetShard = host.shardOf(to);
    const answer: Command = {
      id: this.#context.bornId(0),
      name: handler,
      isQuery: false,
      input: context,
      acceptedAtMs: Math.floor(this.#context.nowMs),
      deadlineMs: Infinity,
      caller: from,
      metadata: command.metadata,
      answer: outcome,
      replyTo: null,
      bodyHash: "",
    };
    return [{ sourceShard: shard, targetShard, number: state.nextNumber(targetShard), to, command: answer, timer: null }];
  }

  #writeAcknowledgements(): void {
    this.#acknowledgeAtMs = null;
    for (const [targetShard, numbers] of this.#acknowledgedByTarget) {
      const standing = numbers.filter((number) => this.#context.state.outbox.has(targetShard, number));
      if (standing.length === 0) continue;
      const body: AcknowledgedBody = { kind: "acknowledged", targetShard, numbers: standing.sort((left, right) => left - right) };
      this.#context.commit(body);
    }
    this.#acknowledgedByTarget.clear();
  }

  #send(message: Message): boolean {
    if (this.#isBehind(message.targetShard)) return false;
    return this.#context.host.send(message, this.#context.epoch, this.#lowestWith(message));
  }

  /** What was sent to the whole shard goes before what is sent to a half of it: they are two streams, of one order. */
  #isBehind(target: number): boolean {
    const { host, state } = this.#context;
    if (host.ids.isFirst(target)) return false;
    for (const ancestor of host.ids.ancestorsOf(target)) if (state.outbox.lowest(ancestor) !== null) return true;
    return false;
  }

  /** The lowest number that is not acknowledged of those that go where this one goes. */
  #lowestWith({ targetShard, number, to }: Message): number {
    const { host, state } = this.#context;
    if (!host.isSplit(targetShard)) return state.outbox.lowest(targetShard) ?? number;
    const half = host.shardOf(to);
    for (const waiting of state.outbox.from(targetShard, 0)) if (host.shardOf(waiting.to) === half) return waiting.number;
    return number;
  }

  #sourceOf({ sourceShard, targetShard }: Message): number {
    return streamSource(sourceShard, targetShard, this.#context.shard);
  }

  #hold(message: Message): void {
    this.#holdAt(message.targetShard, message.number, HELD_RETRY_MS);
  }

  #holdAt(target: number, number: number, afterMs: number): void {
    this.#heldByTarget.set(target, Math.min(number, this.#heldByTarget.get(target) ?? number));
    const atMs = this.#context.host.tickMs + afterMs;
    this.#heldRetryAtMs = Math.min(atMs, this.#heldRetryAtMs ?? atMs);
  }

  #receivedFrom(source: number): Set<number> {
    let received = this.#receivedBySource.get(source);
    if (received === undefined) {
      received = new Set();
      this.#receivedBySource.set(source, received);
    }
    return received;
  }

  #overflow(message: Message, slot: EntitySlot | undefined): boolean {
    if (this.#context.state.inboxCount >= INBOX_MAX) return false;
    if (slot !== undefined && !this.#parkAll(slot)) return false;
    const inboxNumber = this.#park(message);
    if (inboxNumber === null) return false;
    if (slot?.isFull === true) slot.overflow(inboxNumber);
    else this.#context.hasOrphans = true;
    return true;
  }

  /** What came before goes to the inbox before: after a crash the inbox runs first. */
  #parkAll(slot: EntitySlot): boolean {
    if (slot.overflowFrom > 0) return true;
    const ahead = [...slot.running, ...slot.mailbox];
    for (const item of ahead) if (item.origin.kind === "message") this.park(slot, item);
    return ahead.every((item) => item.origin.kind !== "message");
  }

  #park(message: Message): number | null {
    const inboxNumber = this.#context.state.nextInboxNumber;
    if (this.#context.commit({ kind: "parked", message, inboxNumber }) === null) return null;
    this.consumed(this.#sourceOf(message), message.number);
    return inboxNumber;
  }
}
