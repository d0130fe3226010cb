/** Everything that can happen to the core: facts, in the past tense. Each answers an effect or comes from outside. */
import type { Colocation, EntityAddress } from "./entity/address.js";
import type { Metadata, Payload } from "./entity/command.js";
import type { EntityType } from "./entity/entity-type.js";
import type { EntityResult, InvocationEnd } from "./entity/invocation.js";
import type { AppendOutcome, LogId, ReadOutcome } from "./log/record.js";
import type { ObjectRead, ObjectWritten, StoreInput } from "./store/store-io.js";

export type Input =
  | CommandArrived
  | ReadAsked
  | AdminAsked
  /** The client of a request is gone: nobody waits for the answer. What was begun goes on. */
  | { readonly kind: "requestLeft"; readonly request: number }
  | {
      readonly kind: "deploymentsChanged";
      readonly deployments: readonly ActiveDeployment[];
      readonly placements: readonly TypePlacement[];
    }
  | { readonly kind: "entityFinished"; readonly attempt: number; readonly result: EntityResult }
  | { readonly kind: "invocationEnded"; readonly attempt: number; readonly end: InvocationEnd }
  | { readonly kind: "appendEnded"; readonly log: LogId; readonly position: number; readonly outcome: AppendOutcome }
  | { readonly kind: "recordsRead"; readonly log: LogId; readonly position: number; readonly outcome: ReadOutcome }
  | { readonly kind: "valueWritten"; readonly object: string; readonly result: ObjectWritten }
  | { readonly kind: "valueRead"; readonly object: string; readonly result: ObjectRead }
  | { readonly kind: "valueDeleted"; readonly object: string }
  | { readonly kind: "documentRead"; readonly key: string; readonly outcome: DocumentFound }
  | { readonly kind: "documentsListed"; readonly prefix: string; readonly outcome: DocumentsFound }
  | { readonly kind: "documentSwapped"; readonly key: string; readonly token: string; readonly outcome: SwapEnded }
  | { readonly kind: "objectsListed"; readonly prefix: string; readonly outcome: ObjectsFound }
  | { readonly kind: "store"; readonly shard: number; readonly input: StoreInput }
  /** The process was told to stop: finish what is accepted, take nothing new, flush, seal, close. */
  | { readonly kind: "stopAsked" }
  /** Time passed; `wakeAtMs` asked for it. */
  | { readonly kind: "woken" };

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
}

export type ReadAsked =
  | {
      readonly kind: "stateAsked";
      readonly request: number;
      readonly of: EntityAddress;
      readonly isAdmin: boolean;
      /** Wall time after which the client no longer waits: the function may have to fold the state first. */
      readonly deadlineMs: number;
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

export interface ActiveDeployment {
  readonly id: string;
  readonly types: readonly EntityType[];
  readonly limits: DeploymentLimits;
  /** A canary: it serves so many ten-thousandths of the entities of its types. Absent: all that no canary serves. */
  readonly weight?: number;
}

/** Where entities of a type lie. Kept for every type that was ever registered, because stored keys depend on it. */
export interface TypePlacement {
  readonly type: string;
  readonly colocation: Colocation;
}

export interface DeploymentLimits {
  readonly inFlightMax: number;
  readonly entitiesMax: number;
  readonly commandsMax: number;
  readonly bytesMax: number;
  /** How long one invocation may take. */
  readonly timeoutMs: number;
  readonly prefer: "latency" | "cost";
}

export type DocumentFound =
  | { readonly kind: "found"; readonly document: { readonly token: string; readonly body: Uint8Array } }
  | { readonly kind: "absent" }
  | { readonly kind: "failed"; readonly message: string; readonly code?: string };

export type DocumentsFound =
  | {
      readonly kind: "listed";
      readonly documents: readonly {
        readonly key: string;
        readonly document: { readonly token: string; readonly body: Uint8Array };
      }[];
    }
  | { readonly kind: "failed"; readonly message: string; readonly code?: string };

export type ObjectsFound =
  | { readonly kind: "listed"; readonly names: readonly string[] }
  | { readonly kind: "failed"; readonly message: string };

export type SwapEnded =
  | { readonly kind: "happened" }
  | { readonly kind: "conflict" }
  | { readonly kind: "unknown"; readonly message: string };
