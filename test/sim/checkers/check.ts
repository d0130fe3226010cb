/** All checkers that look at a run from its end. */
import type { History } from "../history.js";
import type { LogBook } from "../log-book.js";
import { checkAcknowledged } from "./acknowledged-is-durable.js";
import { checkOnce } from "./exactly-once.js";
import type { Books } from "./final-books.js";
import { checkHalves } from "./halves-take-up-their-parent.js";
import { checkLinearizable } from "./linearizable.js";
import { checkSeals } from "./nothing-behind-a-seal.js";
import { checkSights } from "./nothing-discarded-was-visible.js";
import { checkBodies } from "./one-body-a-position.js";
import { checkOrder } from "./order.js";
import { checkOwners } from "./owners-follow-by-epoch.js";
import { checkRefused } from "./refused-leaves-nothing.js";
import { checkRegisters } from "./register-values.js";
import { checkSets } from "./set-full.js";
import { checkStates } from "./state-is-the-fold.js";
import { checkTimers } from "./timers.js";

/** `again`: the same books, read from a fresh incarnation. `shards`: those that the cluster was made with. */
export function check(books: Books, again: Books, logBook: LogBook, shards: number, history: History): void {
  checkAcknowledged(books, history);
  checkSights(books, history);
  checkOnce(books, history);
  checkOrder(books, history);
  checkStates(books, again, history);
  checkRefused(books, history);
  checkTimers(books, history);
  checkLinearizable(history);
  checkRegisters(books, history);
  checkSets(history);
  checkOwners(logBook, shards, history);
  checkSeals(books, logBook, history);
  checkBodies(logBook, shards, history);
  checkHalves(logBook, shards, history);
}
