/**
 * The words between a shard and the dispatcher. A shard offers entities that have commands to run; the dispatcher decides
 * which of them share an invocation and when it starts; the shard then takes the state for it.
 */

import type { InvocationEnd } from "../entity/invocation.js";
import type { ActiveDeployment } from "../input.js";

/**
 * An entity with commands to run, as its shard offers it. In at most one invocation, and offered at most once, at a time.
 * It may be the shard's own live object: type, key, command name and `isSuspect` are read when it is offered, count and
 * bytes once when it is planned, so that commands which come while it waits go along.
 */
export interface Runnable {
  /** Identifies the entity (type and id) over all shards. */
  readonly key: string;
  readonly type: string;
  /** The name of the first command: slow kinds of commands have a lane of their own. */
  readonly commandName: string;
  /** How many commands could run now, and the bytes of their inputs and of the state, about. */
  readonly commandCount: number;
  readonly bytes: number;
  /** Moment after which the first command's caller no longer waits; `Infinity` for messages. */
  readonly deadlineMs: number;
  /** Whether its first command has faulted before, so that it has to run by itself until it is cleared. */
  readonly isSuspect: boolean;
  /** Whether the canary of its type serves it. Read when it is offered; where there is no canary it means nothing. */
  readonly isCanary?: boolean;
}

/** One invocation to start: these entities, each with at most that many commands. */
export interface Batch {
  readonly attempt: number;
  readonly deployment: string;
  readonly timeoutMs: number;
  readonly members: readonly { readonly runnable: Runnable; readonly commandsMax: number }[];
}

/** What the end of an invocation means for a member that got no result in it. */
export type Verdict =
  /** It ran alone, one entity and one command: the fault is that command's. */
  | { readonly kind: "faulted"; readonly code: string; readonly message: string }
  /** It ran with others: offer it again; the dispatcher remembers it as a suspect and bisects. */
  | { readonly kind: "suspected" }
  /** The endpoint is at fault: offer it again, nothing counts. */
  | { readonly kind: "unavailable"; readonly message: string };

export interface DispatcherPort {
  setDeployments(deployments: readonly ActiveDeployment[]): void;
  offer(runnable: Runnable, nowMs: number): void;
  /** Takes an offer back: its commands are gone (client left, purge). No effect if it is running. */
  withdraw(runnable: Runnable): void;
  /**
   * Its shard is another node's: an offer is taken back, and nobody waits for what runs. Its key may be offered again before that
   * has ended: the shard may soon be back.
   */
  abandon(runnable: Runnable): void;
  /** The batches to start now. Call once a turn, behind all offers. */
  plan(nowMs: number): readonly Batch[];
  /**
   * A member had nothing left to run when its state was to be taken (its callers' deadlines passed), so that it is not in
   * the invocation after all: tells nothing about times or the endpoint. It may be offered again. If nobody is left, the
   * invocation is not sent, and `ended` says `complete` in the same step.
   */
  leftOut(attempt: number, runnable: Runnable): void;
  /** A member's result came: its time is measured, it may be offered again. */
  finished(attempt: number, runnable: Runnable, nowMs: number): void;
  /** The invocation is over; gives the verdict on each member that did not finish. Unknown attempts: an empty list. */
  ended(
    attempt: number,
    end: InvocationEnd,
    nowMs: number,
  ): readonly { readonly runnable: Runnable; readonly verdict: Verdict }[];
  /** Why the endpoint of this type, or of its canary, is given probes alone at the moment, in its own words; null while nothing is wrong with it. */
  outageOf(type: string, isCanary?: boolean): string | null;
  /** When `plan` has to be called again although nothing happens (back-off, overdue attempts); null: never. */
  wakeAtMs(): number | null;
}
