/** All checkers that look at a run from its end. */
import type { Book, Line } from "../business/book.js";
import type { History } from "../history.js";
import type { World } from "../world.js";
import { checkOnce } from "./exactly-once.js";
import { checkSights } from "./nothing-discarded-was-visible.js";

export interface FinalBook {
  readonly book: Book;
  readonly version: number;
  /** The events that are kept; null where the type has none. */
  readonly history: readonly Line[] | null;
}

/** By address. */
export type Books = ReadonlyMap<string, FinalBook>;

export function check(books: Books, _again: Books, history: History, _world: World): void {
  checkSights(books, history);
  checkOnce(books, history);
}
