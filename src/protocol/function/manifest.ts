/**
 * What a function answers to `{"holdfast":"1","kind":"discover"}`: which contract it speaks, which entity types it serves,
 * and what it wishes for them. What the operator sets wins over a wish. This is a wire format.
 */
import type { Encoding } from "./contract.js";

/** A JSON Schema, for documentation and for the check at the ingress. */
export type JsonSchema = boolean | { readonly [keyword: string]: unknown };

export type EntityKind = "event-sourced" | "value" | "action";

/** Who may call a command: anybody through the ingress, or other entities alone. */
export type Exposure = "public" | "internal";

export interface ManifestCommand {
  readonly name: string;
  readonly exposure: Exposure;
  readonly input: JsonSchema | null;
  readonly reply: JsonSchema | null;
}

export interface ManifestQuery {
  readonly name: string;
  readonly exposure: Exposure;
  readonly input: JsonSchema | null;
  readonly reply: JsonSchema | null;
}

export interface ManifestEvent {
  readonly name: string;
  /** The version of the event's schema. */
  readonly version: number;
}

/** A length of time as text: a whole number and one of `ms`, `s`, `m`, `h`, `d`, such as `24h` or `366d`. */
export type DurationText = string;

/** Absent: the router's default. */
export interface TypeWishes {
  /** How long events are kept once they are folded into a stored state: `none`, `forever` or a duration. */
  readonly history?: "none" | "forever" | DurationText;
  readonly idempotencyRetention?: DurationText;
  /** How long a state lives after its last change: `none` (for ever) or a duration. */
  readonly stateTtl?: "none" | DurationText;
  readonly stateBytesMax?: number;
  /** Commands that may wait for one entity. */
  readonly mailboxMax?: number;
  /** What the ingress shows of an entity besides its queries. */
  readonly expose?: readonly ("state" | "events")[];
  /** Entities whose ids agree up to the first separator lie in the same shard. */
  readonly colocation?: { readonly prefix: string };
  /** What happens to a message that faults by itself, attempt after attempt. */
  readonly onPoison?: "dead-letter" | "pause";
}

export interface ManifestType {
  /** `namespace/name` */
  readonly type: string;
  readonly kind: EntityKind;
  readonly stateVersion: number;
  readonly commands: readonly ManifestCommand[];
  readonly queries: readonly ManifestQuery[];
  /** Names of the handlers that take answers: internal by construction. */
  readonly replies: readonly string[];
  readonly events: readonly ManifestEvent[];
  readonly wishes: TypeWishes;
}

export interface Manifest {
  /** The contract version of this very document. */
  readonly holdfast: "1";
  /** Every contract version that the function speaks. */
  readonly contracts: readonly string[];
  readonly encodings: readonly Encoding[];
  readonly types: readonly ManifestType[];
}
