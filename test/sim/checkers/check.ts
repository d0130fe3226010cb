/** All checkers that look at a run from its end. */
import type { History } from "../history.js";
import type { World } from "../world.js";
import { checkOnce } from "./exactly-once.js";
import type { Books } from "./final-books.js";
import { checkSights } from "./nothing-discarded-was-visible.js";

export function check(books: Books, _again: Books, history: History, _world: World): void {
  checkSights(books, history);
  checkOnce(books, history);
}
