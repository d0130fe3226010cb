/** Every command and message that was acknowledged, born or accepted takes effect exactly once; no other ever does. */
import { addressText } from "../../../src/core/entity/address.js";
import type { CommandRecord, History } from "../history.js";
import type { Books } from "./final-books.js";

export function checkOnce(books: Books, history: History): void {
  const countByToken = new Map<string, number>();
  for (const { book } of books.values()) for (const { t } of book.log) countByToken.set(t, (countByToken.get(t) ?? 0) + 1);
  for (const [token, count] of countByToken) if (count > 1) history.violate(`${token} took effect ${count} times`);
  for (const record of history.commands.values()) checkCommand(record, countByToken.get(record.id) ?? 0, history);
}

function checkCommand(record: CommandRecord, count: number, history: History): void {
  const { id, entity, status, mode } = record;
  if (entity.type === "sim/scratch" || entity.type === "sim/relay") return;
  const what = `${id} (${mode} ${addressText(entity)} ${record.name}, ${status})`;
  if (status === "replied" && count !== 1) history.violate(`${what} was acknowledged and took effect ${count} times`);
  if (status === "refused" && count !== 0) history.violate(`${what} was refused and took effect`);
  if (status === "failed" && count !== 0 && !record.mayHaveRun) history.violate(`${what} failed and took effect`);
  if (status === "none" && count !== 0 && !record.mayHaveRun && record.open === 0) {
    history.violate(`${what} was never taken and took effect`);
  }
}
