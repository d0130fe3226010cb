/** How many of one product are left: a value entity, its id is the product. */
import { refuse } from "holdfast";
import { Inventory } from "./contracts.js";

export const inventory = Inventory.value({
  initial: (): { left: number } => ({ left: 0 }),
}).handle({
  commands: {
    restock(ctx, { quantity }) {
      ctx.state = { left: ctx.state.left + quantity };
      return ctx.state;
    },
    reserve(ctx, { quantity }) {
      if (ctx.state.left < quantity) throw refuse("sold_out", `${ctx.state.left} of ${ctx.id} are left`);
      ctx.state = { left: ctx.state.left - quantity };
      return ctx.state;
    },
    release(ctx, { quantity }) {
      ctx.state = { left: ctx.state.left + quantity };
    },
  },
  queries: { left: (state) => state },
});
