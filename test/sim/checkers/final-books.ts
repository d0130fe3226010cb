/** What a run leaves behind, as checkers see it. */
import type { Book, Line } from "../business/book.js";
import type { History } from "../history.js";

export interface FinalBook {
  readonly book: Book;
  readonly version: number;
  /** The events that are kept; null where the type has none. */
  readonly history: readonly Line[] | null;
}

/** By address. */
export type Books = ReadonlyMap<string, FinalBook>;

/** How often each token took effect. Without purged entities: they forget what was asked of them. */
export function effectsByToken(books: Books): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const [entity, { book }] of books) {
    if (entity.startsWith("sim/scratch/")) continue;
    for (const { t } of book.log) counts.set(t, (counts.get(t) ?? 0) + 1);
  }
  return counts;
}

/** Whether an operator had a hand in it: then it may have run late, or never. */
export function isRepaired(token: string, history: History): boolean {
  return history.dead.has(token) || history.retried.has(token) || history.dropped.has(token);
}

/** Purged entities forget, and actions keep no book: neither is held to one. */
export function hasBook(type: string): boolean {
  return type !== "sim/scratch" && type !== "sim/relay";
}
