/**
 * A slot: an entity that something is going on with. It exists while commands wait or run, while somebody reads or follows
 * it, and until its last entry is durable; an entity at rest is bytes in the store and no object at all.
 *
 *   loading ──cell (and unfolded events) read──> idle ──commands──> offered ──dispatched──> running ──result──> idle
 */

import { type CommandCounts, noCounts } from "../deployment/command-tally.js";
import type { Runnable, Verdict } from "../dispatch/dispatch.js";
import { addressText, type EntityAddress } from "../entity/address.js";
import type { Command, Payload } from "../entity/command.js";
import type { EntityType } from "../entity/entity-type.js";
import type { EntityResult, HistoryEvent, InvocationEntity } from "../entity/invocation.js";
import type { DeadLetter, Origin } from "../log/entry.js";
import type { EntityPrefix } from "../store/key-spaces/key-space.js";

/** A command in a mailbox. */
export interface Item {
  readonly command: Command;
  origin: Origin;
  /** Requests that wait for the outcome. */
  waiters: number[];
  /** Attempts begun, and how many of them were this command's own fault. */
  attempts: number;
  faults: number;
  /** The name of the timer that it came from. */
  readonly timer: string | null;
  /** False while the store is asked whether it is a duplicate. */
  isChecked: boolean;
}

export function newItem(command: Command, origin: Origin, timer: string | null): Item {
  return { command, origin, timer, waiters: [], attempts: 0, faults: 0, isChecked: true };
}

/** A request that waits for the state of an entity. */
export interface StateReader {
  readonly request: number;
  /** Wall time after which it is told why there is no state. */
  readonly deadlineMs: number;
}

export function runAll(waiting: readonly (() => void)[]): void {
  for (const one of waiting) one();
}

/** What a command weighs beside its input. */
export const ITEM_OVERHEAD_BYTES = 400;

/** An invocation takes no more commands of one entity than this, so nobody looks further. */
const LOOK_AHEAD_MAX = 256;

export type SlotStatus = "loading" | "idle" | "offered" | "running";

/** What runs an entity's commands: its shard, as the dispatcher's other side sees it. */
export interface SlotOwner {
  take(slot: EntitySlot, commandsMax: number, n: number, attempt: number): InvocationEntity | null;
  finished(slot: EntitySlot, deployment: string, result: EntityResult): void;
  unfinished(slot: EntitySlot, verdict: Verdict): void;
}

/** Most entities never have any of these: one empty list serves them all. */
const NONE: readonly never[] = [];
const UNCOUNTED = noCounts();

export class EntitySlot implements Runnable {
  readonly shard: SlotOwner;
  readonly address: EntityAddress;
  readonly key: string;
  readonly prefix: EntityPrefix;
  spec: EntityType;
  status: SlotStatus = "loading";
  version = 0;
  stateVersion = 0;
  expiresAtMs = 0;
  foldedVersion = 0;
  state: Payload | null = null;
  /** Events behind `state`, which the function has not folded yet. */
  unfolded: readonly HistoryEvent[] = NONE;
  /** The highest position that its state depends on. */
  position = 0;
  readonly mailbox: Item[] = [];
  /** The commands of the invocation that is under way. */
  running: readonly Item[] = NONE;
  attempt = 0;
  /** Whether a canary serves it, whether one ran its last invocation, and where outcomes of that are counted. */
  isCanary = false;
  ranOnCanary = false;
  counts: CommandCounts = UNCOUNTED;
  /** Not offered before this moment, after a fault. */
  retryAtMs = 0;
  isSuspect = false;
  /** The poisoned command that stops the entity until somebody decides (on-poison: pause). It stands first in the mailbox. */
  pausedBy: DeadLetter | null = null;
  /** Reads that wait for the folded state. */
  readers: readonly StateReader[] = NONE;
  /** Why the function has given no folded state the last time; null: it was not asked, or has given one. */
  foldFault: string | null = null;
  /** How often in a row. */
  foldFaults = 0;
  /** What waits for the entity to be loaded, or to stand between two invocations. */
  openers: readonly (() => void)[] = NONE;
  /** While an entity is purged none of its commands run. */
  isPurging = false;
  followers = 0;
  /** The first inbox number that waits in the store alone, because the mailbox was full; 0: none. */
  overflowFrom = 0;
  /** The last number that went there. */
  overflowLast = 0;
  isRefilling = false;
  isRetiring = false;

  constructor(shard: SlotOwner, address: EntityAddress, prefix: EntityPrefix, spec: EntityType) {
    this.shard = shard;
    this.address = address;
    this.key = addressText(address);
    this.prefix = prefix;
    this.spec = spec;
  }

  get type(): string {
    return this.address.type;
  }

  get commandName(): string {
    return this.mailbox[0]?.command.name ?? "";
  }

  /** Commands that could run now: those in front of the first one that is still being checked. */
  get commandCount(): number {
    if (this.isSuspect) return this.mailbox[0]?.isChecked === true ? 1 : 0;
    let count = 0;
    while (count < LOOK_AHEAD_MAX && this.mailbox[count]?.isChecked === true) count++;
    return count;
  }

  get bytes(): number {
    let bytes = (this.state?.length ?? 0) + 200;
    const count = Math.min(LOOK_AHEAD_MAX, this.mailbox.length);
    for (let at = 0; at < count; at++) bytes += (this.mailbox[at] as Item).command.input.length + 100;
    return bytes;
  }

  get deadlineMs(): number {
    return this.mailbox[0]?.command.deadlineMs ?? Infinity;
  }

  get isPaused(): boolean {
    return this.pausedBy !== null;
  }

  get isFolded(): boolean {
    return this.foldedVersion === this.version;
  }

  get hasWork(): boolean {
    return this.mailbox.length > 0 || (this.readers.length > 0 && !this.isFolded);
  }

  get isAtRest(): boolean {
    return (
      this.status === "idle" &&
      this.mailbox.length === 0 &&
      this.readers.length === 0 &&
      this.openers.length === 0 &&
      !this.isPurging &&
      this.followers === 0 &&
      this.overflowFrom === 0 &&
      !this.isPaused
    );
  }

  /** What comes now has to wait in the store: commands run in the order in which they came. */
  get isFull(): boolean {
    return this.overflowFrom > 0 || this.waiting >= this.spec.policy.mailboxMax;
  }

  /** Commands in the mailbox, and those that an invocation may bring back to it. */
  get waiting(): number {
    return this.mailbox.length + this.running.length;
  }

  /** Leaves a stored command where it is, to be loaded when there is room again. */
  overflow(inboxNumber: number): void {
    if (this.overflowFrom === 0) this.overflowFrom = inboxNumber;
    this.overflowLast = Math.max(this.overflowLast, inboxNumber);
  }

  /** Runs `then` when the entity is loaded and stands between two invocations, the next time. */
  whenOpen(then: () => void): void {
    this.openers = [...this.openers, then];
  }

  takeReaders(): readonly StateReader[] {
    const { readers } = this;
    this.readers = NONE;
    return readers;
  }

  takeOpeners(): readonly (() => void)[] {
    const { openers } = this;
    this.openers = NONE;
    return openers;
  }

  /** The mailbox's or the running invocation's command of that id. */
  find(commandId: string): Item | undefined {
    return (
      this.running.find((item) => item.command.id === commandId) ?? this.mailbox.find((item) => item.command.id === commandId)
    );
  }
}
