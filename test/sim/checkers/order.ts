/** Sender to target in order, also around faults: a listener hears what each chatter says as it was numbered. */
import type { History } from "../history.js";
import { type Books, isRepaired } from "./final-books.js";

export function checkOrder(books: Books, history: History): void {
  for (const [entity, { book }] of books) {
    if (!entity.startsWith("sim/listener/")) continue;
    const lastBySender = new Map<string, number>();
    for (const { k, t, a: sender, v: number } of book.log) {
      if (k !== "hear" || sender === undefined || sender === "" || number === undefined) continue;
      // What an operator sent on its way again comes late.
      if (isRepaired(t, history)) continue;
      const last = lastBySender.get(sender) ?? 0;
      if (number <= last) history.violate(`${entity} heard ${number} of ${sender} behind ${last}`);
      lastBySender.set(sender, number);
    }
  }
}
