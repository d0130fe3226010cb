/** A timer fires once and never early; one that was cancelled or set again never does. */
import type { History } from "../history.js";
import { type Books, isRepaired } from "./final-books.js";

export function checkTimers(books: Books, history: History): void {
  for (const [entity, { book }] of books) {
    if (!entity.startsWith("sim/alarm/")) continue;
    const dueByToken = new Map<string, number>();
    const standing = new Map<string, string>();
    for (const { k, t, a, v, e } of book.log) {
      const name = a ?? "";
      const token = e?.[0] ?? "";
      if (k === "arm") {
        standing.set(name, token);
        dueByToken.set(token, v ?? 0);
      } else if (k === "armOther") standing.delete(name);
      else if (k === "disarm") standing.delete(name);
      // Only an entity's own timers can be cancelled to the last moment.
      else if (k === "ring" && t.startsWith(`${entity}#`) && !isRepaired(t, history)) {
        if (standing.get(name) !== t)
          history.violate(`${entity}: timer ${t} rang although '${name}' had been cancelled or set again`);
        if ((v ?? 0) < (dueByToken.get(t) ?? 0) - history.clockSpreadMs)
          history.violate(`${entity}: timer ${t} was due before it could be`);
        standing.delete(name);
      }
    }
    for (const token of standing.values()) {
      if (!isRepaired(token, history)) history.violate(`${entity}: timer ${token} never rang`);
    }
  }
}
