/** Every command, message and answer takes effect exactly once; nothing takes effect that was never asked for. */
import type { Line } from "../business/book.js";
import type { History } from "../history.js";
import { type Books, effectsByToken, hasBook, isRepaired } from "./final-books.js";

/** What the sent message's effect is known by, where the sender's line says what was sent. */
function expectedTokens({ k, e }: Line): readonly string[] {
  return k === "relayed" ? (e ?? []).map((token) => `${token}>`) : (e ?? []);
}

export function checkOnce(books: Books, history: History): void {
  const counts = effectsByToken(books);
  for (const [token, count] of counts) if (count > 1) history.violate(`${token} took effect ${count} times`);
  const asked = new Set<string>();
  for (const { id } of history.commands.values()) asked.add(id);
  for (const [entity, { book }] of books) {
    if (!hasBook(entity.slice(0, entity.indexOf("/", 4)))) continue;
    for (const line of book.log) checkSent(entity, line, asked, counts, history);
  }
  for (const token of counts.keys()) {
    if (!asked.has(token)) history.violate(`${token} took effect, and nobody whose effects are there has sent it`);
  }
}

function checkSent(entity: string, line: Line, asked: Set<string>, counts: ReadonlyMap<string, number>, history: History): void {
  const isAsk = line.k === "transfer" || line.k === "order";
  for (const token of expectedTokens(line)) {
    asked.add(token);
    if (isAsk) asked.add(`${token}!`);
    const isHandled = isRepaired(token, history) || isRepaired(token.replace(/>$/, ""), history);
    if (isHandled || line.k === "arm" || line.k === "armOther") continue;
    const count = counts.get(token) ?? 0;
    if (!isAsk) {
      if (count !== 1) history.violate(`${entity} sent ${token}, which took effect ${count} times`);
    } else checkAnswer(entity, token, count, counts, history, books(entity, token));
  }

  function books(asker: string, token: string): string {
    return `${asker} asked with ${token}`;
  }
}

/** The outcome comes back once, and says what happened. */
function checkAnswer(
  entity: string,
  token: string,
  count: number,
  counts: ReadonlyMap<string, number>,
  history: History,
  what: string,
): void {
  const answers = counts.get(`${token}!`) ?? 0;
  if (answers !== 1) history.violate(`${what} and was answered ${answers} times`);
  const outcome = history.outcomeByAnswer.get(`${entity} ${token}!`);
  if (outcome === "replied" && count !== 1) history.violate(`${what}; the answer says replied, it took effect ${count} times`);
  if (outcome !== undefined && outcome !== "replied" && count !== 0)
    history.violate(`${what}; the answer says ${outcome}, it took effect`);
}
