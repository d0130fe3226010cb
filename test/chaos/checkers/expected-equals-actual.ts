/** The numbers of an entity are exactly those that definite answers add up to: for each entity, not for their sums. */

export type Fields = Readonly<Record<string, number | string>>;

/** What is looked at of each type; what nothing is expected of is 0, or an empty text. */
const FIELDS: Readonly<Record<string, readonly string[]>> = {
  "chaos/tally": ["count", "hops", "rung", "early"],
  "chaos/asker": ["asked", "replied", "refused", "failed", "sum"],
  "chaos/answerer": ["given"],
  "chaos/stock": ["restocked"],
  "chaos/ledger": ["balance"],
  "chaos/note": ["digest"],
};

/** `state`: as it is stored; null where nothing is. */
export function checkFields(
  entity: string,
  expected: Fields,
  state: Readonly<Record<string, unknown>> | null,
): readonly string[] {
  const violations: string[] = [];
  const type = entity.slice(0, entity.lastIndexOf("/"));
  for (const field of FIELDS[type] ?? []) {
    const actual = state?.[field] ?? (type === "chaos/note" ? "" : 0);
    const wanted = expected[field] ?? (type === "chaos/note" ? "" : 0);
    if (actual !== wanted) violations.push(`${entity}: ${field} is ${String(actual)}, not ${wanted}`);
  }
  for (const name of Object.keys((state?.["timers"] as object | undefined) ?? {})) {
    violations.push(`${entity}: timer ${name} has neither rung nor been cancelled`);
  }
  return violations;
}
