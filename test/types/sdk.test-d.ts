/** What must not compile, does not; what is inferred, is. Checked by the compiler alone: an unused `@ts-expect-error` fails. */
import { action, command, type Duration, entity, event, type Message, query, replyOf, unchecked } from "holdfast";
import { z } from "zod";

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
/** `isType<Expected>()(value)` compiles where the value has exactly that type. */
function isType<Expected>() {
  return <Actual>(_value: Actual, ..._same: Equal<Actual, Expected> extends true ? [] : ["the types differ"]): void => undefined;
}

// @ts-expect-error the check above can fail
isType<string>()(1);
// @ts-expect-error also where one type is only assignable to the other
isType<string | undefined>()("text" as string);

const Line = z.object({ sku: z.string(), quantity: z.number().default(1) });
const Stock = entity("shop/stock", {
  commands: {
    restock: command({ input: z.number(), reply: z.object({ left: z.number() }) }),
    reserve: command({ input: z.number(), reply: z.object({ left: z.number() }), internal: true }),
    clear: command(),
  },
  queries: { left: query({ reply: z.number() }) },
});
const Bank = action("shop/bank", { commands: { charge: command({ input: z.number(), reply: z.string() }) } });
const Cart = entity("shop/cart", {
  events: { added: Line, priced: event(z.object({ cents: z.number() }), { version: 2 }) },
  commands: { add: command({ input: Line }), price: command({ input: z.string().optional(), reply: z.number() }) },
  queries: { count: query({ input: z.boolean(), reply: z.number() }) },
});
interface State {
  readonly lines: Readonly<Record<string, number>>;
  readonly cents: number;
}
const initial = (): State => ({ lines: {}, cents: 0 });
const replies = { reserved: replyOf(Stock, "reserve", Line), charged: replyOf(Bank, "charge") };

// --- messages are values, typed by their contract
export const message = Stock("socks").restock(3);
isType<"shop/stock">()(message.to.type);
isType<"restock">()(message.name);
isType<"public">()(message.access);
isType<"internal">()(Stock("socks").reserve(1).access);
Cart("c").add({ sku: "socks" }); // a default need not be written
Cart("c").price();
Cart("c").price("eur");
export const asMessage: Message = Cart("c").add({ sku: "s" });
// @ts-expect-error no such command
Stock("socks").restok(3);
// @ts-expect-error wrong input type
Stock("socks").restock("three");
// @ts-expect-error input is missing
Stock("socks").restock();
// @ts-expect-error takes no input
Stock("socks").clear(1);
// @ts-expect-error an id is a string
Stock(7);
// @ts-expect-error the type needs a namespace
entity("cart", {});
// @ts-expect-error a query is no command
export const queryAsMessage: Message = Stock("socks").left();
// @ts-expect-error a contract of an action has no state
Bank.eventSourced({ initial });
// @ts-expect-error the reply of a command that does not exist
replyOf(Stock, "reserv");
// @ts-expect-error an unknown unit
export const duration: Duration = "15x";

// --- handlers
const apply = {
  added: (state: State) => state,
  priced: (state: State) => state,
};
Cart.eventSourced({ initial, replies }).handle({
  apply: {
    added(state, line, info) {
      isType<Readonly<State>>()(state);
      isType<{ sku: string; quantity: number }>()(line);
      isType<number>()(info.eventVersion);
      return { ...state, lines: { ...state.lines, [line.sku]: line.quantity } };
    },
    priced: (state, { cents }) => ({ ...state, cents }),
  },
  commands: {
    add(ctx, line) {
      isType<Readonly<State>>()(ctx.state);
      isType<{ sku: string; quantity: number }>()(line);
      isType<Date>()(ctx.now);
      ctx.emit("added", { sku: line.sku });
      // @ts-expect-error an event that is not declared
      ctx.emit("aded", line);
      // @ts-expect-error wrong data
      ctx.emit("priced", { cents: "1" });
      // @ts-expect-error the state of an event-sourced entity is not assigned
      ctx.state = initial();
      // @ts-expect-error nor changed in passing
      ctx.state.cents = 1;
      ctx.send(Stock("s").reserve(1));
      ctx.sendAfter("15m", Cart(ctx.id).add({ sku: "s" }), { timer: "t" });
      ctx.ask(Stock("s").reserve(1), "reserved", line);
      ctx.ask(Stock("s").reserve(1), "reserved", line, { after: "1m", timer: "u" });
      ctx.ask(Bank("b").charge(1), "charged");
      // @ts-expect-error queries are not sent
      ctx.send(Stock("s").left());
      // @ts-expect-error no such reply handler
      ctx.ask(Stock("s").reserve(1), "reservd", line);
      // @ts-expect-error the answer of another command
      ctx.ask(Stock("s").restock(1), "reserved", line);
      // @ts-expect-error the answer of another type
      ctx.ask(Bank("b").charge(1), "reserved", line);
      // @ts-expect-error the context is missing
      ctx.ask(Stock("s").reserve(1), "reserved");
      // @ts-expect-error a context that is not declared
      ctx.ask(Bank("b").charge(1), "charged", line);
    },
    async price(ctx, currency) {
      isType<string | undefined>()(currency);
      await fetch("http://127.0.0.1", { signal: ctx.signal });
      return ctx.state.cents;
    },
  },
  onReply: {
    reserved(ctx, outcome, line) {
      isType<{ sku: string; quantity: number }>()(line);
      if (outcome.kind === "replied") {
        isType<{ left: number }>()(outcome.reply);
        // @ts-expect-error a reply has no code
        outcome.code;
      } else {
        isType<string>()(outcome.code);
        ctx.emit("added", line);
      }
    },
    charged(_ctx, outcome, context) {
      isType<undefined>()(context);
      if (outcome.kind === "replied") isType<string>()(outcome.reply);
    },
  },
  queries: {
    count(state, isDistinct, ctx) {
      isType<Readonly<State>>()(state);
      isType<boolean>()(isDistinct);
      // @ts-expect-error a query sends nothing
      ctx.send(Stock("s").reserve(1));
      return state.cents;
    },
  },
});

const commands = { add: () => undefined, price: () => 1 };
const queries = { count: () => 1 };
Cart.eventSourced({ initial }).handle({ apply, commands, queries });
// @ts-expect-error a handler is missing
Cart.eventSourced({ initial }).handle({ apply, commands: { add: () => undefined }, queries });
// @ts-expect-error an event has no apply
Cart.eventSourced({ initial }).handle({ apply: { added: apply.added }, commands, queries });
// @ts-expect-error all commands are missing
Cart.eventSourced({ initial }).handle({ apply, queries });
// @ts-expect-error all queries are missing
Cart.eventSourced({ initial }).handle({ apply, commands });
// @ts-expect-error answers are asked for and not handled
Cart.eventSourced({ initial, replies }).handle({ apply, commands, queries });
Cart.eventSourced({ initial }).handle({
  apply,
  // @ts-expect-error a command that is not declared
  commands: { add: () => undefined, price: () => 1, remove: () => undefined },
  queries,
});
Cart.eventSourced({ initial }).handle({
  apply,
  commands,
  queries,
  // @ts-expect-error an answer that is not declared
  onReply: { reserved: () => undefined },
});
Cart.eventSourced({ initial }).handle({
  apply,
  // @ts-expect-error a reply of another type
  commands: { add: () => undefined, price: () => "one" },
  queries,
});
Cart.eventSourced({ initial }).handle({
  apply,
  // @ts-expect-error a reply where none is declared
  commands: { add: () => 1, price: () => 1 },
  queries,
});
Cart.eventSourced({ initial }).handle({
  // @ts-expect-error apply returns another state
  apply: { added: apply.added, priced: () => ({ cents: 1 }) },
  commands,
  queries,
});
// @ts-expect-error migrate returns another state
Cart.eventSourced({ initial, migrate: () => 5 });

// --- value entities
const Profile = entity("app/profile", { commands: { rename: command({ input: unchecked<string>() }) } });
Profile.value({ initial: (): { name: string } | null => null }).handle({
  commands: {
    rename(ctx, name) {
      isType<string>()(name);
      isType<Readonly<{ name: string }> | null>()(ctx.state);
      ctx.state = { name };
      ctx.state = null;
      // @ts-expect-error another state
      ctx.state = { nam: name };
      // @ts-expect-error a value entity has no events
      ctx.emit("renamed", { name });
    },
  },
});

// --- actions
Bank.action({ replies: { reserved: replyOf(Stock, "reserve") } }).handle({
  commands: {
    charge(ctx, cents) {
      isType<number>()(cents);
      ctx.ask(Stock("s").reserve(1), "reserved");
      // @ts-expect-error an action has no state
      ctx.state;
      return "ok";
    },
  },
  onReply: { reserved: (_ctx, outcome) => isType<"replied" | "refused" | "failed">()(outcome.kind) },
});
