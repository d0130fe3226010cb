/** Everything the core asks for: plain data, imperative. A driver performs exactly one IO for each and reports what came of it. */
import type { EntityAddress } from "./entity/address.js";
import type { Outcome, Payload } from "./entity/command.js";
import type { HistoryEvent, InvocationRequest } from "./entity/invocation.js";
import type { DeadLetter, Timer } from "./log/entry.js";
import type { LogId } from "./log/record.js";
import type { StoreEffect } from "./store/store-io.js";

export type Effect =
  /** Answers a request; its gate has opened. Exactly one for each request, unless its client left first. */
  | { readonly kind: "answer"; readonly request: number; readonly answer: Answer }
  /** More for a followed request, in order. `ended` closes it. */
  | { readonly kind: "feed"; readonly request: number; readonly events: readonly HistoryEvent[]; readonly ended: FeedEnd | null }
  | {
      readonly kind: "invoke";
      readonly attempt: number;
      readonly deployment: string;
      readonly timeoutMs: number;
      readonly request: InvocationRequest;
    }
  | { readonly kind: "append"; readonly log: LogId; readonly position: number; readonly body: Uint8Array }
  | {
      readonly kind: "readRecords";
      readonly log: LogId;
      readonly position: number;
      readonly countMax: number;
      readonly bytesMax: number;
    }
  | { readonly kind: "trimLog"; readonly log: LogId; readonly base: number }
  /** Writes a spilled value, whole. */
  | { readonly kind: "writeValue"; readonly object: string; readonly bytes: Uint8Array }
  /** Reads a spilled value from its beginning, so many bytes at most. */
  | { readonly kind: "readValue"; readonly object: string; readonly length: number }
  | { readonly kind: "deleteValue"; readonly object: string }
  | { readonly kind: "readDocument"; readonly key: string }
  | { readonly kind: "listDocuments"; readonly prefix: string }
  | {
      readonly kind: "swapDocument";
      readonly key: string;
      readonly expected: string | null;
      readonly document: { readonly token: string; readonly body: Uint8Array };
    }
  /** Nothing waits for it: what stays is removed at another time. */
  | { readonly kind: "removeDocument"; readonly key: string; readonly expected: string }
  | { readonly kind: "listObjects"; readonly prefix: string }
  | { readonly kind: "store"; readonly shard: number; readonly effect: StoreEffect }
  /** All shards are open: requests are taken from now on. */
  | { readonly kind: "started" }
  /** Another incarnation lives and owns the shards: this one waits until it is over. Told every now and then. */
  | { readonly kind: "standingBy"; readonly incarnation: LogId }
  /** That shard serves nobody until the operator has mended it; the others go on. */
  | { readonly kind: "shardRefused"; readonly shard: number; readonly message: string }
  /** The incarnation is over; nothing more comes of it. The driver starts the next one, or stops the process. */
  | { readonly kind: "ended"; readonly reason: EndReason };

export type EndReason =
  | { readonly kind: "stopped" }
  /** Lost its log, or cannot go on with it. A new incarnation may be started at once. */
  | {
      readonly kind: "fenced";
      readonly message: string;
      /** The journal refused a record for ever, and the next incarnation will do better: it knows more of whose record that was. */
      readonly isLearned?: boolean;
    }
  /** An invariant does not hold: going on could do harm. What is durable is as it was. */
  | { readonly kind: "broken"; readonly message: string }
  /** What is stored does not allow a start: `code` has an entry in docs/errors.md. */
  | { readonly kind: "refused"; readonly code: string; readonly message: string };

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
  | "starting"
  | "entity_paused"
  | "unstorable";
