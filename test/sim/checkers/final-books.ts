/** What a run leaves behind, as checkers see it. */
import type { Book, Line } from "../business/book.js";

export interface FinalBook {
  readonly book: Book;
  readonly version: number;
  /** The events that are kept; null where the type has none. */
  readonly history: readonly Line[] | null;
}

/** By address. */
export type Books = ReadonlyMap<string, FinalBook>;
