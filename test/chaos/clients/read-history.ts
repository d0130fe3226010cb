/** The whole history of an entity, page by page, each page from any node. */
import type { HistoryEvent } from "../checkers/history-is-the-state.js";

const PAGE = 500;

export async function readHistory(
  entity: string,
  read: (path: string) => Promise<{ readonly text: string }>,
): Promise<readonly HistoryEvent[]> {
  const events: HistoryEvent[] = [];
  for (let after: number | null = 0; after !== null; ) {
    const { text } = await read(`/${entity}/$events?after=${after}&limit=${PAGE}`);
    const page = JSON.parse(text) as { readonly events: readonly HistoryEvent[]; readonly next: number | null };
    events.push(...page.events);
    after = page.next;
  }
  return events;
}
