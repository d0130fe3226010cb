/**
 * Checks what a function answered for one entity and turns it into one entry's body: propose. Nothing is changed here; a
 * result that does not hold is rejected whole, because the state that came with it was built on it.
 */
import { idProblem, isSameAddress, nameProblem } from "../entity/address.js";
import type { Command, Message, Outcome, Payload } from "../entity/command.js";
import type { CommandResult, EntityResult, FunctionEffect, NewEvent } from "../entity/invocation.js";
import type { Consumed, EffectsBody, Timer, TimerPast } from "../log/entry.js";
import { unreachable } from "../unreachable.js";
import type { Fold } from "./apply-entry.js";
import type { ShardContext } from "./shard-context.js";
import type { EntitySlot, Item } from "./slot.js";

export interface Settled {
  readonly item: Item;
  readonly outcome: Outcome;
  readonly version: number;
}

export type Proposal =
  /** `isTooLarge`: what was to be written is over a limit; trying again cannot help. */
  | { readonly kind: "rejected"; readonly message: string; readonly isTooLarge: boolean }
  | {
      readonly kind: "proposed";
      /** Null where nothing has to become durable. */
      readonly body: EffectsBody | null;
      readonly fold: Fold;
      readonly version: number;
      readonly settled: readonly Settled[];
      readonly fault: { readonly item: Item; readonly message: string } | null;
      /** Commands behind the fault: they run later, in order. */
      readonly skipped: readonly Item[];
    };

class Rejection extends Error {
  readonly isTooLarge: boolean;
  constructor(message: string, isTooLarge = false) {
    super(message);
    this.isTooLarge = isTooLarge;
  }
}

export function propose(
  context: ShardContext,
  slot: EntitySlot,
  deployment: string,
  items: readonly Item[],
  result: EntityResult,
): Proposal {
  try {
    return new ProposalBuilder(context, slot, deployment).build(items, result);
  } catch (error) {
    if (error instanceof Rejection) return { kind: "rejected", message: error.message, isTooLarge: error.isTooLarge };
    throw error;
  }
}

interface TimerChanges {
  readonly set: readonly Timer[];
  readonly cancelled: readonly string[];
  readonly past: readonly TimerPast[];
  readonly withdrawn: readonly number[];
  readonly withdrawnInbox: readonly number[];
}

const NO_ITEMS: readonly Item[] = [];
const NO_TIMERS: TimerChanges = { set: [], cancelled: [], past: [], withdrawn: [], withdrawnInbox: [] };

class ProposalBuilder {
  readonly #context: ShardContext;
  readonly #slot: EntitySlot;
  readonly #deployment: string;
  readonly #events: NewEvent[] = [];
  readonly #consumed: Consumed[] = [];
  readonly #born: Message[] = [];
  /** Most commands send nothing and set no timers: these are made when they do. */
  #bornByTarget: Map<number, number> | null = null;
  #timerByName: Map<string, Timer | null> | null = null;
  readonly #settled: Settled[] = [];
  #bornIndex = 0;
  #changes = false;

  constructor(context: ShardContext, slot: EntitySlot, deployment: string) {
    this.#context = context;
    this.#slot = slot;
    this.#deployment = deployment;
  }

  build(items: readonly Item[], result: EntityResult): Proposal {
    const { ran, fault } = splitAtFault(items, result.outcomes);
    for (const [n, item] of items.entries()) {
      this.#checkTimer(item);
      if (n < ran) this.#settle(item, result.outcomes[n] as CommandResult);
    }
    const spec = this.#slot.spec;
    const isChanged = result.state !== undefined && spec.kind === "value";
    if (isChanged && !this.#changes) throw new Rejection("a state was given though no command was done");
    if (result.state !== undefined && spec.kind === "action") throw new Rejection("an action has no state");
    this.#checkState(result.state);
    const version = this.#slot.version + this.#events.length + (isChanged ? 1 : 0);
    const body = this.#body(version, isChanged ? result.state : undefined);
    return {
      kind: "proposed",
      body,
      fold: spec.kind === "event-sourced" && result.state !== undefined ? { state: result.state } : null,
      version,
      settled: this.#settled,
      fault: fault === null ? null : { item: items[ran] as Item, message: fault },
      skipped: ran === items.length ? NO_ITEMS : items.slice(fault === null ? ran : ran + 1),
    };
  }

  /** A command in front of it, in the same invocation, has cancelled the timer that it came from: it must not have run. */
  #checkTimer(item: Item): void {
    if (item.timer !== null && this.#timerByName?.has(item.timer) === true && this.#isOwnTimer(item)) {
      throw new Rejection(`timer '${item.timer}' was cancelled or set again in front of the command that it sent`);
    }
  }

  #isOwnTimer({ command }: Item): boolean {
    return command.caller !== null && isSameAddress(command.caller, this.#slot.address);
  }

  #settle(item: Item, result: CommandResult): void {
    switch (result.kind) {
      case "done":
        this.#checkPayload("reply", result.reply);
        if (item.command.isQuery) {
          if (result.events.length > 0 || result.effects.length > 0)
            throw new Rejection(`query '${item.command.name}' has effects`);
        } else this.#changes = true;
        for (const event of result.events) this.#emit(event);
        for (const effect of result.effects) this.#perform(item.command, effect);
        return this.#end(item, { kind: "replied", reply: result.reply });
      case "refused":
        this.#checkPayload("refusal", result.details);
        return this.#end(item, { kind: "refused", code: result.code, message: result.message, details: result.details });
      case "faulted":
      case "skipped":
        throw new Rejection("a command behind a fault was run");
      default:
        return unreachable(result);
    }
  }

  #emit(event: NewEvent): void {
    if (this.#slot.spec.kind !== "event-sourced") throw new Rejection(`a ${this.#slot.spec.kind} entity emits no events`);
    const problem = nameProblem(event.name);
    if (problem !== null) throw new Rejection(`event name '${event.name}': ${problem}`);
    if (!this.#slot.spec.events.has(event.name))
      throw new Rejection(`event '${event.name}' is not declared by ${this.#slot.type}`);
    this.#checkPayload(`event '${event.name}'`, event.data);
    this.#events.push(event);
  }

  #perform(cause: Command, effect: FunctionEffect): void {
    if (effect.kind === "cancel") {
      this.#setTimer(effect.timer, null);
      return;
    }
    const { limits } = this.#context.host;
    this.#checkTarget(effect);
    if (!(effect.afterMs >= 0 && effect.afterMs <= limits.delayMaxMs))
      throw new Rejection(`a delay of ${effect.afterMs} ms is out of bounds`);
    if (effect.timer !== null) {
      const problem = nameProblem(effect.timer);
      if (problem !== null) throw new Rejection(`timer name '${effect.timer}': ${problem}`);
    }
    const command = this.#command(effect.command, effect.input, cause, null);
    const sent: Command =
      effect.replyTo === null
        ? command
        : { ...command, replyTo: { to: this.#slot.address, handler: effect.replyTo.handler, context: effect.replyTo.context } };
    if (effect.afterMs === 0) {
      if (effect.timer !== null) this.#setTimer(effect.timer, null);
      return this.#bear(effect.to, sent);
    }
    const name = effect.timer ?? `$${command.id}`;
    const dueAtMs = Math.ceil(this.#context.nowMs + effect.afterMs);
    // What runs later sees the moment it is due as its `now`, not the one it was asked for.
    const later = { ...sent, acceptedAtMs: dueAtMs };
    this.#setTimer(name, { owner: this.#slot.address, name, dueAtMs, to: effect.to, command: later });
  }

  /** The last word on a name counts. */
  #setTimer(name: string, timer: Timer | null): void {
    this.#timerByName ??= new Map();
    this.#timerByName.set(name, timer);
  }

  #checkTarget(effect: FunctionEffect & { readonly kind: "send" }): void {
    const id = idProblem(effect.to.id);
    if (id !== null) throw new Rejection(`a message to ${effect.to.type}: id refused: ${id}`);
    const target = this.#context.host.servedTo(effect.to);
    if (target === null) throw new Rejection(`a message to '${effect.to.type}': no deployment serves this type`);
    if (!target.type.commands.has(effect.command)) throw new Rejection(`${effect.to.type} has no command '${effect.command}'`);
    this.#checkPayload("a message's input", effect.input);
    if (effect.replyTo !== null && !this.#slot.spec.replies.has(effect.replyTo.handler)) {
      throw new Rejection(`${this.#slot.type} declares no reply handler '${effect.replyTo.handler}'`);
    }
  }

  #command(name: string, input: Payload, cause: Command, answer: Outcome | null): Command {
    return {
      id: this.#context.bornId(this.#bornIndex++),
      name,
      isQuery: false,
      input,
      acceptedAtMs: Math.floor(this.#context.nowMs),
      deadlineMs: Infinity,
      caller: this.#slot.address,
      metadata: cause.metadata,
      answer,
      replyTo: null,
      bodyHash: "",
    };
  }

  #bear(to: Message["to"], command: Command): void {
    const { host, shard, state } = this.#context;
    if (this.#born.length >= host.limits.sendsPerInvocationMax) throw new Rejection("too many messages in one invocation", true);
    const targetShard = host.shardOf(to);
    this.#bornByTarget ??= new Map();
    const born = this.#bornByTarget.get(targetShard) ?? 0;
    this.#bornByTarget.set(targetShard, born + 1);
    this.#born.push({ sourceShard: shard, targetShard, number: state.nextNumber(targetShard) + born, to, command, timer: null });
  }

  #end(item: Item, outcome: Outcome): void {
    const version = this.#slot.version + this.#events.length;
    this.#settled.push({ item, outcome, version });
    this.#consumed.push(consumedBy(this.#context, this.#slot, item, outcome, version));
    if (item.command.replyTo !== null) {
      const { to, handler, context } = item.command.replyTo;
      this.#bear(to, this.#command(handler, context, item.command, outcome));
    }
  }

  #body(version: number, state: Payload | null | undefined): EffectsBody | null {
    const timers = this.#timers();
    const isNeeded =
      version !== this.#slot.version ||
      this.#born.length > 0 ||
      timers.set.length > 0 ||
      timers.cancelled.length > 0 ||
      this.#consumed.some(
        (consumed) => consumed.origin.kind !== "client" || (consumed.result !== null && consumed.result.bodyHash !== ""),
      );
    if (!isNeeded) return null;
    const { stateTtlMs } = this.#slot.spec.policy;
    return {
      kind: "effects",
      entity: this.#slot.address,
      previousVersion: this.#slot.version,
      version,
      stateVersion: this.#slot.spec.stateVersion,
      deployment: this.#deployment,
      state,
      expiresAtMs: stateTtlMs === null ? 0 : Math.ceil(this.#context.nowMs + stateTtlMs),
      events: this.#events,
      consumed: this.#consumed,
      born: this.#born,
      timersSet: timers.set,
      timersCancelled: timers.cancelled,
      timersPast: timers.past,
      withdrawn: timers.withdrawn,
      withdrawnInbox: timers.withdrawnInbox,
    };
  }

  #timers(): TimerChanges {
    if (this.#timerByName === null) return NO_TIMERS;
    const set: Timer[] = [];
    const cancelled: string[] = [];
    const past: TimerPast[] = [];
    const withdrawn: number[] = [];
    const withdrawnInbox: number[] = [];
    for (const [name, timer] of this.#timerByName) {
      const dueAtMs = this.#context.state.timers.dueAtMs(this.#slot.address, name);
      if (dueAtMs !== undefined) past.push({ name, dueAtMs });
      if (timer !== null) set.push(timer);
      else cancelled.push(name);
      // What came due for this very entity and waits behind this command has not run: it can still be taken back.
      withdrawn.push(...this.#context.state.outbox.ownTimer(this.#slot.address, name));
      withdrawnInbox.push(...this.#context.state.inboxTimers.numbersOf(this.#slot.address, name));
    }
    return {
      set,
      cancelled,
      past,
      withdrawn: withdrawn.filter((number) => !this.#isConsumed("message", number)),
      withdrawnInbox: withdrawnInbox.filter((number) => !this.#isConsumed("inbox", number)),
    };
  }

  /** By this very invocation: the command that a timer has sent may set it again. */
  #isConsumed(kind: "message" | "inbox", number: number): boolean {
    const { shard } = this.#context;
    return this.#consumed.some(
      ({ origin }) =>
        origin.kind === kind && origin.number === number && (origin.kind === "inbox" || origin.sourceShard === shard),
    );
  }

  #checkState(state: Payload | null | undefined): void {
    const max = this.#slot.spec.policy.stateBytesMax;
    if (state !== undefined && state !== null && state.length > max) {
      throw new Rejection(`the state is ${state.length} bytes, ${max} are allowed`, true);
    }
  }

  #checkPayload(what: string, payload: Payload): void {
    const max = this.#context.host.limits.payloadBytesMax;
    if (payload.length > max) throw new Rejection(`${what} is ${payload.length} bytes, ${max} are allowed`, true);
  }
}

/** What is left of a command when it has run: the mark of its origin, and the result for those who ask again. */
export function consumedBy(context: ShardContext, slot: EntitySlot, item: Item, outcome: Outcome, version: number): Consumed {
  const { command, origin } = item;
  const isAsked = command.caller === null && !command.isQuery;
  const hasResult = isAsked && (outcome.kind === "replied" || origin.kind !== "client" || command.bodyHash !== "");
  const isRepeatable = command.bodyHash !== "" || origin.kind !== "client";
  const retentionMs = isRepeatable ? slot.spec.policy.idempotencyRetentionMs : context.host.limits.ownResultRetentionMs;
  return {
    commandId: command.id,
    name: command.name,
    origin,
    metadata: command.metadata,
    result: hasResult
      ? { bodyHash: command.bodyHash, outcome, version, expiresAtMs: Math.ceil(context.nowMs + retentionMs) }
      : null,
    deadLetter: null,
  };
}

/** How many commands ran before the first fault, and that fault's message. Outcomes must be numbered in order, from 0. */
function splitAtFault(items: readonly Item[], outcomes: readonly CommandResult[]): { ran: number; fault: string | null } {
  // One state comes for all of them: with an outcome missing nobody knows which commands it is the state behind.
  if (outcomes.length !== items.length) throw new Rejection(`${outcomes.length} outcomes for ${items.length} commands`);
  for (const [index, outcome] of outcomes.entries()) {
    if (outcome.n !== index) throw new Rejection(`outcome ${index} is numbered ${outcome.n}`);
  }
  const first = outcomes.findIndex((outcome) => outcome.kind === "faulted" || outcome.kind === "skipped");
  const ran = first < 0 ? outcomes.length : first;
  if (first >= 0 && outcomes.slice(first + 1).some((outcome) => outcome.kind !== "skipped")) {
    throw new Rejection("a command behind a fault was run");
  }
  const stopped = outcomes[ran];
  if (stopped?.kind === "faulted") return { ran, fault: stopped.message };
  if (stopped?.kind === "skipped")
    return { ran, fault: ran === 0 ? "it was skipped though nothing in front of it faulted" : null };
  return { ran, fault: null };
}
