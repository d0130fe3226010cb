/** What was refused, has failed, or was never taken leaves nothing. */
import { addressText } from "../../../src/core/entity/address.js";
import type { History } from "../history.js";
import { type Books, effectsByToken, isRepaired } from "./final-books.js";

export function checkRefused(books: Books, history: History): void {
  const counts = effectsByToken(books);
  for (const { id, entity, name, status, mayHaveRun, open, wasAccepted } of history.commands.values()) {
    if ((counts.get(id) ?? 0) === 0 || isRepaired(id, history)) continue;
    const what = `${id} (${name} of ${addressText(entity)})`;
    if (status === "refused") history.violate(`${what} was refused and took effect`);
    if (mayHaveRun || open > 0 || wasAccepted) continue;
    if (status === "failed") history.violate(`${what} failed and took effect`);
    if (status === "none") history.violate(`${what} was never taken and took effect`);
  }
}
