/**
 * A shopping cart: event-sourced, asks the inventory for each line and the payment at checkout. Two of its answers may come
 * too late, and both are put right: a reservation whose line is gone is released, a payment whose checkout is over is cancelled.
 */
import { refuse, replyOf } from "holdfast";
import type { z } from "zod";
import { Cart, Checkout, Inventory, Line, Payment } from "./contracts.js";

type CartLine = z.infer<typeof Line> & { readonly confirmed: boolean };

interface State {
  readonly status: "open" | "paying" | "paid";
  readonly lines: { readonly [sku: string]: CartLine };
  /** How many reservations were asked for, and how many checkouts were started: they number both. */
  readonly asked: number;
  readonly attempts: number;
}

export const cart = Cart.eventSourced({
  initial: (): State => ({ status: "open", lines: {}, asked: 0, attempts: 0 }),
  replies: {
    reserved: replyOf(Inventory, "reserve", Line),
    charged: replyOf(Payment, "charge", Checkout),
  },
}).handle({
  apply: {
    lineAsked: (state, line) => ({ ...withLine(state, { ...line, confirmed: false }), asked: line.asked }),
    lineConfirmed: (state, line) => withLine(state, { ...line, confirmed: true }),
    lineRefused: (state, line) => withoutLine(state, line.sku),
    lineRemoved: (state, { sku }) => withoutLine(state, sku),
    checkoutStarted: (state, { attempt }) => ({ ...state, status: "paying", attempts: attempt }),
    checkedOut: (state) => ({ ...state, status: "paid" }),
    reopened: (state) => ({ ...state, status: "open" }),
  },

  commands: {
    add(ctx, item) {
      assertOpen(ctx.state);
      if (lineOf(ctx.state, item.sku)) throw refuse("already_in_cart", `${item.sku} is in the cart: remove it to change it`);
      const line = { ...item, asked: ctx.state.asked + 1 };
      ctx.emit("lineAsked", line);
      ctx.ask(Inventory(item.sku).reserve({ quantity: item.quantity }), "reserved", line);
    },

    remove(ctx, { sku }) {
      assertOpen(ctx.state);
      const line = lineOf(ctx.state, sku);
      if (!line) throw refuse("not_in_cart", `${sku} is not in the cart`);
      ctx.emit("lineRemoved", { sku });
      // One that is not confirmed yet is released when its answer comes.
      if (line.confirmed) ctx.send(Inventory(sku).release({ quantity: line.quantity }));
    },

    checkout(ctx) {
      assertOpen(ctx.state);
      const lines = Object.values(ctx.state.lines);
      if (lines.length === 0) throw refuse("cart_empty", "there is nothing to pay");
      const pending = lines.filter((line) => !line.confirmed).map((line) => line.sku);
      if (pending.length > 0) throw refuse("lines_pending", `not reserved yet: ${pending.join(", ")}`, pending);

      const totalCents = lines.reduce((sum, line) => sum + line.quantity * line.priceCents, 0);
      const checkout = { attempt: ctx.state.attempts + 1, totalCents };
      ctx.emit("checkoutStarted", checkout);
      ctx.ask(Payment(ctx.id).charge({ payment: paymentOf(ctx.id, checkout.attempt), cents: totalCents }), "charged", checkout);
      ctx.sendAfter("15m", Cart(ctx.id).expire(checkout), { timer: "checkout" });
      return { status: "paying", totalCents };
    },

    expire(ctx, { attempt }) {
      if (isPaying(ctx.state, attempt)) ctx.emit("reopened", { reason: "timeout" });
    },
  },

  onReply: {
    reserved(ctx, outcome, line) {
      const isWanted = ctx.state.status === "open" && lineOf(ctx.state, line.sku)?.asked === line.asked;
      if (outcome.kind === "replied") {
        if (isWanted) ctx.emit("lineConfirmed", line);
        else ctx.send(Inventory(line.sku).release({ quantity: line.quantity }));
      } else if (isWanted) {
        ctx.emit("lineRefused", { ...line, reason: outcome.code });
      }
    },

    charged(ctx, outcome, { attempt }) {
      const isCurrent = isPaying(ctx.state, attempt);
      const cancelPayment = () => ctx.send(Payment(ctx.id).cancel({ payment: paymentOf(ctx.id, attempt) }));
      if (isCurrent) ctx.cancel("checkout");
      if (outcome.kind === "replied") {
        if (isCurrent) ctx.emit("checkedOut", outcome.reply);
        else cancelPayment(); // the checkout timed out before the bank answered
        return;
      }
      if (isCurrent) ctx.emit("reopened", { reason: outcome.code });
      // Nobody knows whether the bank took the money. Cancelling what was never charged does no harm.
      if (outcome.kind === "failed") cancelPayment();
    },
  },

  queries: { view: (state) => ({ status: state.status, lines: state.lines }) },
});

function assertOpen(state: State): void {
  if (state.status !== "open") throw refuse("cart_closed", `this cart is ${state.status === "paid" ? "paid" : "being paid"}`);
}

function isPaying(state: State, attempt: number): boolean {
  return state.status === "paying" && state.attempts === attempt;
}

function paymentOf(cartId: string, attempt: number): string {
  return `${cartId}-${attempt}`;
}

function lineOf(state: State, sku: string): CartLine | undefined {
  return Object.hasOwn(state.lines, sku) ? state.lines[sku] : undefined;
}

function withLine(state: State, line: CartLine): State {
  return { ...state, lines: { ...state.lines, [line.sku]: line } };
}

function withoutLine(state: State, sku: string): State {
  const { [sku]: _gone, ...lines } = state.lines;
  return { ...state, lines };
}
