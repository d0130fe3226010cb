/** What a contract declares: commands, queries and events, as data. */
import type { Access } from "./message.js";
import type { OutputOf, Schema } from "./schema.js";

/** A record without a member. */
export type Nothing = Record<never, never>;

/** A command as a contract declares it; made by `command`. */
export interface CommandSpec<Input = Schema | undefined, Reply = Schema | undefined, CommandAccess extends Access = Access> {
  readonly kind: "command";
  readonly input: Input;
  readonly reply: Reply;
  readonly access: CommandAccess;
}

/** A query as a contract declares it; made by `query`. */
export interface QuerySpec<Input = Schema | undefined, Reply = Schema | undefined> {
  readonly kind: "query";
  readonly input: Input;
  readonly reply: Reply;
}

/** An event with a schema version of its own; made by `event`. A bare schema is an event of version 1. */
export interface EventSpec<Data = Schema> {
  readonly kind: "event";
  readonly data: Data;
  readonly version: number;
}

export type CommandSpecs = { readonly [name: string]: CommandSpec };
export type QuerySpecs = { readonly [name: string]: QuerySpec };
export type EventSpecs = { readonly [name: string]: Schema | EventSpec };

/** The schema of an event's data, however it was declared. */
export type EventSchema<E> = E extends EventSpec<infer Data> ? Data : E;

/** An event as it is read from an entity's history. */
export interface HappenedEvent<Name extends string = string, Data = unknown> {
  readonly name: Name;
  readonly data: Data;
  /** The entity's version once this event had happened: 1 for its first. */
  readonly version: number;
  readonly at: Date;
  /** The version of the event's schema when it was emitted. */
  readonly eventVersion: number;
}

/** One of the events that a contract declares, told apart by `name`. */
export type EventOf<E> = string extends keyof E
  ? HappenedEvent
  : { [Name in keyof E & string]: HappenedEvent<Name, OutputOf<EventSchema<E[Name]>>> }[keyof E & string];

// `NoInfer` keeps the place where a spec is put (any spec) from deciding what it is: what is not given is `undefined`.

/** Declares a command. `internal: true`: only entities may send it, the ingress does not know it. */
export function command<
  Input extends Schema | undefined = undefined,
  Reply extends Schema | undefined = undefined,
  const Internal extends boolean = false,
>(
  options: { readonly input?: Input; readonly reply?: Reply; readonly internal?: Internal } = {},
): CommandSpec<NoInfer<Input>, NoInfer<Reply>, NoInfer<Internal> extends true ? "internal" : "public"> {
  const access = (options.internal === true ? "internal" : "public") as Internal extends true ? "internal" : "public";
  return { kind: "command", input: options.input as NoInfer<Input>, reply: options.reply as NoInfer<Reply>, access };
}

/** Declares a query: reads an entity, changes nothing. */
export function query<Input extends Schema | undefined = undefined, Reply extends Schema | undefined = undefined>(
  options: { readonly input?: Input; readonly reply?: Reply } = {},
): QuerySpec<NoInfer<Input>, NoInfer<Reply>> {
  return { kind: "query", input: options.input as NoInfer<Input>, reply: options.reply as NoInfer<Reply> };
}

/** Declares an event whose data changed its form: `version` says which form a stored event has (`apply` gets to see it). */
export function event<Data extends Schema>(data: Data, options: { readonly version?: number } = {}): EventSpec<Data> {
  const version = options.version ?? 1;
  if (!Number.isSafeInteger(version) || version < 1) throw new RangeError("the version of an event is a whole number from 1");
  return { kind: "event", data, version };
}
