/**
 * Linearizability by position: every answer tells at which line of its entity's book it stood. Whoever asks behind an
 * answer stands at or behind its line; a command that wrote a line stands behind it. Where clocks are too different for
 * leases, only strict reads are held to it (RULES.md 4, 5).
 */
import { addressText } from "../../../src/core/entity/address.js";
import type { History } from "../history.js";
import { hasBook } from "./final-books.js";

interface Operation {
  readonly what: string;
  readonly invokedAtMs: number;
  readonly answeredAtMs: number;
  /** The line it stood at: its own for a write. */
  readonly n: number;
  readonly isWrite: boolean;
}

export function checkLinearizable(history: History): void {
  for (const [entity, operations] of operationsByEntity(history)) {
    const answered = [...operations].sort((left, right) => left.answeredAtMs - right.answeredAtMs);
    const invoked = [...operations].sort((left, right) => left.invokedAtMs - right.invokedAtMs);
    let next = 0;
    let before: Operation | null = null;
    for (const operation of invoked) {
      for (; next < answered.length && (answered[next] as Operation).answeredAtMs < operation.invokedAtMs; next++) {
        const one = answered[next] as Operation;
        if (before === null || one.n > before.n) before = one;
      }
      if (before === null) continue;
      const isStale = operation.isWrite ? operation.n <= before.n : operation.n < before.n;
      if (isStale)
        history.violate(`${entity}: ${operation.what} stood at line ${operation.n}, behind ${before.what} at ${before.n}`);
    }
  }
}

function operationsByEntity(history: History): ReadonlyMap<string, Operation[]> {
  const byEntity = new Map<string, Operation[]>();
  const add = (entity: string, operation: Operation): void => {
    const operations = byEntity.get(entity);
    if (operations === undefined) byEntity.set(entity, [operation]);
    else operations.push(operation);
  };
  for (const { entity, what, isStrict, sight, invokedAtMs, answeredAtMs } of history.sights) {
    if (history.areLeasesVoid && !isStrict) continue;
    if (hasBook(entity.type)) add(addressText(entity), { what, invokedAtMs, answeredAtMs, n: sight.n, isWrite: false });
  }
  for (const { id, entity, sight, invokedAtMs, answeredAtMs } of history.commands.values()) {
    if (sight === null || !hasBook(entity.type)) continue;
    add(addressText(entity), { what: id, invokedAtMs, answeredAtMs, n: sight.n, isWrite: true });
  }
  return byEntity;
}
