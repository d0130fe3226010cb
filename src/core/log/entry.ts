/**
 * Entries: what becomes durable, atomically, for one entity or for a shard's bookkeeping. A shard's state is exactly the
 * fold of its entries (src/core/shard/apply-entry.ts), so an entry says everything and replay reads nothing else.
 *
 * Persisted: the byte form is src/protocol/record/entry-codec.ts and docs/formats.md.
 */
import type { EntityAddress } from "../entity/address.js";
import type { Command, Message, Metadata, Outcome, Payload } from "../entity/command.js";
import type { NewEvent } from "../entity/invocation.js";

export interface Entry {
  readonly shard: number;
  readonly epoch: number;
  /** Dense per shard, from 1. Replay asserts it. */
  readonly sequence: number;
  /** Commit time: the shard's time, which never runs backwards. */
  readonly atMs: number;
  readonly body: EntryBody;
}

export type EntryBody = EffectsBody | AcceptedBody | ParkedBody | DueBody | AcknowledgedBody | DeadLetterBody | PurgedBody;

/** What the commands of one entity in one invocation did: all of it, or nothing. */
export interface EffectsBody {
  readonly kind: "effects";
  readonly entity: EntityAddress;
  /** The entity's version before and after; equal when nothing of its state changed. */
  readonly previousVersion: number;
  readonly version: number;
  readonly stateVersion: number;
  readonly deployment: string;
  /** Undefined: unchanged, or to be folded from the events. Null: deleted. */
  readonly state: Payload | null | undefined;
  /** When the state ends by its time-to-live; 0: never. */
  readonly expiresAtMs: number;
  /** Versions `previousVersion + 1` and up, in order. */
  readonly events: readonly NewEvent[];
  readonly consumed: readonly Consumed[];
  /** Messages that are due at once, with their numbers. */
  readonly born: readonly Message[];
  readonly timersSet: readonly Timer[];
  /** Timers that end without being due. A name stands in at most one of the two lists. */
  readonly timersCancelled: readonly string[];
  /** Due times of timers that were replaced or cancelled, where they were known: their index entries go with them. */
  readonly timersPast: readonly TimerPast[];
  /** Numbers of messages from this shard to itself that came from a timer, had not run, and were cancelled in time. */
  readonly withdrawn: readonly number[];
  /** The same, of those that had moved to the inbox: their inbox numbers. */
  readonly withdrawnInbox: readonly number[];
}

export interface TimerPast {
  readonly name: string;
  readonly dueAtMs: number;
}

/** Where a command came from, and so what its consumption has to mark. */
export type Origin =
  /** A waiting client. Nothing but its result is left behind. */
  | { readonly kind: "client" }
  /** `sourceShard`: the source, or what stands for a stream to a shard that this one came from (src/core/shard/stream-source.ts). */
  | { readonly kind: "message"; readonly sourceShard: number; readonly number: number }
  /** An accepted command or a parked message, stored in the inbox under this number. */
  | { readonly kind: "inbox"; readonly number: number };

export interface Consumed {
  readonly commandId: string;
  readonly name: string;
  readonly origin: Origin;
  readonly metadata: Metadata;
  /** What later duplicates are answered with; null where none can come (queries, keyless refusals). */
  readonly result: StoredResult | null;
  /** Set when the command is given up on: it is kept here instead. */
  readonly deadLetter: DeadLetter | null;
}

/** The idempotency result of a command, kept under (entity, command id) until it expires. */
export interface StoredResult {
  readonly bodyHash: string;
  /** Null: accepted, and not run yet. */
  readonly outcome: Outcome | null;
  /** The entity's version after the command. */
  readonly version: number;
  readonly expiresAtMs: number;
}

export interface Timer {
  /** The entity that set it, which alone can replace or cancel it, by name. */
  readonly owner: EntityAddress;
  readonly name: string;
  readonly dueAtMs: number;
  readonly to: EntityAddress;
  readonly command: Command;
}

export interface DeadLetter {
  readonly command: Command;
  readonly code: string;
  readonly message: string;
  readonly attempts: number;
  readonly atMs: number;
}

/** A command that its sender no longer waits for: durable now, run when its turn comes, or when it is due. */
export interface AcceptedBody {
  readonly kind: "accepted";
  readonly entity: EntityAddress;
  readonly command: Command;
  readonly result: StoredResult;
  readonly place: { readonly kind: "inbox"; readonly number: number } | { readonly kind: "timer"; readonly timer: Timer };
}

/** A message that cannot run soon moves, with its consumed mark, to its target's inbox, so that it holds no window. */
export interface ParkedBody {
  readonly kind: "parked";
  readonly message: Message;
  readonly inboxNumber: number;
}

/** A timer came due: it is gone, and its message is born. This entry and `timersCancelled` exclude each other. */
export interface DueBody {
  readonly kind: "due";
  readonly owner: EntityAddress;
  readonly name: string;
  readonly dueAtMs: number;
  /** Null: the index pointed at a timer that was cancelled or replaced; only the index entry goes. */
  readonly born: Message | null;
}

/** Messages to `targetShard` that its owner has consumed: all numbers below `low`, and those listed. */
export interface AcknowledgedBody {
  readonly kind: "acknowledged";
  readonly targetShard: number;
  readonly numbers: readonly number[];
}

export interface DeadLetterBody {
  readonly kind: "deadLetter";
  readonly entity: EntityAddress;
  readonly commandId: string;
  /** Retried: the command goes back to the inbox under this number. Null: dropped. */
  readonly retried: { readonly inboxNumber: number; readonly command: Command } | null;
}

/** Everything stored under these keys of one entity is gone. The last entry of a purge also ends its state. */
export interface PurgedBody {
  readonly kind: "purged";
  readonly entity: EntityAddress;
  readonly keys: readonly Uint8Array[];
  /** How many of them are in the inbox. */
  readonly inboxCount: number;
}
