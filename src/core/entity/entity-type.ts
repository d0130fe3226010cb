/** What the router knows of an entity type: what its function declared, with the operator's settings laid over it. */
import type { Colocation } from "./address.js";

export type EntityKind = "event-sourced" | "value" | "action";

/** Who may call a command: anybody through the ingress, or other entities alone. */
export type Exposure = "public" | "internal";

export interface CommandSpec {
  readonly name: string;
  readonly exposure: Exposure;
  /** JSON Schema text of the input, for discovery and documentation; null where none was declared. */
  readonly inputSchema: string | null;
  readonly replySchema: string | null;
}

export interface EventSpec {
  readonly name: string;
  readonly eventVersion: number;
}

/** How long an entity's events are kept once they are folded into a stored state. */
export type HistoryRetention =
  | { readonly kind: "none" }
  | { readonly kind: "forever" }
  | { readonly kind: "ms"; readonly ms: number };

/** What happens to a command that faults by itself, attempt after attempt, when nobody waits for it. */
export type OnPoison = "dead-letter" | "pause";

export interface TypePolicy {
  readonly history: HistoryRetention;
  readonly idempotencyRetentionMs: number;
  /** How long a state lives after its last change; null: for ever. */
  readonly stateTtlMs: number | null;
  readonly stateBytesMax: number;
  readonly mailboxMax: number;
  readonly exposeState: boolean;
  readonly exposeEvents: boolean;
  readonly colocation: Colocation;
  readonly onPoison: OnPoison;
}

export interface EntityType {
  readonly name: string;
  readonly kind: EntityKind;
  readonly stateVersion: number;
  readonly commands: ReadonlyMap<string, CommandSpec>;
  readonly queries: ReadonlyMap<string, CommandSpec>;
  /** Handlers of answers: internal by construction. */
  readonly replies: ReadonlySet<string>;
  readonly events: ReadonlyMap<string, EventSpec>;
  readonly policy: TypePolicy;
}

export const DEFAULT_POLICY: TypePolicy = {
  history: { kind: "forever" },
  idempotencyRetentionMs: 24 * 3_600_000,
  stateTtlMs: null,
  stateBytesMax: 1 << 20,
  mailboxMax: 1_000,
  exposeState: true,
  exposeEvents: false,
  colocation: { kind: "entity" },
  onPoison: "dead-letter",
};
