/**
 * The function contract as the router holds it: one call of a user function and what it answers. Payloads are bytes that
 * the router never interprets; in contract version 1 they are the text of one JSON value each, in every encoding.
 *
 * Structurally the same as src/core/entity/invocation.ts, so that values pass between the two without a mapping
 * (asserted by test/contract/function-contract-shapes.test.ts).
 */

export const CONTRACT_VERSION = "1";

/** The text of a JSON value; of zero length where there is none. */
export type Payload = Uint8Array;

export interface EntityAddress {
  readonly type: string;
  readonly id: string;
}

export type Metadata = readonly (readonly [name: string, value: string])[];

/** What came of a command that an entity asked of another one; handed to the asker's answer handler. */
export type Outcome =
  | { readonly kind: "replied"; readonly reply: Payload }
  | { readonly kind: "refused"; readonly code: string; readonly message: string; readonly details: Payload }
  | { readonly kind: "failed"; readonly code: string; readonly message: string };

export interface HistoryEvent {
  /** The entity's version once this event had happened. */
  readonly version: number;
  readonly atMs: number;
  readonly name: string;
  /** The version of the event's schema. */
  readonly eventVersion: number;
  readonly data: Payload;
}

export interface InvocationCommand {
  readonly n: number;
  readonly id: string;
  readonly name: string;
  readonly isQuery: boolean;
  readonly input: Payload;
  /** The same in every attempt. */
  readonly nowMs: number;
  readonly attempt: number;
  readonly caller: EntityAddress | null;
  readonly metadata: Metadata;
  /** Set where `name` is an answer handler: `input` is then the context that the asker gave. */
  readonly answer: Outcome | null;
}

export interface InvocationEntity {
  /** The entity's index in the request. */
  readonly n: number;
  readonly type: string;
  readonly id: string;
  readonly version: number;
  readonly stateVersion: number;
  /** Null: the entity has no state. */
  readonly state: Payload | null;
  /** Events behind `state`, which the function has to fold into it first. */
  readonly events: readonly HistoryEvent[];
  readonly commands: readonly InvocationCommand[];
}

export interface InvocationRequest {
  readonly invocation: string;
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
      /** Of zero length: no reply. The text `null`: a reply that is null. */
      readonly reply: Payload;
      readonly events: readonly NewEvent[];
      readonly effects: readonly FunctionEffect[];
    }
  | { readonly n: number; readonly kind: "refused"; readonly code: string; readonly message: string; readonly details: Payload }
  | { readonly n: number; readonly kind: "faulted"; readonly message: string }
  | { readonly n: number; readonly kind: "skipped" };

export interface EntityResult {
  readonly n: number;
  /** Absent: unchanged. Null: deleted. */
  readonly state?: Payload | null;
  readonly outcomes: readonly CommandResult[];
}

/** How an invocation ended, after the results of its entities were handed in one by one. */
export type InvocationEnd =
  | { readonly kind: "complete" }
  | { readonly kind: "cut"; readonly message: string }
  | { readonly kind: "timeout"; readonly message: string }
  | { readonly kind: "malformed"; readonly code: string; readonly message: string }
  | { readonly kind: "unavailable"; readonly message: string; readonly retryAfterMs: number | null };

/** The encodings a function may speak. Payloads are JSON text in both. */
export type Encoding = "json" | "protobuf";

export const CONTENT_TYPE = {
  /** A request; an answer in one document. */
  json: "application/json",
  /** A streamed answer: one entity a line, then `{"end":N}`. */
  jsonStream: "application/x-ndjson",
  /** A request; an answer in one message. */
  protobuf: "application/x-protobuf",
  /** A streamed answer: `AnswerFrame` messages, each behind its length as a varint. */
  protobufStream: "application/x-protobuf; encoding=delimited",
} as const;
