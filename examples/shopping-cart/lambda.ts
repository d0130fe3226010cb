/** The shop as a Lambda function. */
import { lambdaHandler } from "holdfast";
import { cart } from "./cart.js";
import { inventory } from "./inventory.js";
import { payment } from "./payment.js";

export const handler = lambdaHandler([cart, inventory, payment]);
