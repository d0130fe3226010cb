/**
 * No record behind a seal is ever applied, whether it stood there before or landed later: what entities are in the end, and
 * what each entry was built on, is what the entries before the seals say, and no more.
 */
import { type Line, parsed } from "../business/book.js";
import type { History } from "../history.js";
import type { LogBook } from "../log-book.js";
import { type Books, hasBook } from "./final-books.js";
import { effectiveOf, reignsOf, sealOf } from "./reigns.js";

export function checkSeals(books: Books, logBook: LogBook, history: History): void {
  const versionByEntity = new Map<string, number>();
  const tokensByEntity = new Map<string, string[]>();
  for (const [, descriptors] of logBook.inOrder) {
    for (const { descriptor } of descriptors) {
      for (const { log, to } of descriptor.ranges) {
        const seal = sealOf(logBook.recordsByLog.get(log));
        if (to > seal)
          history.violate(`a closed range of shard ${descriptor.shard} ends at ${to} of log ${log}, behind its seal at ${seal}`);
      }
    }
    for (const { entry, record } of effectiveOf(reignsOf(descriptors), logBook)) {
      if (entry.effects === null) continue;
      const { entity, previousVersion, version, events } = entry.effects;
      // What changes nothing is built on nothing.
      if (!hasBook(typeOf(entity)) || previousVersion === version) continue;
      const before = versionByEntity.get(entity) ?? 0;
      if (previousVersion !== before) {
        const where = `position ${record.position} of log ${record.log}`;
        history.violate(
          `${entity}: ${where} is built on version ${previousVersion}; by what is before the seals it was ${before}`,
        );
      }
      versionByEntity.set(entity, version);
      const tokens = tokensByEntity.get(entity) ?? [];
      for (const event of events) tokens.push(parsed<Line>(event).t);
      tokensByEntity.set(entity, tokens);
    }
  }
  for (const [entity, { version, book }] of books) {
    if (!hasBook(typeOf(entity))) continue;
    const last = versionByEntity.get(entity) ?? 0;
    if (version !== last) history.violate(`${entity} has version ${version}; by what is before the seals it is ${last}`);
    const tokens = tokensByEntity.get(entity) ?? [];
    if (tokens.length > 0 && tokens.join() !== book.log.map(({ t }) => t).join())
      history.violate(`${entity} is not what the entries before the seals say`);
  }
}

function typeOf(entity: string): string {
  return entity.slice(0, entity.indexOf("/", 4));
}
