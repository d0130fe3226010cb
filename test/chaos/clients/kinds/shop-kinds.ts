/** Buying: lines are reserved in stock, bought, removed, or given back when their time is over. */
import { Cart, Stock } from "../../functions/contracts.js";
import type { ChaosClient, CommandKind } from "../chaos-client.js";

/** More lines than this a client does not keep in mind. */
const REMEMBERED_MAX = 10;

export const SHOP_KINDS: readonly CommandKind[] = [
  {
    name: "restock",
    weight: 2,
    async run(client) {
      const entity = `${Stock.type}/${client.population.id("stock", client.random)}`;
      const quantity = 1 + client.random.below(20);
      await client.done({ kind: "restock", entity, command: "restock", input: { quantity } });
      client.expectations.add(entity, "restocked", quantity);
      return true;
    },
  },
  {
    name: "addLine",
    weight: 5,
    async run(client) {
      const cart = `${Cart.type}/${client.population.id("cart", client.random)}`;
      const key = client.newKey();
      const line = { line: `l${key}`, sku: client.population.id("stock", client.random), quantity: 1 + client.random.below(4) };
      client.expectations.touch(`${Stock.type}/${line.sku}`);
      await client.done({ kind: "addLine", entity: cart, command: "add", input: line, key });
      client.expectations.line(cart, line.line, null);
      client.lines.push({ cart, line: line.line });
      if (client.lines.length > REMEMBERED_MAX) client.lines.shift();
      return true;
    },
  },
  { name: "buyLine", weight: 3, run: (client) => end(client, "buyLine", "buy", "bought", "not_confirmed") },
  { name: "removeLine", weight: 3, run: (client) => end(client, "removeLine", "remove", "removed", "not_there") },
];

async function end(client: ChaosClient, kind: string, command: string, as: "bought" | "removed", no: string): Promise<boolean> {
  const one = client.lines.pop();
  if (one === undefined) return false;
  const { cart, line } = one;
  const definite = await client.command({ kind, entity: cart, command, input: { line } });
  if (definite.kind === "replied") client.expectations.line(cart, line, as);
  else if (definite.code !== no) client.expectations.violations.push(`${kind} of ${line}: ${definite.code}`);
  return true;
}
