/** What a shard needs of the node it lives on. All of it synchronous: the node is the core's other half. */
import type { DispatcherPort } from "../dispatch/dispatch.js";
import type { Effect } from "../effect.js";
import type { EntityAddress } from "../entity/address.js";
import type { Message } from "../entity/command.js";
import type { EntityType } from "../entity/entity-type.js";
import type { Gate } from "../log/gate.js";
import type { LogWriter } from "../log/log-writer.js";
import type { RefusedCommands } from "../log/refused-commands.js";

export interface ShardLimits {
  /** Attempts of a command that faults by itself, while a client waits. */
  readonly attemptsOfCallMax: number;
  /** The same for messages and accepted commands, before they become dead letters. */
  readonly attemptsOfMessageMax: number;
  readonly retryMinMs: number;
  readonly retryMaxMs: number;
  /** How long the result of a command with an id of the router's own is kept. Longer than any deadline (RULES.md 10). */
  readonly ownResultRetentionMs: number;
  /** Events that one invocation folds at most. */
  readonly foldEventsMax: number;
  readonly delayMaxMs: number;
  readonly payloadBytesMax: number;
  readonly sendsPerInvocationMax: number;
  /** Idempotency results that a shard keeps at most; above it new keyed commands are refused, never old results forgotten. */
  readonly resultsMax: number;
  /** Messages of one source shard that are received and not consumed (RULES.md 9e). */
  readonly messageWindow: number;
  /** Timers of one shard that are held in memory, those due next; 4,096 unless told otherwise. */
  readonly timerWindowMax?: number | undefined;
}

export interface ShardHost {
  readonly limits: ShardLimits;
  readonly log: LogWriter;
  readonly gate: Gate;
  readonly refusedCommands: RefusedCommands;
  readonly dispatcher: DispatcherPort;
  /** Effects of the step that is under way. */
  readonly effects: Effect[];
  /** Wall time of the step. */
  readonly nowMs: number;
  /** Monotonic time of the step. */
  readonly tickMs: number;
  typeOf(name: string): { readonly deployment: string; readonly type: EntityType } | null;
  hashOf(address: EntityAddress): number;
  shardOf(address: EntityAddress): number;
  /** Hands a born message to its target's shard, wherever that is; false: not now, send again later, from this one on. */
  send(message: Message, epoch: number, lowest: number): boolean;
  /** Tells the source shard that a message is consumed. */
  acknowledge(message: { readonly sourceShard: number; readonly targetShard: number; readonly number: number }): void;
  /** Goes on where the shard is still ours, by its descriptor as it stands now; else the incarnation ends. */
  ifStillOwned(shard: number, epoch: number, then: () => void): void;
  /** Bytes held for callers and commands, for the one memory budget. */
  holdBytes(bytes: number): void;
}
