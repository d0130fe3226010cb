/** What can be asked of an entity or a shard: by clients, operators, or another router on their behalf. */
import type { EntityAddress } from "./entity/address.js";
import type { Metadata, Payload } from "./entity/command.js";

export type Asked = CommandArrived | ReadAsked | AdminAsked;

/** A command or query from a client. `request` names the waiting client until it is answered or leaves. */
export interface CommandArrived {
  readonly kind: "commandArrived";
  readonly request: number;
  readonly to: EntityAddress;
  readonly name: string;
  readonly input: Payload;
  readonly id: string;
  /** Whether the id derives from a key of the client's, so that the same id can arrive again. */
  readonly hasKey: boolean;
  /** Hash of command and body: a key that comes back with another one is refused. */
  readonly bodyHash: string;
  /** What the function sees as `now`. */
  readonly acceptedAtMs: number;
  readonly deadlineMs: number;
  readonly metadata: Metadata;
  /** `call` waits for the outcome; `send` for the acceptance alone. */
  readonly mode: "call" | "send";
  readonly delayMs: number;
  /** Internal commands are open to the admin side only. */
  readonly isAdmin: boolean;
  /** It was sent to an owner of the shard before, and may have run there: its result is looked for first (RULES.md 10). */
  readonly isRepeat: boolean;
  /** A query whose answer a barrier has to prove, and not a lease (RULES.md 5). */
  readonly isStrict: boolean;
}

export type ReadAsked =
  | {
      readonly kind: "stateAsked";
      readonly request: number;
      readonly of: EntityAddress;
      readonly isAdmin: boolean;
      /** Wall time after which the client no longer waits: the function may have to fold the state first. */
      readonly deadlineMs: number;
      /** A barrier has to prove the answer, and not a lease. */
      readonly isStrict: boolean;
    }
  | {
      readonly kind: "eventsAsked";
      readonly request: number;
      readonly of: EntityAddress;
      readonly after: number;
      readonly limit: number;
      /** Stay, and go on with `feed` effects as events become durable. */
      readonly follow: boolean;
      readonly isAdmin: boolean;
    }
  | {
      readonly kind: "outcomeAsked";
      readonly request: number;
      readonly of: EntityAddress;
      readonly commandId: string;
      /** Until when to wait for an outcome that is not there yet. */
      readonly untilMs: number;
    };

export type AdminAsked =
  | { readonly kind: "timersAsked"; readonly request: number; readonly of: EntityAddress; readonly limit: number }
  | { readonly kind: "deadLettersAsked"; readonly request: number; readonly of: EntityAddress | null; readonly limit: number }
  | {
      readonly kind: "deadLetterEnded";
      readonly request: number;
      readonly of: EntityAddress;
      readonly commandId: string;
      readonly action: "retry" | "drop";
    }
  | { readonly kind: "purgeAsked"; readonly request: number; readonly of: EntityAddress };
