/** Payments: stateless work at somebody else's door. The bank here is a pretence that declines large sums. */
import { refuse } from "holdfast";
import { Payment } from "./contracts.js";

const LIMIT_CENTS = 500_000;

export const payment = Payment.action().handle({
  commands: {
    charge(_ctx, charge) {
      // A real bank is called here, with `charge.payment` as its idempotency key: functions run at least once.
      if (charge.cents > LIMIT_CENTS) throw refuse("card_declined", "the bank declines sums over 5,000.00");
      return charge;
    },
    cancel() {
      // A real bank is told here; it knows the payment by its name, or never heard of it.
    },
  },
});
