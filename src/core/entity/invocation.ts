/**
 * One call of a user function and what it answers. The function contract (src/protocol/function) has the same shapes
 * in its own words, so that a request passes to the codec as it is.
 */
import type { EntityAddress } from "./address.js";
import type { Metadata, Outcome, Payload } from "./command.js";

export interface HistoryEvent {
  readonly version: number;
  readonly atMs: number;
  readonly name: string;
  /** The version of the event's schema, 1 unless the function says otherwise. */
  readonly eventVersion: number;
  readonly data: Payload;
}

export interface InvocationCommand {
  readonly n: number;
  readonly id: string;
  readonly name: string;
  readonly isQuery: boolean;
  readonly input: Payload;
  readonly nowMs: number;
  readonly attempt: number;
  readonly caller: EntityAddress | null;
  readonly metadata: Metadata;
  readonly answer: Outcome | null;
}

export interface InvocationEntity {
  /** The entity's index in the request. */
  readonly n: number;
  readonly type: string;
  readonly id: string;
  readonly version: number;
  readonly stateVersion: number;
  /** Null: the entity has no state. A view: valid until the core's next step. */
  readonly state: Payload | null;
  /** Events behind `state`, which the function has to fold into it first. */
  readonly events: readonly HistoryEvent[];
  readonly commands: readonly InvocationCommand[];
}

export interface InvocationRequest {
  readonly invocation: string;
  /** How long the function has, from now. */
  readonly deadlineMs: number;
  readonly entities: readonly InvocationEntity[];
}

export interface NewEvent {
  readonly name: string;
  readonly eventVersion: number;
  readonly data: Payload;
}

export type FunctionEffect =
  | {
      readonly kind: "send";
      readonly to: EntityAddress;
      readonly command: string;
      readonly input: Payload;
      readonly replyTo: { readonly handler: string; readonly context: Payload } | null;
      readonly afterMs: number;
      readonly timer: string | null;
    }
  | { readonly kind: "cancel"; readonly timer: string };

export type CommandResult =
  | {
      readonly n: number;
      readonly kind: "done";
      readonly reply: Payload;
      readonly events: readonly NewEvent[];
      readonly effects: readonly FunctionEffect[];
    }
  | { readonly n: number; readonly kind: "refused"; readonly code: string; readonly message: string; readonly details: Payload }
  | { readonly n: number; readonly kind: "faulted"; readonly message: string }
  | { readonly n: number; readonly kind: "skipped" };

/** What a function answered for one entity. Decoded, not yet believed. */
export interface EntityResult {
  readonly n: number;
  /** Absent: unchanged. Null: deleted. */
  readonly state?: Payload | null;
  readonly outcomes: readonly CommandResult[];
}

/**
 * How an invocation ended, after the results of its entities were handed in one by one.
 * `complete`: the function said it is done; entities without a result are malformed. `cut`: the stream broke or the function
 * crashed after it was reached; entities without a result are faulted. `timeout`: it took longer than its deadline.
 * `malformed`: it answered with something that is no answer. `unavailable`: it was never reached, or said it is overloaded;
 * nobody is at fault, and `retryAfterMs` (or null) says when to ask again.
 */
export type InvocationEnd =
  | { readonly kind: "complete" }
  | { readonly kind: "cut"; readonly message: string }
  | { readonly kind: "timeout"; readonly message: string }
  | { readonly kind: "malformed"; readonly code: string; readonly message: string }
  | { readonly kind: "unavailable"; readonly message: string; readonly retryAfterMs: number | null };
