/** Set-full: an element that was added, or seen, before a read began is in what it shows; what nobody added never is. */
import { addressText } from "../../../src/core/entity/address.js";
import type { History } from "../history.js";

export function checkSets(history: History): void {
  const reads = history.sights
    .filter((sight) => sight.tokens !== null && (sight.isStrict || !history.areLeasesVoid))
    .sort((left, right) => left.invokedAtMs - right.invokedAtMs);
  for (const read of reads) {
    const entity = addressText(read.entity);
    const tokens = new Set(read.tokens);
    for (const token of tokens) {
      const added = history.commands.get(token);
      if (added === undefined || addressText(added.entity) !== entity)
        history.violate(`${entity} shows ${token}, which nobody added`);
      else if (added.invokedAtMs > read.answeredAtMs) history.violate(`${entity} showed ${token} before it was added`);
    }
    for (const { id, entity: of, status, answeredAtMs } of history.commands.values()) {
      if (status !== "replied" || addressText(of) !== entity || answeredAtMs >= read.invokedAtMs) continue;
      if (!tokens.has(id)) history.violate(`${entity} does not show ${id}, which was added before`);
    }
    for (const earlier of reads) {
      if (earlier.answeredAtMs >= read.invokedAtMs || addressText(earlier.entity) !== entity) continue;
      for (const token of earlier.tokens ?? []) {
        if (!tokens.has(token)) history.violate(`${entity} does not show ${token}, which was seen before`);
      }
    }
  }
}
