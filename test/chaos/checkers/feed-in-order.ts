/** A live feed that was followed over moves and crashes: each version once, in order, the same event as in the history, to its end. */
import type { HistoryEvent } from "./history-is-the-state.js";

export function checkFeed(feed: string, seen: readonly HistoryEvent[], history: readonly HistoryEvent[]): readonly string[] {
  const violations: string[] = [];
  for (const [index, event] of seen.entries()) {
    const wanted = index + 1;
    if (event.entityVersion !== wanted) {
      violations.push(`${feed}: version ${event.entityVersion} was shown where ${wanted} was due`);
      return violations;
    }
    const kept = history[index];
    if (kept === undefined) violations.push(`${feed}: version ${wanted} was shown, and is not in the history`);
    else if (kept.name !== event.name || JSON.stringify(kept.data) !== JSON.stringify(event.data)) {
      violations.push(`${feed}: version ${wanted} was shown as ${JSON.stringify(event)}, and is ${JSON.stringify(kept)}`);
    }
  }
  if (seen.length < history.length) violations.push(`${feed}: ended at version ${seen.length} of ${history.length}`);
  return violations;
}
