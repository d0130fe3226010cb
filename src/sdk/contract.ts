/**
 * Contracts: what an entity type can be told, asked, and what can have happened to it. Pure data apart from behaviour, so
 * that entities may refer to each other, and clients and browsers import no handler code.
 */
import { checkId, checkName, checkType } from "./address.js";
import type { CommandSpecs, EventSpecs, QuerySpecs } from "./declarations.js";
import type { AnyRef, Message, QueryMessage } from "./message.js";
import type { InputOf, OutputOf, Schema } from "./schema.js";

/** No argument without a schema, an optional one where the schema takes `undefined`. */
export type InputArguments<Input> = Input extends Schema
  ? undefined extends InputOf<Input>
    ? [input?: InputOf<Input>]
    : [input: InputOf<Input>]
  : [];

export type RefCommands<Type extends string, C extends CommandSpecs> = {
  readonly [Name in keyof C & string]: (
    ...input: InputArguments<C[Name]["input"]>
  ) => Message<Type, Name, OutputOf<C[Name]["reply"]>, C[Name]["access"]>;
};

export type RefQueries<Type extends string, Q extends QuerySpecs> = {
  readonly [Name in keyof Q & string]: (
    ...input: InputArguments<Q[Name]["input"]>
  ) => QueryMessage<Type, Name, OutputOf<Q[Name]["reply"]>>;
};

/** One entity to be spoken to: its commands and queries make messages, nothing is sent yet. */
export type Ref<Type extends string, C extends CommandSpecs, Q extends QuerySpecs, E extends EventSpecs = EventSpecs> = AnyRef<
  Type,
  E
> &
  RefCommands<Type, C> &
  RefQueries<Type, Q>;

/** What every contract is: callable with an id, and its declarations as data. */
export interface Contract<
  Type extends string = string,
  C extends CommandSpecs = CommandSpecs,
  Q extends QuerySpecs = QuerySpecs,
  E extends EventSpecs = EventSpecs,
> {
  /** A reference to the entity of that id. Throws a RangeError for ids the router refuses (empty, over 256 bytes, ...). */
  (id: string): Ref<Type, C, Q, E>;
  readonly type: Type;
  readonly commands: C;
  readonly queries: Q;
  readonly events: E;
}

/** A contract without its types: checks the names and builds what makes references. */
export function contractOf(type: string, commands: CommandSpecs, queries: QuerySpecs, events: EventSpecs): Contract {
  checkType(type);
  for (const name of [...Object.keys(commands), ...Object.keys(queries), ...Object.keys(events)]) checkName(name);
  const shared = Object.keys(commands).find((name) => Object.hasOwn(queries, name));
  if (shared !== undefined) throw new TypeError(`"${shared}" of ${type} is both a command and a query`);

  const prototype: Record<string, unknown> = {};
  for (const [name, spec] of Object.entries(commands)) {
    prototype[name] = function (this: AnyRef, input?: unknown): Message {
      return { kind: "command", to: this.$address, name, input, access: spec.access };
    };
  }
  for (const name of Object.keys(queries)) {
    prototype[name] = function (this: AnyRef, input?: unknown): QueryMessage {
      return { kind: "query", to: this.$address, name, input };
    };
  }
  const reference = (id: string): AnyRef => {
    checkId(id);
    return Object.assign(Object.create(prototype) as object, { $address: { type, id } });
  };
  return Object.assign(reference, { type, commands, queries, events }) as Contract;
}
