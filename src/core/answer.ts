/** What a request is answered with. */
import type { EntityAddress } from "./entity/address.js";
import type { Outcome, Payload } from "./entity/command.js";
import type { HistoryEvent } from "./entity/invocation.js";
import type { DeadLetter, Timer } from "./log/entry.js";

export type FeedEnd = "stopping" | "moved" | "slow" | "purged";

export type Answer =
  | {
      readonly kind: "outcome";
      readonly commandId: string;
      readonly version: number;
      readonly outcome: Outcome;
      readonly isDuplicate: boolean;
    }
  | { readonly kind: "accepted"; readonly commandId: string }
  | { readonly kind: "pending"; readonly commandId: string; readonly status: "accepted" | "scheduled" | "running" }
  | { readonly kind: "state"; readonly version: number; readonly state: Payload | null }
  | { readonly kind: "events"; readonly version: number; readonly events: readonly HistoryEvent[]; readonly next: number | null }
  | { readonly kind: "timers"; readonly timers: readonly Timer[] }
  | {
      readonly kind: "deadLetters";
      readonly deadLetters: readonly { readonly entity: EntityAddress; readonly deadLetter: DeadLetter }[];
    }
  | { readonly kind: "done" }
  | { readonly kind: "problem"; readonly problem: Problem };

/** Why the router itself refuses or fails a request. The ingress words it as an RFC 9457 problem; every code is in docs/errors.md. */
export interface Problem {
  readonly code: ProblemCode;
  readonly message: string;
  readonly retryAfterMs: number | null;
}

export type ProblemCode =
  | "unknown_type"
  | "unknown_command"
  | "not_exposed"
  | "command_not_found"
  | "dead_letter_not_found"
  | "idempotency_key_reused"
  | "idempotency_store_full"
  | "mailbox_full"
  | "overloaded"
  | "storage_slow"
  | "stopping"
  | "deadline_exceeded"
  | "outcome_unknown"
  | "function_faulted"
  | "function_unavailable"
  | "state_too_large"
  | "shard_refused"
  | "shard_moving"
  | "starting"
  | "entity_paused"
  | "unstorable";
