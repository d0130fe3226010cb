/** What a definition says besides its handlers: its state, the answers it takes, and what it wishes of the router. */
import type { Duration } from "./duration.js";
import type { RepliesSpec } from "./replies.js";

/** Wishes of an entity type. What the operator sets wins. Absent: the router's default. */
export interface Wishes {
  /** How long events are kept once they are folded into a stored state. Default: for ever. */
  readonly history?: "none" | "forever" | Duration;
  /** How long the result of a command is remembered for its idempotency key. Default: 24 h. */
  readonly idempotencyRetention?: Duration;
  /** How long a state lives after its last change. Default: for ever. */
  readonly stateTtl?: "none" | Duration;
  /** The largest state in bytes. Default 1 MB, at most 4 MB. */
  readonly stateBytesMax?: number;
  /** How many commands may wait for one entity. Default 1,000. */
  readonly mailboxMax?: number;
  /** What the ingress shows besides queries. Default: the state. */
  readonly expose?: readonly ("state" | "events")[];
  /** Ids that agree up to the first separator lie together, whatever their type. Default: each entity by itself. */
  readonly colocation?: { readonly prefix: string };
  /** A message that faults on its own every time: set aside (`dead-letter`, the default) or its entity waits (`pause`). */
  readonly onPoison?: "dead-letter" | "pause";
}

interface StateOptions<State> {
  /**
   * The version of the state's form, from 1 (the default). Raise it when the form changes: an event-sourced state is folded
   * again from its history; a value, and a folded state whose history is not kept, are handed to `migrate`.
   */
  readonly stateVersion?: number;
  /** Turns a stored state of a lower `stateVersion` into today's form. Of an event-sourced state: into what folding would give. */
  readonly migrate?: (state: unknown, fromVersion: number) => NoInfer<State>;
}

interface AnswerOptions<R extends RepliesSpec> {
  /** The answers this entity takes, by handler name: `{ reserved: replyOf(Inventory, "reserve", Line) }`. */
  readonly replies?: R;
}

/** Of an entity whose state is the fold of its events. */
export interface EventSourcedOptions<State, R extends RepliesSpec> extends Wishes, StateOptions<State>, AnswerOptions<R> {
  /** The state before the first event. */
  readonly initial: () => State;
}

/** Of an entity whose state is one value. */
export interface ValueOptions<State, R extends RepliesSpec> extends Wishes, StateOptions<State>, AnswerOptions<R> {
  /** What handlers see where nothing is stored: `(): Profile | null => null` for an entity that begins as nothing. */
  readonly initial: () => State;
}

/** Of stateless work. */
export interface ActionOptions<R extends RepliesSpec>
  extends AnswerOptions<R>,
    Pick<Wishes, "idempotencyRetention" | "mailboxMax" | "colocation" | "onPoison"> {}
