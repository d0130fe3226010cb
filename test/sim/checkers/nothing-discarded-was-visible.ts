/** Whatever anybody saw of a book is a prefix of what it is in the end: nothing that was shown has been taken back. */
import { addressText } from "../../../src/core/entity/address.js";
import { type Line, nextChain } from "../business/book.js";
import type { History } from "../history.js";
import type { Books } from "./final-books.js";

export function checkSights(books: Books, history: History): void {
  const chainsByEntity = new Map<string, number[]>();
  for (const [entity, { book }] of books) chainsByEntity.set(entity, chainsOf(book.log));
  const look = (entity: string, what: string, n: number, chain: number): void => {
    if (entity.startsWith("sim/scratch/") || entity.startsWith("sim/relay/")) return;
    const final = chainsByEntity.get(entity)?.[n];
    if (final !== chain) {
      history.violate(`${what} of ${entity} showed ${n} lines with chain ${chain}; in the end the chain there is ${final}`);
    }
  };
  for (const { entity, what, sight } of history.sights) look(addressText(entity), `a ${what}`, sight.n, sight.chain);
  for (const { id, entity, sight } of history.commands.values()) {
    if (sight !== null) look(addressText(entity), `the reply to ${id}`, sight.n, sight.chain);
  }
  for (const { record, sight } of history.lateReplies) {
    look(addressText(record.entity), `the late reply to ${record.id}`, sight.n, sight.chain);
  }
  for (const { entity, version, line } of history.fed) {
    const final = books.get(addressText(entity))?.book.log[version - 1];
    if (JSON.stringify(final) !== JSON.stringify(line)) {
      history.violate(
        `event ${version} of ${addressText(entity)} was shown as ${JSON.stringify(line)}; it is ${JSON.stringify(final)}`,
      );
    }
  }
}

/** The chain behind each number of lines. */
function chainsOf(log: readonly Line[]): number[] {
  const chains = [0];
  for (const line of log) chains.push(nextChain(chains.at(-1) as number, line));
  return chains;
}
