/** What handlers are given and must return, derived from the contract and the options of a definition. */
import type { EntityAddress } from "./address.js";
import type { Awaitable } from "./awaitable.js";
import type { CommandSpec, CommandSpecs, EventSchema, EventSpecs, QuerySpec, QuerySpecs } from "./declarations.js";
import type { Duration } from "./duration.js";
import type { Message } from "./message.js";
import type { Outcome, RepliesSpec, ReplySpec } from "./replies.js";
import type { InputOf, OutputOf, Schema } from "./schema.js";

/** What every handler may look at. */
export interface ReadContext {
  /** The id of this entity. */
  readonly id: string;
  /** When the command was accepted, or was due where it was sent for later: the same in every attempt. Use it instead of the clock. */
  readonly now: Date;
  /** The same in every attempt: hand it to third parties as their idempotency key. */
  readonly commandId: string;
  /** Which attempt this is, from 1. */
  readonly attempt: number;
  /** The entity that sent the command; null where it came through the ingress or a timer of the router's. */
  readonly caller: EntityAddress | null;
  /** Principal, trace context and kept headers, as they came with the first command of the chain. */
  readonly metadata: { readonly [name: string]: string };
  /** Aborts when the router no longer waits for this invocation: hand it to `fetch` and the like. */
  readonly signal: AbortSignal;
}

/** How a message is sent later. */
export interface DelayOptions {
  /** The name of the timer: setting it again replaces it, `ctx.cancel` takes it back. */
  readonly timer?: string;
}

export interface AskOptions extends DelayOptions {
  /** Asks later instead of now. */
  readonly after?: Duration;
}

/** What command and answer handlers may do. Nothing leaves before the command has ended well and is durable. */
export interface EffectContext<R extends RepliesSpec> extends ReadContext {
  /** Sends a message, exactly once. In order with other messages to the same entity. */
  send(message: Message): void;
  /** Sends a message after `delay` (at most 366 days), which makes it a timer where it has a name. */
  sendAfter(delay: Duration, message: Message, options?: DelayOptions): void;
  /** Sends a message whose outcome comes back to `onReply[handler]`, with `context`. Always: also a failure does. */
  ask<Name extends keyof R & string>(message: AskedOf<R[Name]>, handler: Name, ...context: ContextArguments<R[Name]>): void;
  /** Takes back a timer of this entity. What was already sent on its way cannot be taken back. */
  cancel(timer: string): void;
}

type AskedOf<Spec> = Spec extends ReplySpec<infer Type, infer Name, infer _Reply, infer _Context> ? Message<Type, Name> : never;

type ContextArguments<Spec> =
  Spec extends ReplySpec<string, string, infer _Reply, infer Context>
    ? Context extends Schema
      ? [context: InputOf<Context>, options?: AskOptions]
      : [context?: undefined, options?: AskOptions]
    : never;

/** The context of an event-sourced entity. */
export interface EventSourcedContext<State, E extends EventSpecs, R extends RepliesSpec> extends EffectContext<R> {
  /** Current: events emitted by this command are in it. Frozen; it changes by `emit` alone. */
  readonly state: Readonly<State>;
  /** Something happened: checked against its schema, applied to the state at once, kept when the command ends well. */
  emit<Name extends keyof E & string>(name: Name, data: InputOf<EventSchema<E[Name]>>): void;
}

/** The context of a value entity. */
export interface ValueContext<State, R extends RepliesSpec> extends EffectContext<R> {
  /** Frozen; assign a new value to change it, `null` to delete it. Kept when the command ends well. */
  get state(): Readonly<State>;
  set state(value: State | null);
}

/** What `apply` may know of the event besides its data. */
export interface EventInfo {
  readonly name: string;
  /** The version of the event's schema when it was emitted. */
  readonly eventVersion: number;
}

type Input<Spec extends CommandSpec | QuerySpec> = OutputOf<Spec["input"]>;

/** Nothing where no reply is declared. */
type Returned<Spec extends CommandSpec | QuerySpec> = Spec["reply"] extends Schema
  ? Awaitable<InputOf<Spec["reply"]>>
  : void | Promise<void>;

export type CommandHandlers<C extends CommandSpecs, Context> = {
  readonly [Name in keyof C]: (ctx: Context, input: Input<C[Name]>) => Returned<C[Name]>;
};

export type QueryHandlers<Q extends QuerySpecs, State> = {
  readonly [Name in keyof Q]: (state: Readonly<State>, input: Input<Q[Name]>, ctx: ReadContext) => Returned<Q[Name]>;
};

export type ActionQueryHandlers<Q extends QuerySpecs> = {
  readonly [Name in keyof Q]: (input: Input<Q[Name]>, ctx: ReadContext) => Returned<Q[Name]>;
};

/** Pure and synchronous: runs again whenever the state is derived. Returns a new state, changes none. */
export type ApplyHandlers<E extends EventSpecs, State> = {
  readonly [Name in keyof E]: (state: Readonly<State>, data: OutputOf<EventSchema<E[Name]>>, event: EventInfo) => NoInfer<State>;
};

export type ReplyHandlers<R extends RepliesSpec, Context> = {
  readonly [Name in keyof R]: (
    ctx: Context,
    outcome: R[Name] extends ReplySpec<string, string, infer Reply, infer _Context> ? Outcome<Reply> : never,
    context: OutputOf<R[Name]["context"]>,
  ) => void | Promise<void>;
};

/** A part of a definition that may be left out exactly where it would be empty. */
type Part<Name extends string, Handlers> = keyof Handlers extends never
  ? { readonly [N in Name]?: { readonly [undeclared: string]: never } }
  : { readonly [N in Name]: Handlers };

export type EventSourcedHandlers<
  C extends CommandSpecs,
  Q extends QuerySpecs,
  E extends EventSpecs,
  State,
  R extends RepliesSpec,
> = Part<"apply", ApplyHandlers<E, State>> &
  Part<"commands", CommandHandlers<C, EventSourcedContext<State, E, R>>> &
  Part<"onReply", ReplyHandlers<R, EventSourcedContext<State, E, R>>> &
  Part<"queries", QueryHandlers<Q, State>>;

export type ValueHandlers<C extends CommandSpecs, Q extends QuerySpecs, State, R extends RepliesSpec> = Part<
  "commands",
  CommandHandlers<C, ValueContext<State, R>>
> &
  Part<"onReply", ReplyHandlers<R, ValueContext<State, R>>> &
  Part<"queries", QueryHandlers<Q, State>>;

export type ActionHandlers<C extends CommandSpecs, Q extends QuerySpecs, R extends RepliesSpec> = Part<
  "commands",
  CommandHandlers<C, EffectContext<R>>
> &
  Part<"onReply", ReplyHandlers<R, EffectContext<R>>> &
  Part<"queries", ActionQueryHandlers<Q>>;
