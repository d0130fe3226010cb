/** Carts that reserve what is in stock, and give it back when it is not bought in time. */
import { refuse, replyOf, unchecked } from "../../../src/sdk/index.js";
import { badMoment } from "./bad-moment.js";
import { Cart, type Line, Stock } from "./contracts.js";

export interface StockState {
  readonly restocked: number;
  readonly free: number;
  /** What is reserved or sold, by the cart's line. */
  readonly lines: { readonly [line: string]: number };
}

export const stock = Stock.value({ initial: (): StockState => ({ restocked: 0, free: 0, lines: {} }) }).handle({
  commands: {
    restock(ctx, { quantity }) {
      ctx.state = { ...ctx.state, restocked: ctx.state.restocked + quantity, free: ctx.state.free + quantity };
    },
    reserve(ctx, { line, quantity }) {
      badMoment();
      const { free, lines } = ctx.state;
      if (free < quantity) throw refuse("sold_out", `${free} are left`);
      ctx.state = { ...ctx.state, free: free - quantity, lines: { ...lines, [line]: quantity } };
      return { free: ctx.state.free };
    },
    release(ctx, { line }) {
      const { [line]: quantity = 0, ...lines } = ctx.state.lines;
      ctx.state = { ...ctx.state, free: ctx.state.free + quantity, lines };
    },
  },
});

export type LineStatus = "asked" | "confirmed" | "refused" | "bought" | "removed" | "expired";

export interface CartState {
  readonly lines: { readonly [line: string]: Line & { readonly status: LineStatus } };
}

const KEPT_FOR = "3s";

export const cart = Cart.eventSourced({
  initial: (): CartState => ({ lines: {} }),
  replies: { reserved: replyOf(Stock, "reserve", unchecked<Line>()) },
  expose: ["state", "events"],
}).handle({
  apply: {
    lineAsked: (state, line) => ({ lines: { ...state.lines, [line.line]: { ...line, status: "asked" } } }),
    lineConfirmed: (state, { line }) => withStatus(state, line, "confirmed"),
    lineRefused: (state, { line }) => withStatus(state, line, "refused"),
    lineBought: (state, { line }) => withStatus(state, line, "bought"),
    lineRemoved: (state, { line }) => withStatus(state, line, "removed"),
    lineExpired: (state, { line }) => withStatus(state, line, "expired"),
  },
  commands: {
    add(ctx, line) {
      badMoment();
      ctx.emit("lineAsked", line);
      ctx.ask(Stock(line.sku).reserve(line), "reserved", line);
    },
    buy(ctx, { line }) {
      if (ctx.state.lines[line]?.status !== "confirmed") throw refuse("not_confirmed", `it is ${ctx.state.lines[line]?.status}`);
      ctx.emit("lineBought", { line });
      ctx.cancel(line);
    },
    remove(ctx, { line }) {
      const kept = ctx.state.lines[line];
      if (kept?.status !== "asked" && kept?.status !== "confirmed") throw refuse("not_there", `it is ${kept?.status}`);
      ctx.emit("lineRemoved", { line });
      ctx.cancel(line);
      // What is not confirmed yet is given back when the answer comes.
      if (kept.status === "confirmed") ctx.send(Stock(kept.sku).release({ line }));
    },
    expire(ctx, { line }) {
      const kept = ctx.state.lines[line];
      if (kept?.status !== "confirmed") return;
      ctx.emit("lineExpired", { line });
      ctx.send(Stock(kept.sku).release({ line }));
    },
  },
  onReply: {
    reserved(ctx, outcome, { line, sku }) {
      badMoment();
      const isWanted = ctx.state.lines[line]?.status === "asked";
      if (outcome.kind !== "replied") {
        if (isWanted) ctx.emit("lineRefused", { line });
      } else if (isWanted) {
        ctx.emit("lineConfirmed", { line });
        ctx.sendAfter(KEPT_FOR, Cart(ctx.id).expire({ line }), { timer: line });
      } else {
        ctx.send(Stock(sku).release({ line }));
      }
    },
  },
});

function withStatus(state: CartState, line: string, status: LineStatus): CartState {
  const kept = state.lines[line];
  return kept === undefined ? state : { lines: { ...state.lines, [line]: { ...kept, status } } };
}
