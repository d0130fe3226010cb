/** State = fold of history = snapshot and tail: what the router holds, what it kept, and what a fresh start makes of it. */
import { fold } from "../business/behaviour.js";
import { emptyBook } from "../business/book.js";
import { DECLARED } from "../business/catalog.js";
import type { History } from "../history.js";
import type { Books } from "./final-books.js";

export function checkStates(books: Books, again: Books, history: History): void {
  for (const [entity, { book, version, history: events }] of books) {
    const type = entity.slice(0, entity.indexOf("/", 4));
    const folded = emptyBook();
    for (const line of book.log) fold(type, folded, line);
    const text = JSON.stringify(book);
    if (!isSame(folded.x, book.x) || folded.n !== book.n || folded.chain !== book.chain) {
      history.violate(`the state of ${entity} is not the fold of its lines`);
    }
    const isSourced = DECLARED[type]?.kind === "event-sourced";
    if (isSourced && version !== book.n) history.violate(`${entity} has version ${version} and ${book.n} events folded`);
    const isKept = isSourced && DECLARED[type]?.policy?.history?.kind !== "none";
    if (isKept && JSON.stringify(events) !== JSON.stringify(book.log)) {
      history.violate(`the history of ${entity} is not what its state was folded from`);
    }
    const other = again.get(entity);
    if (other === undefined || JSON.stringify(other.book) !== text || other.version !== version) {
      history.violate(`${entity} reads otherwise behind a fresh start`);
    }
  }
}

function isSame(left: Record<string, unknown>, right: Record<string, unknown>): boolean {
  const keys = Object.keys(left);
  return keys.length === Object.keys(right).length && keys.every((key) => left[key] === right[key]);
}
