/** The functions of a chaos run in a process of their own: `node function-entry.js PORT`. Says `functions on URL`. */
import { serve } from "../../../src/sdk/index.js";
import { answerer, asker } from "./asker.js";
import { cart, stock } from "./shop.js";
import { courier, tally } from "./tally.js";
import { ledger, note, register } from "./values.js";

const server = await serve([tally, courier, asker, answerer, stock, cart, register, ledger, note], {
  port: Number(process.argv[2] ?? 0),
});
console.log(`functions on ${server.url}`);
