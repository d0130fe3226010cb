/**
 * The function contract as JSON, in the words of the text itself: what a function reads and writes. Here payloads are
 * parsed values. This is a wire format; docs/function-contract.md explains every field.
 */
import type { EntityAddress } from "./contract.js";

export interface JsonInvocation {
  readonly holdfast: "1";
  readonly kind: "invoke";
  readonly invocation: string;
  readonly deadlineMs: number;
  readonly entities: readonly JsonEntity[];
}

export interface JsonEntity {
  readonly n: number;
  readonly type: string;
  readonly id: string;
  /** 0: the entity was never changed. */
  readonly version: number;
  readonly stateVersion: number;
  /** Null: none. */
  readonly state: unknown;
  /** Events behind `state`, oldest first, to be folded into it before the first command. */
  readonly events: readonly JsonHistoryEvent[];
  readonly commands: readonly JsonCommand[];
}

export interface JsonHistoryEvent {
  readonly entityVersion: number;
  /** ISO 8601 with milliseconds. */
  readonly at: string;
  readonly name: string;
  /** The version of the event's schema. */
  readonly version: number;
  readonly data?: unknown;
}

export interface JsonCommand {
  readonly n: number;
  readonly id: string;
  readonly name: string;
  readonly query?: true;
  readonly input?: unknown;
  /** ISO 8601 with milliseconds; the same in every attempt. */
  readonly now: string;
  readonly attempt: number;
  readonly caller: EntityAddress | null;
  readonly metadata: { readonly [name: string]: string };
  /** Present: `name` is an answer handler and `input` the context that the asker gave. */
  readonly answer?: JsonAnswer;
}

export type JsonAnswer =
  | { readonly kind: "replied"; readonly reply?: unknown }
  | { readonly kind: "refused"; readonly code: string; readonly message: string; readonly details?: unknown }
  | { readonly kind: "failed"; readonly code: string; readonly message: string };

/** What a function answers for one entity. */
export interface JsonEntityResult {
  readonly n: number;
  /** Absent: unchanged. Null: deleted. */
  readonly state?: unknown;
  readonly outcomes: readonly JsonOutcome[];
}

export type JsonOutcome =
  | {
      readonly n: number;
      /** Absent: no reply. */
      readonly reply?: unknown;
      readonly events?: readonly JsonNewEvent[];
      readonly effects?: readonly JsonEffect[];
    }
  | { readonly n: number; readonly refusal: { readonly code: string; readonly message: string; readonly details?: unknown } }
  | { readonly n: number; readonly fault: { readonly message: string } }
  | { readonly n: number; readonly skipped: true };

export interface JsonNewEvent {
  readonly name: string;
  /** The version of the event's schema; 1 when absent. */
  readonly version?: number;
  readonly data?: unknown;
}

export type JsonEffect =
  | {
      readonly send: {
        readonly to: EntityAddress;
        readonly command: string;
        readonly input?: unknown;
        readonly replyTo?: { readonly handler: string; readonly context?: unknown } | null;
        readonly afterMs?: number;
        readonly timer?: string | null;
      };
    }
  | { readonly cancel: { readonly timer: string } };
