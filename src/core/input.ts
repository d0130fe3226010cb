/** Everything that can happen to the core: facts, in the past tense. Each answers an effect or comes from outside. */
import type { Colocation } from "./entity/address.js";
import type { EntityType } from "./entity/entity-type.js";
import type { EntityResult, InvocationEnd } from "./entity/invocation.js";
import type { AppendOutcome, LogId, ReadOutcome } from "./log/record.js";
import type { PeerFrame } from "./peers/frames.js";
import type { Asked } from "./request.js";
import type { ObjectRead, ObjectWritten, StoreInput } from "./store/store-io.js";

export type Input =
  | Asked
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
  /** Another router, or one that was, says something to us. `to` may be an incarnation that is over. */
  | { readonly kind: "peerReceived"; readonly from: LogId; readonly to: LogId; readonly frame: PeerFrame }
  /** What went to that incarnation, or came from it, may be lost. */
  | { readonly kind: "peerLost"; readonly incarnation: LogId }
  /** An operator has changed the plan, here: it need not be found out by looking. */
  | { readonly kind: "planChanged" }
  /** The process is to stop soon: others take its shards over, one by one, while it serves what is left. */
  | { readonly kind: "leaveAsked" }
  /** The process was told to stop: finish what is accepted, take nothing new, flush, seal, close. */
  | { readonly kind: "stopAsked" }
  /** Time passed; `wakeAtMs` asked for it. */
  | { readonly kind: "woken" };

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
      /** Keys whose documents are not what was written. */
      readonly damaged?: readonly { readonly key: string; readonly message: string }[];
    }
  | { readonly kind: "failed"; readonly message: string; readonly code?: string };

export type ObjectsFound =
  | { readonly kind: "listed"; readonly names: readonly string[] }
  | { readonly kind: "failed"; readonly message: string };

export type SwapEnded =
  | { readonly kind: "happened" }
  | { readonly kind: "conflict" }
  | { readonly kind: "unknown"; readonly message: string };
