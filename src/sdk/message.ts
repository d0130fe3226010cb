/**
 * Messages as values: what a reference makes (`Cart("c1").add(line)`) and what the client, `ctx.send`, `ctx.ask`,
 * `ctx.sendAfter`, tests and the CLI's documentation all take. Plain data: printable, comparable, serializable.
 */
import type { EntityAddress } from "./address.js";

declare const replyType: unique symbol;

/** Anybody may call a `public` command; only entities may send an `internal` one. */
export type Access = "public" | "internal";

/** A command for one entity. `Reply` is what its caller gets. */
export interface Message<
  Type extends string = string,
  Name extends string = string,
  Reply = unknown,
  CommandAccess extends Access = Access,
> {
  readonly kind: "command";
  readonly to: EntityAddress<Type>;
  readonly name: Name;
  /** A JSON value; undefined where the command takes none. */
  readonly input: unknown;
  readonly access: CommandAccess;
  /** Only a type: no message has it. */
  readonly [replyType]?: Reply;
}

/** A query for one entity: may not change it, needs no idempotency. */
export interface QueryMessage<Type extends string = string, Name extends string = string, Reply = unknown> {
  readonly kind: "query";
  readonly to: EntityAddress<Type>;
  readonly name: Name;
  readonly input: unknown;
  readonly [replyType]?: Reply;
}

declare const eventsType: unique symbol;

/** What a reference is, whatever it can be told: `Cart("c1")`. `Events` are the events that entities of this type have. */
export interface AnyRef<Type extends string = string, Events = unknown> {
  readonly $address: EntityAddress<Type>;
  /** Only a type: no reference has it. */
  readonly [eventsType]?: Events;
}
