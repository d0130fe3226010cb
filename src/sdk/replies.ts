/** Answers: what an entity asked of another one comes back to a handler of its own, always. */
import type { CommandSpecs } from "./declarations.js";
import type { OutputOf, Schema } from "./schema.js";

/**
 * What came of an asked command. `replied`: it was done. `refused`: the other entity said no, nothing happened there.
 * `failed`: it could not be carried out (a dead letter, an unknown command), `code` says why.
 */
export type Outcome<Reply = unknown> =
  | { readonly kind: "replied"; readonly reply: Reply }
  | { readonly kind: "refused"; readonly code: string; readonly message: string; readonly details: unknown }
  | { readonly kind: "failed"; readonly code: string; readonly message: string };

/** One kind of answer an entity takes; made by `replyOf`. */
export interface ReplySpec<
  Type extends string = string,
  Name extends string = string,
  Reply = unknown,
  Context = Schema | undefined,
> {
  readonly kind: "reply";
  readonly type: Type;
  readonly command: Name;
  readonly context: Context;
  /** Only a type: no spec has it. */
  readonly "~reply"?: Reply;
}

/** Handlers of answers by name. */
export type RepliesSpec = { readonly [name: string]: ReplySpec };

/**
 * Declares that this entity takes answers of `name` of `contract`, together with a context of its own: what it wants to
 * know when the answer comes (`ctx.ask(message, "reserved", context)`).
 */
export function replyOf<
  Type extends string,
  C extends CommandSpecs,
  Name extends keyof C & string,
  Context extends Schema | undefined = undefined,
>(
  contract: { readonly type: Type; readonly commands: C },
  name: Name,
  context?: Context,
): ReplySpec<Type, Name, OutputOf<C[Name]["reply"]>, NoInfer<Context>> {
  return { kind: "reply", type: contract.type, command: name, context: context as NoInfer<Context> };
}
