/**
 * Running commands: offers entities that have work, takes their state when an invocation starts, and turns what comes back
 * into an entry and outputs. Faults are counted here; which fault is whose the dispatcher has said.
 */
import type { Verdict } from "../dispatch/dispatch.js";
import type { Outcome } from "../entity/command.js";
import type { EntityResult, InvocationCommand, InvocationEntity } from "../entity/invocation.js";
import type { EffectsBody } from "../log/entry.js";
import type { Asked, CommandArrived } from "../request.js";
import { MomentHeap } from "../time/moment-heap.js";
import type { Feeds } from "./feeds.js";
import { Folding } from "./folding.js";
import type { Messages } from "./messages.js";
import type { OutcomeWaiters } from "./outcome-waiters.js";
import { consumedBy, type Proposal, propose } from "./proposal.js";
import type { ShardContext } from "./shard-context.js";
import { type EntitySlot, type Item, runAll } from "./slot.js";

export class Invocations {
  readonly #context: ShardContext;
  readonly #messages: Messages;
  readonly #feeds: Feeds;
  readonly #waiters: OutcomeWaiters;
  readonly #folding: Folding;
  /** Entities that wait after a fault. */
  readonly #backingOff = new MomentHeap<EntitySlot>();
  #deadLettersMade = 0;
  #isOver = false;
  /** What came while results are held; null: they are not. */
  #held: (() => void)[] | null = null;

  constructor(context: ShardContext, messages: Messages, feeds: Feeds, waiters: OutcomeWaiters) {
    this.#context = context;
    this.#messages = messages;
    this.#feeds = feeds;
    this.#waiters = waiters;
    this.#folding = new Folding(context, this.#backingOff);
  }

  /** Offers the entity to the dispatcher if it has something to run and may run now. */
  offer(slot: EntitySlot): void {
    if (this.#context.isPaused || slot.status !== "idle" || slot.isPaused || slot.isPurging || !slot.hasWork) return;
    if (slot.retryAtMs > this.#context.host.tickMs) return;
    if (slot.commandCount === 0 && slot.isFolded) return;
    slot.status = "offered";
    this.#context.host.dispatcher.offer(slot, this.#context.host.tickMs);
  }

  /** Another deployment may serve it now: what waits goes there, and what had faulted is not kept waiting for it. */
  servedAnew(slot: EntitySlot, isCanary: boolean): void {
    if (slot.isCanary === isCanary) return;
    const isOffered = slot.status === "offered";
    if (isOffered) {
      this.#context.host.dispatcher.withdraw(slot);
      slot.status = "idle";
    }
    slot.isCanary = isCanary;
    slot.retryAtMs = 0;
    // What faulted on a canary says nothing of the stable version.
    for (const item of isCanary ? [] : slot.mailbox) item.faults = 0;
    this.offer(slot);
  }

  /** Offers entities whose back-off is over. */
  wake(): void {
    for (;;) {
      const slot = this.#backingOff.popDue(this.#context.host.tickMs);
      if (slot === undefined) return;
      this.offer(slot);
    }
  }

  get wakeAtMs(): number | null {
    return this.#backingOff.first;
  }

  get deadLettersMade(): number {
    return this.#deadLettersMade;
  }

  /** The entity's part of an invocation that starts now; null when nothing is left to run. */
  take(slot: EntitySlot, commandsMax: number, n: number, attempt: number): InvocationEntity | null {
    if (this.#isOver || slot.status !== "offered") return null;
    this.#dropOverdue(slot);
    const count = this.#folding.isFirst(slot) ? 0 : this.#upToSuspect(slot, Math.min(commandsMax, slot.commandCount));
    if (count === 0 && slot.isFolded) {
      slot.status = "idle";
      this.#context.retire(slot);
      return null;
    }
    slot.status = "running";
    slot.ranOnCanary = slot.isCanary;
    slot.attempt = attempt;
    slot.running = count === slot.mailbox.length ? slot.mailbox.splice(0) : slot.mailbox.splice(0, count);
    const isExpired = slot.expiresAtMs !== 0 && slot.expiresAtMs <= this.#context.nowMs;
    const state = isExpired ? null : slot.state;
    return {
      n,
      type: slot.address.type,
      id: slot.address.id,
      version: slot.version,
      stateVersion: state === null ? slot.spec.stateVersion : slot.stateVersion,
      state,
      events: slot.unfolded.length === 0 ? slot.unfolded : slot.unfolded.slice(0, this.#context.host.limits.foldEventsMax),
      commands: slot.running.map((item, index) => invocationCommand(item, index)),
    };
  }

  /** A command whose entry may be what the journal refuses runs by itself, so that its entry is its own. */
  #upToSuspect(slot: EntitySlot, count: number): number {
    const { refusedCommands } = this.#context.host;
    if (refusedCommands.isEmpty) return count;
    for (let at = 0; at < count; at++) if (refusedCommands.isKnown((slot.mailbox[at] as Item).command.id)) return Math.max(1, at);
    return count;
  }

  /** A result came for the entity. It is checked before it is believed. */
  finished(slot: EntitySlot, deployment: string, result: EntityResult): void {
    if (this.#isOver) return;
    if (this.#held !== null) return void this.#held.push(() => this.finished(slot, deployment, result));
    const items = slot.running;
    slot.running = [];
    slot.status = "idle";
    if (items.length === 0) {
      this.#folding.ended(slot, result);
      return this.goOn(slot);
    }
    const proposal = propose(this.#context, slot, deployment, items, result);
    const position = proposal.kind === "proposed" ? this.#commit(slot, proposal) : null;
    if (proposal.kind === "rejected" || position === null) {
      const message = proposal.kind === "rejected" ? proposal.message : "what it wrote does not fit into one record";
      this.#reject(slot, items, message, proposal.kind === "proposed" || proposal.isTooLarge);
    } else {
      this.#settle(slot, proposal, position);
    }
    this.goOn(slot);
  }

  /** The invocation ended without a result for the entity. */
  unfinished(slot: EntitySlot, verdict: Verdict): void {
    if (this.#isOver) return;
    if (this.#held !== null) return void this.#held.push(() => this.unfinished(slot, verdict));
    const items = slot.running;
    slot.running = [];
    slot.status = "idle";
    slot.mailbox.unshift(...items);
    if (verdict.kind !== "unavailable") slot.isSuspect = true;
    else for (const item of items) item.attempts--;
    const first = items[0];
    if (verdict.kind === "faulted") {
      if (first === undefined) this.#folding.failed(slot, verdict.message);
      else this.#fault(slot, first, verdict.code, verdict.message);
    }
    this.goOn(slot);
  }

  /** The entry of a proposal; the entity's last position where nothing has to become durable; null if it fits no record. */
  #commit(slot: EntitySlot, proposal: Proposal & { readonly kind: "proposed" }): number | null {
    const { body, fold } = proposal;
    if (body === null) {
      if (fold !== null) this.#folding.cache(slot, fold.state);
      return slot.position;
    }
    this.#context.state.rememberPrefix(slot.address, slot.prefix);
    const position = this.#context.commit(body, fold);
    if (position === null) return null;
    slot.position = position;
    this.#adopt(slot, body, fold === null ? undefined : fold.state);
    for (const number of body.withdrawn) this.#withdraw(slot, "message", number);
    for (const number of body.withdrawnInbox) this.#withdraw(slot, "inbox", number);
    this.#feeds.committed(slot, body, position);
    this.#messages.born(body.born);
    return position;
  }

  /** The slot's view of the state behind its own entry. */
  #adopt(slot: EntitySlot, body: EffectsBody, folded: Uint8Array | null | undefined): void {
    slot.version = body.version;
    const state = body.state === undefined ? folded : body.state;
    if (state !== undefined) {
      slot.state = state === null ? null : state.slice();
      slot.stateVersion = body.stateVersion;
      slot.expiresAtMs = body.expiresAtMs;
      slot.foldedVersion = body.version;
      slot.unfolded = [];
      return;
    }
    if (body.version === body.previousVersion) return;
    let version = body.previousVersion;
    const atMs = this.#context.state.timeMs;
    slot.unfolded = [...slot.unfolded, ...body.events.map((event) => ({ version: ++version, atMs, ...event }))];
  }

  #settle(slot: EntitySlot, proposal: Proposal & { readonly kind: "proposed" }, position: number): void {
    if (proposal.settled.length > 0) slot.isSuspect = false;
    for (const { item } of proposal.settled) if (item.faults === 0) slot.counts.ran++;
    for (const { item, outcome, version } of proposal.settled) this.#end(slot, item, outcome, version, position);
    const { fault, skipped } = proposal;
    if (fault === null) {
      if (skipped.length > 0) slot.mailbox.unshift(...skipped);
      return;
    }
    slot.mailbox.unshift(fault.item, ...skipped);
    this.#fault(slot, fault.item, "function_faulted", fault.message);
  }

  /** The outcome is there: whoever waits gets it when everything it saw is durable. */
  #end(slot: EntitySlot, item: Item, outcome: Outcome, version: number, position: number): void {
    this.#context.releaseItem(item);
    const commandId = item.command.id;
    for (const request of item.waiters) {
      this.#context.answer(request, position, { kind: "outcome", commandId, version, outcome, isDuplicate: false });
    }
    this.#waiters.resolve(slot.key, commandId, version, outcome, position);
    if (item.origin.kind === "message") this.#messages.consumed(item.origin.sourceShard, item.origin.number);
  }

  /** Results that do not hold. Alone, the command is at fault; among others each has to show it by itself. */
  #reject(slot: EntitySlot, items: readonly Item[], message: string, isTooLarge: boolean): void {
    slot.mailbox.unshift(...items);
    slot.isSuspect = true;
    const first = items[0];
    if (items.length > 1 || first === undefined) return;
    if (isTooLarge) countFault(slot, first);
    if (isTooLarge) return this.giveUp(slot, first, "state_too_large", message);
    this.#fault(slot, first, "function_faulted", `the function's answer does not hold: ${message}`);
  }

  /** A fault of the first command's own. */
  #fault(slot: EntitySlot, item: Item, code: string, message: string): void {
    const { limits, tickMs } = this.#context.host;
    countFault(slot, item);
    item.faults++;
    slot.isSuspect = true;
    const isCall = item.origin.kind === "client" || slot.ranOnCanary;
    const attemptsMax = isCall ? limits.attemptsOfCallMax : limits.attemptsOfMessageMax;
    if (item.faults >= attemptsMax && this.#takenBack(slot, item)) return;
    if (item.faults >= attemptsMax) return this.giveUp(slot, item, code, message);
    if (item.origin.kind === "message") this.#messages.park(slot, item);
    slot.retryAtMs = tickMs + Math.min(limits.retryMaxMs, limits.retryMinMs * 2 ** (item.faults - 1));
    this.#backingOff.push(slot.retryAtMs, slot);
  }

  /**
   * What faults on a canary as often as is tried is tried as often again on the stable version, which serves the entity from
   * then on: a canary costs nobody a command that the stable version can run.
   */
  #takenBack(slot: EntitySlot, item: Item): boolean {
    const { host } = this.#context;
    // The canary may have ended while the command ran there: then it was never tried on what serves the entity now.
    if (!slot.ranOnCanary || (slot.isCanary && !host.takeBack(slot.address))) return false;
    item.faults = 0;
    slot.isCanary = false;
    slot.retryAtMs = 0;
    slot.spec = host.servedTo(slot.address)?.type ?? slot.spec;
    return true;
  }

  /** The command is failed to its caller, or becomes a dead letter, and the entity goes on with the next. */
  giveUp(slot: EntitySlot, item: Item, code: string, message: string): void {
    const outcome = { kind: "failed", code, message } as const;
    if (item.origin.kind !== "client" && slot.spec.policy.onPoison === "pause" && code !== "dropped") {
      if (item.origin.kind === "message") this.#messages.park(slot, item);
      const atMs = Math.ceil(this.#context.nowMs);
      slot.pausedBy = { command: item.command, code, message, attempts: item.faults, atMs };
      return;
    }
    slot.mailbox.splice(slot.mailbox.indexOf(item), 1);
    slot.isSuspect = false;
    const position = item.origin.kind === "client" ? slot.position : this.bury(slot, item, outcome);
    this.#end(slot, item, outcome, slot.version, position);
  }

  /** Makes a command a dead letter, and answers whoever asked for it: always, also now. Gives the entry's position. */
  bury(slot: EntitySlot, item: Item, outcome: Outcome & { readonly kind: "failed" }): number {
    const { command } = item;
    const consumed = {
      ...consumedBy(this.#context, slot, item, outcome, slot.version),
      deadLetter: {
        command,
        code: outcome.code,
        message: outcome.message,
        attempts: item.faults,
        atMs: Math.ceil(this.#context.nowMs),
      },
    };
    const born = this.#messages.answerTo(slot.address, command, outcome);
    const position = this.#context.commit({
      kind: "effects",
      entity: slot.address,
      previousVersion: slot.version,
      version: slot.version,
      stateVersion: slot.stateVersion,
      deployment: "",
      state: undefined,
      expiresAtMs: slot.expiresAtMs,
      events: [],
      consumed: [consumed],
      born,
      timersSet: [],
      timersCancelled: [],
      timersPast: [],
      withdrawn: [],
      withdrawnInbox: [],
    });
    if (position === null) throw new Error("a dead letter does not fit into a record");
    this.#deadLettersMade++;
    slot.position = position;
    this.#messages.born(born);
    return position;
  }

  /** A command that must not run at all: running it cannot help. */
  buryAtOnce(slot: EntitySlot, item: Item, code: "unknown_command" | "unstorable", message: string): void {
    const outcome = { kind: "failed", code, message } as const;
    const position = this.bury(slot, item, outcome);
    this.#context.holdItem(item);
    this.#end(slot, item, outcome, slot.version, position);
    this.#context.retire(slot);
  }

  /** Whatever the entity can go on with now that it stands between two invocations. */
  goOn(slot: EntitySlot): void {
    if (slot.openers.length > 0) runAll(slot.takeOpeners());
    this.#folding.answerReaders(slot);
    this.#messages.refill(slot);
    this.offer(slot);
    this.#context.retire(slot);
  }

  /** What is still on its way through this shard is not in the mailbox yet, and never will be. */
  #withdraw(slot: EntitySlot, kind: "message" | "inbox", number: number): void {
    const { shard } = this.#context;
    const at = slot.mailbox.findIndex(
      ({ origin }) =>
        origin.kind === kind && origin.number === number && (origin.kind === "inbox" || origin.sourceShard === shard),
    );
    const [item] = at < 0 ? [] : slot.mailbox.splice(at, 1);
    if (item !== undefined) this.#context.releaseItem(item);
    if (kind === "message") this.#messages.forget(shard, number);
  }

  /** Nobody waits any more for calls whose deadline is over; they have not run and never will. */
  #dropOverdue(slot: EntitySlot): void {
    const { nowMs } = this.#context.host;
    for (let at = 0; at < slot.mailbox.length; ) {
      const item = slot.mailbox[at] as Item;
      // One that is not checked yet may have run before: its result decides.
      if (item.origin.kind !== "client" || !item.isChecked || item.command.deadlineMs > nowMs) at++;
      else this.expire(slot, item);
    }
  }

  /** Ends a waiting call whose deadline is over. Nothing of it took effect, and nothing will. */
  expire(slot: EntitySlot, item: Item): void {
    slot.mailbox.splice(slot.mailbox.indexOf(item), 1);
    this.#context.releaseItem(item);
    const outage = this.#context.host.dispatcher.outageOf(slot.type, slot.isCanary);
    for (const request of item.waiters) {
      if (outage === null) this.#context.refuse(request, slot.position, "deadline_exceeded", LATE);
      else this.#context.refuse(request, slot.position, "function_unavailable", `${OUTAGE}: ${outage}`);
    }
  }

  expireReaders(slot: EntitySlot): void {
    this.#folding.expireReaders(slot);
  }

  /** Nothing more is begun: what is offered waits again. What runs goes on. */
  pause(): void {
    for (const slot of this.#context.slotByKey.values()) {
      if (slot.status !== "offered") continue;
      this.#context.host.dispatcher.withdraw(slot);
      slot.status = "idle";
    }
  }

  /** What comes from functions waits. */
  hold(): void {
    this.#held ??= [];
  }

  letGo(): void {
    const held = this.#held ?? [];
    this.#held = null;
    for (const result of held) result();
  }

  /** What still comes from functions is dropped. */
  close(): void {
    this.#isOver = true;
  }

  get isRunning(): boolean {
    for (const { status } of this.#context.slotByKey.values()) if (status === "running") return true;
    return false;
  }

  /** The shard is another node's. Gives what its clients asked for. */
  release(): Asked[] {
    const asked: Asked[] = [];
    for (const slot of this.#context.slotByKey.values()) {
      this.#context.host.dispatcher.abandon(slot);
      for (const item of [...slot.running, ...slot.mailbox]) {
        this.#context.releaseItem(item);
        for (const request of item.waiters) asked.push(askedAgain(slot, item, request));
      }
      for (const { request, deadlineMs } of slot.readers)
        asked.push({ kind: "stateAsked", request, of: slot.address, isAdmin: true, isStrict: false, deadlineMs });
    }
    this.#context.slotByKey.clear();
    return asked;
  }

  /** The shard serves nobody any more: everybody who waits is told, and what still comes from functions is dropped. */
  abandon(message: string): void {
    this.#isOver = true;
    for (const slot of this.#context.slotByKey.values()) {
      this.#context.host.dispatcher.abandon(slot);
      const items = [...slot.running, ...slot.mailbox];
      for (const item of items) this.#context.releaseItem(item);
      const requests = [...items.flatMap(({ waiters }) => waiters), ...slot.readers.map(({ request }) => request)];
      // None of them has an entry, and none will get one.
      for (const request of requests) this.#context.refuse(request, 0, "shard_refused", message);
    }
    this.#context.slotByKey.clear();
  }

  /** An offered entity whose last commands were dropped has nothing to run any more. */
  withdrawIfDone(slot: EntitySlot): void {
    if (slot.status !== "offered" || slot.hasWork) return;
    this.#context.host.dispatcher.withdraw(slot);
    slot.status = "idle";
  }
}

/** The command as it arrived. It may have been running: its next owner looks for what came of it first. */
function askedAgain({ address }: EntitySlot, { command }: Item, request: number): CommandArrived {
  return {
    kind: "commandArrived",
    isStrict: false,
    request,
    to: address,
    name: command.name,
    input: command.input,
    id: command.id,
    hasKey: command.bodyHash !== "",
    bodyHash: command.bodyHash,
    acceptedAtMs: command.acceptedAtMs,
    deadlineMs: command.deadlineMs,
    metadata: command.metadata,
    mode: "call",
    delayMs: 0,
    isAdmin: true,
    isRepeat: true,
  };
}

const LATE = "the deadline passed before the command was done; nothing of it took effect, and it will not run any more";
const OUTAGE = "until the deadline the function could not be used; nothing of the command took effect. What came back last";

/** A command counts once, by how it ended first: one that faults again and again is one fault. */
function countFault(slot: EntitySlot, item: Item): void {
  if (item.faults > 0) return;
  slot.counts.ran++;
  slot.counts.faulted++;
}

function invocationCommand(item: Item, n: number): InvocationCommand {
  const { command } = item;
  item.attempts++;
  return {
    n,
    id: command.id,
    name: command.name,
    isQuery: command.isQuery,
    input: command.input,
    nowMs: command.acceptedAtMs,
    attempt: item.attempts,
    caller: command.caller,
    metadata: command.metadata,
    answer: command.answer,
  };
}
