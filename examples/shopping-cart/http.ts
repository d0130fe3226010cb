/** The shop as an HTTP function: `node http.js`, then `npx holdfast register http://127.0.0.1:9000`. */
import { serve } from "holdfast";
import { cart } from "./cart.js";
import { inventory } from "./inventory.js";
import { payment } from "./payment.js";

const server = await serve([cart, inventory, payment], { port: Number(process.env["PORT"] ?? 9000) });
console.log(`the shop's functions listen on ${server.url}`);
process.once("SIGTERM", () => void server.close());
