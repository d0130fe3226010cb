/** `entity` and `action`: contracts that can be given behaviour. */
import type { Contract } from "./contract.js";
import { contractOf } from "./contract.js";
import type { CommandSpecs, EventSpecs, Nothing, QuerySpecs } from "./declarations.js";
import type { ActionBuilder, EventSourcedBuilder, ValueBuilder } from "./definition.js";
import { defineAction, defineEventSourced, defineValue } from "./definition.js";
import type { ActionOptions, EventSourcedOptions, ValueOptions } from "./options.js";
import type { RepliesSpec } from "./replies.js";

/** The contract of an entity with state. Its behaviour is defined in two steps, state first. */
export interface EntityContract<Type extends string, C extends CommandSpecs, Q extends QuerySpecs, E extends EventSpecs>
  extends Contract<Type, C, Q, E> {
  /** State is the fold of its events: what happened is kept, the state is derived. */
  eventSourced<State, R extends RepliesSpec = Nothing>(
    options: EventSourcedOptions<State, R>,
  ): EventSourcedBuilder<Type, C, Q, E, State, R>;
  /** State is one value: handlers assign `ctx.state`, `null` deletes it. */
  value<State, R extends RepliesSpec = Nothing>(options: ValueOptions<State, R>): ValueBuilder<Type, C, Q, State, R>;
}

/** The contract of stateless work: replies and messages, no state. */
export interface ActionContract<Type extends string, C extends CommandSpecs, Q extends QuerySpecs>
  extends Contract<Type, C, Q, Nothing> {
  action<R extends RepliesSpec = Nothing>(options?: ActionOptions<R>): ActionBuilder<Type, C, Q, R>;
}

/** Declares an entity type with state: `entity("shop/cart", { commands, queries, events })`. */
export function entity<
  const Type extends `${string}/${string}`,
  C extends CommandSpecs = Nothing,
  Q extends QuerySpecs = Nothing,
  E extends EventSpecs = Nothing,
>(type: Type, declared: { readonly commands?: C; readonly queries?: Q; readonly events?: E }): EntityContract<Type, C, Q, E> {
  const contract = contractOf(type, declared.commands ?? {}, declared.queries ?? {}, declared.events ?? {});
  const erased: unknown = Object.assign(contract, {
    eventSourced: (options: EventSourcedOptions<unknown, RepliesSpec>) => defineEventSourced(contract, options),
    value: (options: ValueOptions<unknown, RepliesSpec>) => defineValue(contract, options),
  });
  return erased as EntityContract<Type, C, Q, E>;
}

/** Declares stateless work: `action("shop/payment", { commands })`. Its id only says which calls stand in one line. */
export function action<
  const Type extends `${string}/${string}`,
  C extends CommandSpecs = Nothing,
  Q extends QuerySpecs = Nothing,
>(type: Type, declared: { readonly commands?: C; readonly queries?: Q }): ActionContract<Type, C, Q> {
  const contract = contractOf(type, declared.commands ?? {}, declared.queries ?? {}, {});
  const erased: unknown = Object.assign(contract, {
    action: (options: ActionOptions<RepliesSpec> = {}) => defineAction(contract, options),
  });
  return erased as ActionContract<Type, C, Q>;
}
