/** All entity types of the shop: what `holdfast dev` serves. */
import { cart } from "./cart.js";
import { inventory } from "./inventory.js";
import { payment } from "./payment.js";

export const functions = [cart, inventory, payment];
