/** Definitions: a contract, its state, and its handlers, put together in two steps so that literal types survive. */
import { checkName } from "./address.js";
import type { Contract } from "./contract.js";
import type { CommandSpecs, EventSpec, EventSpecs, QuerySpecs } from "./declarations.js";
import type { ActionHandlers, EventInfo, EventSourcedHandlers, ValueHandlers } from "./handlers.js";
import type { ActionOptions, EventSourcedOptions, ValueOptions, Wishes } from "./options.js";
import type { RepliesSpec, ReplySpec } from "./replies.js";
import type { Schema } from "./schema.js";
import { isSchema } from "./schema.js";

/** The second step for an event-sourced entity. */
export interface EventSourcedBuilder<
  Type extends string,
  C extends CommandSpecs,
  Q extends QuerySpecs,
  E extends EventSpecs,
  State,
  R extends RepliesSpec,
> {
  /** Gives one handler per declared command, query, event and answer. */
  handle(handlers: EventSourcedHandlers<C, Q, E, State, R>): Definition<Type>;
}

/** The second step for a value entity. */
export interface ValueBuilder<Type extends string, C extends CommandSpecs, Q extends QuerySpecs, State, R extends RepliesSpec> {
  /** Gives one handler per declared command, query and answer. */
  handle(handlers: ValueHandlers<C, Q, State, R>): Definition<Type>;
}

/** The second step for an action. */
export interface ActionBuilder<Type extends string, C extends CommandSpecs, Q extends QuerySpecs, R extends RepliesSpec> {
  /** Gives one handler per declared command, query and answer. */
  handle(handlers: ActionHandlers<C, Q, R>): Definition<Type>;
}

/** A handler without its types: called only with what its contract's schemas let through. */
export type ErasedHandler = (...args: readonly unknown[]) => unknown;
export type ErasedApply = (state: unknown, data: unknown, event: EventInfo) => unknown;

/** What `serve`, `lambdaHandler`, `local` and the testing kit take: one entity type with its behaviour. */
export interface Definition<Type extends string = string> {
  readonly type: Type;
  readonly kind: "event-sourced" | "value" | "action";
  readonly contract: Contract;
  readonly stateVersion: number;
  readonly initial: () => unknown;
  readonly migrate: ((state: unknown, fromVersion: number) => unknown) | null;
  readonly wishes: Wishes;
  readonly events: ReadonlyMap<string, EventSpec>;
  readonly replies: ReadonlyMap<string, ReplySpec>;
  readonly apply: ReadonlyMap<string, ErasedApply>;
  readonly commands: ReadonlyMap<string, ErasedHandler>;
  readonly queries: ReadonlyMap<string, ErasedHandler>;
  readonly onReply: ReadonlyMap<string, ErasedHandler>;
}

/** Whether a module's export is a definition, of this or another copy of the package. */
export function isDefinition(value: unknown): value is Definition {
  if (typeof value !== "object" || value === null) return false;
  const { type, kind, commands, onReply } = value as Partial<Definition>;
  return typeof type === "string" && typeof kind === "string" && commands instanceof Map && onReply instanceof Map;
}

interface ErasedHandlers {
  readonly apply?: { readonly [name: string]: ErasedApply };
  readonly commands?: { readonly [name: string]: ErasedHandler };
  readonly queries?: { readonly [name: string]: ErasedHandler };
  readonly onReply?: { readonly [name: string]: ErasedHandler };
}

interface ErasedOptions extends Wishes {
  readonly stateVersion?: number;
  readonly initial?: () => unknown;
  readonly migrate?: (state: unknown, fromVersion: number) => unknown;
  readonly replies?: RepliesSpec;
}

interface ErasedBuilder {
  handle(handlers: ErasedHandlers): Definition;
}

export function defineEventSourced(contract: Contract, options: EventSourcedOptions<unknown, RepliesSpec>): ErasedBuilder {
  return { handle: (handlers) => define(contract, "event-sourced", options, handlers) };
}

export function defineValue(contract: Contract, options: ValueOptions<unknown, RepliesSpec>): ErasedBuilder {
  return { handle: (handlers) => define(contract, "value", options, handlers) };
}

export function defineAction(contract: Contract, options: ActionOptions<RepliesSpec>): ErasedBuilder {
  return { handle: (handlers) => define(contract, "action", options, handlers) };
}

function define(contract: Contract, kind: Definition["kind"], options: ErasedOptions, handlers: ErasedHandlers): Definition {
  const { stateVersion = 1, initial = () => null, migrate = null, replies = {}, ...wishes } = options;
  if (!Number.isSafeInteger(stateVersion) || stateVersion < 1)
    throw new RangeError(`stateVersion of ${contract.type} is a whole number from 1`);
  if (kind !== "action" && typeof options.initial !== "function")
    throw new TypeError(`${contract.type} needs 'initial': () => state`);
  for (const name of Object.keys(replies)) checkName(name);
  const isFolded = kind === "event-sourced";
  return {
    type: contract.type,
    kind,
    contract,
    stateVersion,
    initial,
    migrate,
    wishes,
    events: new Map(Object.entries(isFolded ? contract.events : {}).map(([name, declared]) => [name, eventSpec(declared)])),
    replies: new Map(Object.entries(replies)),
    apply: handlersOf(contract, "apply", Object.keys(isFolded ? contract.events : {}), handlers.apply),
    commands: handlersOf(contract, "commands", Object.keys(contract.commands), handlers.commands),
    queries: handlersOf(contract, "queries", Object.keys(contract.queries), handlers.queries),
    onReply: handlersOf(contract, "onReply", Object.keys(replies), handlers.onReply),
  };
}

/** Types already say this; plain JavaScript finds it out at the start instead of at the first command. */
function handlersOf<H>(
  contract: Contract,
  part: string,
  declared: readonly string[],
  given: { readonly [name: string]: H } = {},
): Map<string, H> {
  const missing = declared.filter((name) => !Object.hasOwn(given, name) || typeof given[name] !== "function");
  const unknown = Object.keys(given).filter((name) => !declared.includes(name));
  if (missing.length > 0) throw new TypeError(`${contract.type}: ${part} has no handler for ${missing.join(", ")}`);
  if (unknown.length > 0)
    throw new TypeError(`${contract.type}: ${part} has handlers that are not declared: ${unknown.join(", ")}`);
  return new Map(declared.map((name) => [name, given[name] as H]));
}

function eventSpec(declared: Schema | EventSpec): EventSpec {
  return isSchema(declared) ? { kind: "event", data: declared, version: 1 } : declared;
}
