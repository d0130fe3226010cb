/** What the shop's entities can be told and asked. Clients, tests and the entities themselves import this file alone. */
import { action, command, entity, query } from "holdfast";
import { z } from "zod";

const Count = z.int().min(1).max(1_000);
const Sku = z.string().min(1).max(64);
const Cents = z.int().min(0);

export const Item = z.object({ sku: Sku, quantity: Count, priceCents: Cents });
/** `asked` tells one reservation from an earlier one of the same product. */
export const Line = Item.extend({ asked: z.int() });
export const Removal = z.object({ sku: Sku });
export const Quantity = z.object({ quantity: Count });
export const Left = z.object({ left: z.int() });
/** `attempt` tells one checkout from an earlier one of the same cart. */
export const Checkout = z.object({ attempt: z.int(), totalCents: Cents });
export const Charge = z.object({ payment: z.string(), cents: Cents });
export const Status = z.enum(["open", "paying", "paid"]);

export const Cart = entity("shop/cart", {
  events: {
    lineAsked: Line,
    lineConfirmed: Line,
    lineRefused: Line.extend({ reason: z.string() }),
    lineRemoved: Removal,
    checkoutStarted: Checkout,
    checkedOut: Charge,
    reopened: z.object({ reason: z.string() }),
  },
  commands: {
    add: command({ input: Item }),
    remove: command({ input: Removal }),
    checkout: command({ reply: z.object({ status: Status, totalCents: Cents }) }),
    expire: command({ input: Checkout, internal: true }),
  },
  queries: {
    view: query({ reply: z.object({ status: Status, lines: z.record(z.string(), Line.extend({ confirmed: z.boolean() })) }) }),
  },
});

export const Inventory = entity("shop/inventory", {
  commands: {
    restock: command({ input: Quantity, reply: Left }),
    reserve: command({ input: Quantity, reply: Left, internal: true }),
    release: command({ input: Quantity, internal: true }),
  },
  queries: { left: query({ reply: Left }) },
});

/** Stateless: it speaks to the bank. `payment` names a payment to the bank, so that asking twice charges once. */
export const Payment = action("shop/payment", {
  commands: {
    charge: command({ input: Charge, reply: Charge, internal: true }),
    cancel: command({ input: z.object({ payment: z.string() }), internal: true }),
  },
});
