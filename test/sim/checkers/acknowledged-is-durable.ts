/** What was acknowledged is there in the end: a reply's command, and a command that was accepted. */
import { addressText } from "../../../src/core/entity/address.js";
import type { History } from "../history.js";
import { type Books, effectsByToken, hasBook, isRepaired } from "./final-books.js";

export function checkAcknowledged(books: Books, history: History): void {
  const counts = effectsByToken(books);
  for (const { record } of history.lateReplies) {
    if (!counts.has(record.id))
      history.violate(`${record.id} was acknowledged by a process that was left behind, and is not there`);
  }
  for (const { id, entity, name, status, wasAccepted } of history.commands.values()) {
    if (!hasBook(entity.type) || isRepaired(id, history)) continue;
    const count = counts.get(id) ?? 0;
    const what = `${id} (${name} of ${addressText(entity)})`;
    if (status === "replied" && count === 0) history.violate(`${what} was acknowledged and is not there`);
    // A refusal that nobody asked for leaves nothing to tell it by: only types that never refuse are held to this.
    const neverRefuses = name !== "post" && name !== "transfer" && name !== "cas";
    if (wasAccepted && neverRefuses && count === 0) history.violate(`${what} was accepted and is not there`);
  }
}
