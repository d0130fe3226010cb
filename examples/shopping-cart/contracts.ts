/** What the shop's entities can be told and asked. Clients, tests and the entities themselves import this file alone. */
import { action, command, entity, query } from "holdfast";
import { z } from "zod";

const Count = z.int().min(1).max(1_000);
const Sku = z.string().min(1).max(64);
const Cents = z.int().min(0);

export const Quantity = z.object({ quantity: Count });
export const Left = z.object({ left: z.int() });
export const Line = z.object({ sku: Sku, quantity: Count, priceCents: Cents });
export const Receipt = z.object({ payment: z.string(), totalCents: Cents });
export const View = z.object({
  status: z.enum(["open", "paying", "paid"]),
  lines: z.record(z.string(), z.object({ quantity: Count, priceCents: Cents, confirmed: z.boolean() })),
});
export const Attempt = z.object({ attempt: z.int().min(1) });

export const Cart = entity("shop/cart", {
  events: {
    lineAsked: Line,
    lineConfirmed: Line,
    lineRefused: Line.extend({ reason: z.string() }),
    lineRemoved: z.object({ sku: Sku }),
    checkoutStarted: z.object({ attempt: z.int(), totalCents: Cents }),
    checkedOut: Receipt,
    reopened: z.object({ reason: z.string() }),
  },
  commands: {
    add: command({ input: Line }),
    remove: command({ input: z.object({ sku: Sku }) }),
    checkout: command({ reply: z.object({ status: z.literal("paying"), totalCents: Cents }) }),
    expire: command({ input: Attempt, internal: true }),
  },
  queries: { view: query({ reply: View }) },
});

export const Inventory = entity("shop/inventory", {
  commands: {
    restock: command({ input: Quantity, reply: Left }),
    reserve: command({ input: Quantity, reply: Left, internal: true }),
    release: command({ input: Quantity, internal: true }),
  },
  queries: { left: query({ reply: Left }) },
});

export const Payment = action("shop/payment", {
  commands: {
    charge: command({ input: z.object({ amountCents: Cents }), reply: Receipt, internal: true }),
    refund: command({ input: Receipt, internal: true }),
  },
});
