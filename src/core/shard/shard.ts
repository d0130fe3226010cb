/**
 * One shard: the machine that owns a range of entities while this incarnation is their owner. It takes facts (arrivals,
 * results, time) and answers with entries and outputs; everything it does happens in the step that asks for it.
 *
 *   opening: bookkeeping ──> replay (applyEntry) ──> resume (outbox, inbox, timers) ──> open
 */
import type { Effect } from "../effect.js";
import type { EntityAddress } from "../entity/address.js";
import type { Message } from "../entity/command.js";
import type { EntityType } from "../entity/entity-type.js";
import type { Entry } from "../log/entry.js";
import type { AdminAsked, Asked, CommandArrived, ReadAsked } from "../request.js";
import { BOOKKEEPING_KEY } from "../store/key-spaces/bookkeeping.js";
import { decodeInbox } from "../store/key-spaces/inbox.js";
import { INBOX_SPACE, OUTBOX_SPACE, rangeEnd } from "../store/key-spaces/key-space.js";
import { decodeOutboxMessage } from "../store/key-spaces/outbox.js";
import type { StoreEffect, StoreInput } from "../store/store-io.js";
import { applyEntry } from "./apply-entry.js";
import { Arrivals } from "./arrivals.js";
import { Feeds } from "./feeds.js";
import { Invocations } from "./invocations.js";
import { Messages } from "./messages.js";
import { OutcomeWaiters } from "./outcome-waiters.js";
import { type FoundDeadLetter, Reads } from "./reads.js";
import { Repairs } from "./repairs.js";
import { ShardContext } from "./shard-context.js";
import type { ShardHost } from "./shard-host.js";
import type { ShardState } from "./shard-state.js";
import { StoreReads } from "./store-reads.js";
import { Timers } from "./timers.js";

const RESUME_PAGE = 2_000;
const RESUME_PAGE_BYTES = 16 << 20;

export interface ShardQueues {
  /** In mailboxes and in invocations; the fullest mailbox; entities that something is going on with. */
  readonly commands: number;
  readonly mailboxLongest: number;
  readonly unrest: number;
  readonly outbox: number;
  readonly inbox: number;
  /** In the window of those that are due next. */
  readonly timers: number;
  /** Of any one source: numbers consumed above the first that is not. */
  readonly marksAbove: number;
  /** Of any one source: messages received and not consumed. */
  readonly received: number;
  /** Reads that wait for the store. */
  readonly reads: number;
}

/** About what a slot's objects weigh. */
const SLOT_OVERHEAD_BYTES = 600;

export class Shard {
  readonly state: ShardState;
  readonly #context: ShardContext;
  readonly #storeEffects: StoreEffect[] = [];
  readonly #storeReads: StoreReads;
  readonly #feeds: Feeds;
  readonly #waiters: OutcomeWaiters;
  readonly #messages: Messages;
  readonly #invocations: Invocations;
  readonly #arrivals: Arrivals;
  readonly #timers: Timers;
  readonly #reads: Reads;
  readonly #repairs: Repairs;
  #isOpen = false;
  #isClosed = false;
  #refusal: string | null = null;
  /** Something is missing or damaged: whether the shard is still ours is being looked at. */
  #isInDoubt = false;
  /** What waits for the shard to be opened or resumed. */
  #opening: (() => void) | null = null;
  #isResumingOrphans = false;
  #isResumingAgain = false;
  #isWaitedFor = false;
  #isParking = false;

  constructor(shard: number, epoch: number, state: ShardState, host: ShardHost) {
    this.state = state;
    this.#context = new ShardContext(shard, epoch, state, host);
    this.#storeReads = new StoreReads(state.store, this.#storeEffects);
    this.#waiters = new OutcomeWaiters(this.#context);
    this.#feeds = new Feeds(this.#context, this.#storeReads);
    this.#messages = new Messages(this.#context, this.#storeReads);
    this.#invocations = new Invocations(this.#context, this.#messages, this.#feeds, this.#waiters);
    this.#arrivals = new Arrivals(this.#context, this.#storeReads, this.#invocations, this.#waiters);
    this.#messages.connect(this.#arrivals);
    this.#timers = new Timers(this.#context, this.#storeReads, this.#messages);
    this.#reads = new Reads(this.#context, this.#storeReads, this.#arrivals, this.#feeds, this.#waiters);
    this.#repairs = new Repairs(this.#context, this.#storeReads, this.#arrivals, this.#feeds);
  }

  get shard(): number {
    return this.#context.shard;
  }

  get epoch(): number {
    return this.#context.epoch;
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** What this shard's store has asked for since the last time. */
  takeStoreEffects(effects: Effect[]): void {
    if (this.#storeEffects.length === 0) return;
    for (const effect of this.#storeEffects) effects.push({ kind: "store", shard: this.shard, effect });
    this.#storeEffects.length = 0;
  }

  get storeEffects(): StoreEffect[] {
    return this.#storeEffects;
  }

  get deadLettersMade(): number {
    return this.#invocations.deadLettersMade;
  }

  /** Why this shard serves nobody: something of its state is missing or damaged. Null: it does. */
  get refusal(): string | null {
    return this.#refusal;
  }

  /** Something of its state is missing or damaged: unless the shard is another node's by now, it serves nobody. */
  doubt(message: string): void {
    if (this.#isInDoubt || this.#refusal !== null) return;
    this.#isInDoubt = true;
    this.#context.host.ifStillOwned(this.shard, this.epoch, () => this.#refuse(message));
  }

  /** Answers nothing from now on, and changes nothing; what it would have gone on with is over. */
  #refuse(message: string): void {
    this.#refusal = message;
    this.#isOpen = false;
    this.#context.host.effects.push({ kind: "shardRefused", shard: this.shard, message });
    const told = `shard ${this.shard} serves nobody: ${message}`;
    this.#feeds.end("moved", null);
    this.#waiters.abandon(told);
    this.#invocations.abandon(told);
    const then = this.#opening;
    this.#opening = null;
    then?.();
  }

  /** Does nothing any more: what it holds is flushed, and an entry made now would be lost. */
  close(): void {
    this.#isOpen = false;
    this.#isClosed = true;
    this.#invocations.close();
  }

  /** The position of its last entry in this incarnation's log; 0: it has none. */
  get lastPosition(): number {
    return this.#context.lastPosition;
  }

  /** Begins nothing new: it is on its way to another node. What runs and what is read comes to its end. */
  pause(): void {
    this.#context.isPaused = true;
    this.#invocations.pause();
  }

  /** It stays after all. */
  unpause(): void {
    this.#context.isPaused = false;
    this.#isParking = false;
    this.#messages.endParking();
    this.#invocations.letGo();
    this.#resumeOrphans();
    for (const slot of this.#context.slotByKey.values()) if (slot.status === "idle") this.#invocations.goOn(slot);
  }

  /** Paused, it takes messages all the same, into the inbox, until its own are acknowledged: it is about to be split. */
  park(): void {
    this.#isParking = true;
    this.#messages.beginParking();
  }

  /** Results that come from now on change nothing until it is unpaused; if it never is, what runs runs again elsewhere. */
  holdResults(): void {
    this.#invocations.hold();
  }

  /** It takes nothing any more, and what it has to say waits: whatever it is now stays until it is unpaused. */
  stopParking(): void {
    this.#isParking = false;
  }

  /** Messages of its own are not acknowledged. */
  get isOwingMessages(): boolean {
    return this.state.outbox.size > 0;
  }

  /** An invocation of one of its entities is under way. */
  get isRunning(): boolean {
    return this.#invocations.isRunning;
  }

  /** Requests wait for the store, or for a purge: they have to be answered here. */
  get isReading(): boolean {
    if (this.#storeReads.waiting > 0) return true;
    for (const slot of this.#context.slotByKey.values()) if (slot.isPurging || slot.openers.length > 0) return true;
    return false;
  }

  /** It is another node's, and closed. Gives what clients have asked of it and were not answered; its memory is free. */
  release(): readonly Asked[] {
    this.#feeds.end("moved", null);
    const asked = [...this.#waiters.release(), ...this.#invocations.release()];
    this.state.store.close();
    return asked;
  }

  /** Opens the store and reads the bookkeeping; `then` is called when entries may be replayed, or the shard is refused. */
  open(then: () => void): void {
    this.#opening = then;
    this.state.store.open(this.#storeEffects);
    this.#storeReads.get(BOOKKEEPING_KEY, (value) => {
      if (value !== null) this.state.loadBookkeeping(value);
      this.#opened();
    });
  }

  replay(entry: Entry): void {
    if (!this.#isInDoubt) applyEntry(this.state, entry, null);
  }

  /** Starts what the state says has to go on: unsent messages, accepted commands, timers. All entries are applied. */
  resume(then: () => void): void {
    if (this.#refusal !== null) return then();
    this.#opening = then;
    if (this.#isInDoubt) return;
    for (const target of this.state.nextNumberByTarget.keys()) this.#context.host.targetSeen(target);
    this.#resumeOutbox(new Uint8Array([OUTBOX_SPACE]), () => {
      // Replay has added the newest already, in front of what lies in the store.
      this.state.outbox.sort();
      this.state.inboxCount = 0;
      this.#resumeInbox(new Uint8Array([INBOX_SPACE]), true, () => {
        this.#timers.readWindow(() => {
          if (this.#isInDoubt) return;
          this.#isOpen = true;
          this.#opened();
        });
      });
    });
  }

  /** Sends what is in the outbox again. Once all shards are open. */
  resend(): void {
    this.#messages.begin();
  }

  arrived(input: CommandArrived, spec: EntityType): void {
    this.#isWaitedFor = true;
    this.#arrivals.arrived(input, spec);
  }

  read(input: ReadAsked, spec: EntityType | null): void {
    if (input.kind === "outcomeAsked") {
      this.#isWaitedFor = true;
      return this.#reads.outcome(input);
    }
    if (spec === null) return this.#context.refuse(input.request, 0, "unknown_type", `no deployment serves ${input.of.type}`);
    if (input.kind === "stateAsked") {
      this.#isWaitedFor = true;
      return this.#reads.state(input, spec);
    }
    return this.#reads.events(input, spec);
  }

  admin(input: Exclude<AdminAsked, { readonly kind: "deadLettersAsked" }>, of: EntityAddress, spec: EntityType | null): void {
    if (input.kind === "timersAsked") return this.#reads.timers(input);
    if (input.kind === "deadLetterEnded") return this.#repairs.endDeadLetter(input);
    if (spec === null) return this.#context.refuse(input.request, 0, "unknown_type", `no deployment serves ${of.type}`);
    return this.#repairs.purge(input, spec);
  }

  deadLetters(of: EntityAddress | null, limit: number, then: (found: readonly FoundDeadLetter[]) => void): void {
    this.#reads.deadLetters(of, limit, then);
  }

  left(request: number): void {
    this.#feeds.unfollow(request);
    this.#waiters.forget(request);
  }

  receive(message: Message): boolean {
    // What lies in the inbox came before: it goes first.
    const isTaking = this.#isOpen && (!this.#context.isPaused || this.#isParking);
    return isTaking && !this.#isResumingOrphans && this.#messages.receive(message);
  }

  /** Sends everything to a target shard again: it has another owner, or a stream to it was broken. */
  restartStream(target: number, when: "now" | "later"): void {
    if (this.#isOpen) this.#messages.restart(target, when);
  }

  acknowledged(targetShard: number, number: number): void {
    this.#messages.acknowledged(targetShard, number);
  }

  /** Types came or changed: entities take the new ones, and what waited for a type is run. */
  typesChanged(): void {
    for (const slot of this.#context.slotByKey.values()) {
      slot.spec = this.#context.host.servedTo(slot.address)?.type ?? slot.spec;
      this.#invocations.servedAnew(slot, this.#context.host.isOfCanary(slot.address));
    }
    this.#resumeOrphans();
  }

  #resumeOrphans(): void {
    if (!this.#isOpen || this.#context.isPaused || !this.#context.hasOrphans) return;
    this.#isResumingAgain = this.#isResumingOrphans;
    if (this.#isResumingOrphans) return;
    this.#context.hasOrphans = false;
    this.#isResumingOrphans = true;
    this.#resumeInbox(new Uint8Array([INBOX_SPACE]), false, () => {
      this.#isResumingOrphans = false;
      if (this.#isResumingAgain) this.#resumeOrphans();
    });
  }

  stored(inputs: readonly StoreInput[]): void {
    this.state.store.step(this.#context.nowMs, inputs, this.#storeEffects);
  }

  /** Everything that time brings and IO has made answerable, behind all inputs. Gives whether a read was answered. */
  turn(): boolean {
    if (this.#isInDoubt || this.#isClosed) return false;
    this.stored([]);
    if (this.#isOpen && !this.#context.isPaused) {
      this.#invocations.wake();
      this.#messages.wake();
      this.#timers.wake();
    } else if (this.#isParking) this.#messages.wake();
    let isAny = false;
    for (let rounds = 0; rounds < 100 && this.#storeReads.complete(); rounds++) isAny = true;
    this.#context.dropRetired();
    const { problem } = this.state.store;
    if (problem !== null) this.doubt(`${problem.code}: ${problem.object}: ${problem.message}`);
    return isAny;
  }

  /** Calls whose deadline is over, and waits that have lasted long enough. A few times a second. */
  expire(): void {
    const { nowMs } = this.#context.host;
    let isReadFor = false;
    this.#waiters.expire(nowMs);
    for (const slot of this.#context.slotByKey.values()) {
      for (const item of [...slot.mailbox]) {
        if (item.origin.kind === "client" && item.isChecked && item.command.deadlineMs <= nowMs)
          this.#invocations.expire(slot, item);
      }
      if (slot.readers.length > 0) this.#invocations.expireReaders(slot);
      isReadFor ||= slot.readers.length > 0;
      this.#invocations.withdrawIfDone(slot);
      if (slot.status === "idle") this.#invocations.goOn(slot);
    }
    this.#isWaitedFor = isReadFor || this.callsWaiting > 0 || !this.#waiters.isEmpty;
  }

  /** States and unfolded events that slots hold, beside what the store counts. */
  get slotBytes(): number {
    let bytes = 0;
    for (const { state, unfolded } of this.#context.slotByKey.values()) {
      bytes += SLOT_OVERHEAD_BYTES + (state?.length ?? 0);
      for (const { data } of unfolded) bytes += data.length;
    }
    return bytes;
  }

  /** The node stops: who follows is told, and who waits for an outcome, that it is still pending. */
  endWaits(): void {
    this.#feeds.end("stopping", null);
    this.#waiters.expire(Infinity);
  }

  /** Monotonic moment of the next thing that only time brings. Timers are due by wall time. */
  wakeAtMs(tickMs: number, nowMs: number): number {
    if (this.#isInDoubt || this.#isClosed) return Infinity;
    // A read that was begun behind this shard's turn, by another shard's or by upkeep, would wait for the next input.
    if (this.state.store.isRunnable) return tickMs;
    // As in `turn`: what would not be done then is nothing to wake up for.
    const isHeld = this.#context.isPaused || !this.#isOpen;
    const byWall = Math.min(isHeld ? Infinity : (this.#timers.wakeAtMs ?? Infinity), this.state.store.wakeAtMs);
    const byTick = isHeld ? Infinity : this.#wakeAtTick;
    return byWall === Infinity ? byTick : Math.min(byTick, tickMs + Math.max(0, byWall - nowMs));
  }

  get #wakeAtTick(): number {
    const { retryAtMs } = this.#timers;
    return Math.min(this.#invocations.wakeAtMs ?? Infinity, this.#messages.wakeAtMs ?? Infinity, retryAtMs ?? Infinity);
  }

  /** Commands of clients that wait or run. */
  get callsWaiting(): number {
    let count = 0;
    for (const slot of this.#context.slotByKey.values()) {
      for (const item of slot.mailbox) if (item.origin.kind === "client") count++;
      for (const item of slot.running) if (item.origin.kind === "client") count++;
    }
    return count;
  }

  /** Whether a client may be waiting, whose deadline then has to be watched. */
  get isWaitedFor(): boolean {
    return this.#isWaitedFor;
  }

  get slotCount(): number {
    return this.#context.slotByKey.size;
  }

  /** How much waits where: for metrics, and to check every queue against its limit. */
  get queues(): ShardQueues {
    const { state, slotByKey } = this.#context;
    let commands = 0;
    let mailboxLongest = 0;
    let unrest = 0;
    for (const slot of slotByKey.values()) {
      commands += slot.mailbox.length + slot.running.length;
      mailboxLongest = Math.max(mailboxLongest, slot.mailbox.length);
      if (!slot.isAtRest && slot.followers === 0) unrest++;
    }
    return {
      commands,
      mailboxLongest,
      unrest,
      outbox: state.outbox.size,
      inbox: state.inboxCount,
      timers: state.timers.size,
      marksAbove: Math.max(0, ...[...state.marksBySource.values()].map((marks) => marks.above.length)),
      received: this.#messages.receivedMost,
      reads: this.#storeReads.waiting,
    };
  }

  #opened(): void {
    const then = this.#opening;
    this.#opening = null;
    then?.();
  }

  #resumeOutbox(from: Uint8Array, then: () => void): void {
    const to = rangeEnd(new Uint8Array([OUTBOX_SPACE]));
    this.#storeReads.scan({ from, to, limit: RESUME_PAGE, bytesMax: RESUME_PAGE_BYTES }, (items, next) => {
      for (const { value } of items) this.state.outbox.add(decodeOutboxMessage(value.slice()));
      if (next === null) then();
      else this.#resumeOutbox(next, then);
    });
  }

  #resumeInbox(from: Uint8Array, isCounting: boolean, then: () => void): void {
    const to = rangeEnd(new Uint8Array([INBOX_SPACE]));
    this.#storeReads.scan({ from, to, limit: RESUME_PAGE, bytesMax: RESUME_PAGE_BYTES }, (items, next) => {
      for (const { key, value } of items) {
        const { entity, number, command, timer } = decodeInbox(key, value);
        this.state.inboxTimers.add(number, entity, command, timer);
        if (isCounting) this.state.inboxCount++;
        this.#arrivals.enqueueStored(entity, number, command, timer);
      }
      if (next === null) then();
      else this.#resumeInbox(next, isCounting, then);
    });
  }
}
