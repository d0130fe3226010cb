/** Commands, what comes of them, and the messages that carry them between entities. */
import type { EntityAddress } from "./address.js";

/** Bytes that the router passes on and never interprets: the text of a JSON value, or what the function's codec wrote. */
export type Payload = Uint8Array;

/** No payload at all: a command without input, a reply without content. */
export const NO_PAYLOAD: Payload = new Uint8Array(0);

/** Principal, traceparent, kept headers: small name and value pairs that travel with a command to everything it causes. */
export type Metadata = readonly (readonly [name: string, value: string])[];

export const NO_METADATA: Metadata = [];

/** Where the outcome of an asked command is sent: the asking entity's handler of that name, with the context it gave. */
export interface ReplyTo {
  readonly to: EntityAddress;
  readonly handler: string;
  readonly context: Payload;
}

/** What came of a command, as its caller, a stored result or an answer holds it. */
export type Outcome =
  | { readonly kind: "replied"; readonly reply: Payload }
  | { readonly kind: "refused"; readonly code: string; readonly message: string; readonly details: Payload }
  | { readonly kind: "failed"; readonly code: string; readonly message: string };

/** What is asked of an entity, whoever asks. Equal in every attempt but for what the attempt itself is. */
export interface Command {
  readonly id: string;
  /** The command's name; for an answer the name of the handler that takes it. */
  readonly name: string;
  readonly isQuery: boolean;
  readonly input: Payload;
  /** The time that the function sees as `now`, in every attempt: when it was accepted or sent; of what runs later, when it is due. */
  readonly acceptedAtMs: number;
  /** After this moment nobody waits for the outcome. `Infinity` for messages. */
  readonly deadlineMs: number;
  readonly caller: EntityAddress | null;
  readonly metadata: Metadata;
  /** Set where this is the answer to an ask: `input` is then the context that the asker gave. */
  readonly answer: Outcome | null;
  readonly replyTo: ReplyTo | null;
  /** Hash of name and body where a client's key can bring the command again; empty otherwise. */
  readonly bodyHash: string;
}

/** A command on its way from one entity to another, numbered densely per (source shard, target shard). */
export interface Message {
  readonly sourceShard: number;
  readonly targetShard: number;
  readonly number: number;
  readonly to: EntityAddress;
  readonly command: Command;
  /** The name of the timer that it came from, by which the sender may still withdraw it while it waits in the same shard. */
  readonly timer: string | null;
}
