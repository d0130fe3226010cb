/** A ledger's history, read back: without gaps, each posting once and nothing else, and the state is its fold. */

export interface HistoryEvent {
  readonly entityVersion: number;
  readonly name: string;
  readonly data: unknown;
}

/** `postings`: what was acknowledged, by its key; null while a run is on, when others may have posted more. */
export function checkHistory(
  ledger: string,
  events: readonly HistoryEvent[],
  state: { readonly version: number; readonly balance: number } | null,
  postings: ReadonlyMap<string, number> | null,
): readonly string[] {
  const violations: string[] = [];
  const seen = new Map<string, number>();
  let balance = 0;
  for (const [index, { entityVersion, name, data }] of events.entries()) {
    const { by, key } = data as { readonly by: number; readonly key: string };
    if (entityVersion !== index + 1) violations.push(`${ledger}: event ${index + 1} has version ${entityVersion}`);
    if (seen.has(key)) violations.push(`${ledger}: the posting of ${key} stands there twice`);
    const signed = name === "credited" ? by : -by;
    seen.set(key, signed);
    balance += signed;
    if (balance < 0) violations.push(`${ledger}: version ${entityVersion} is below zero, by the posting of ${key}`);
  }
  if (state !== null) {
    if (state.balance !== balance) violations.push(`${ledger}: the state is ${state.balance}, its history adds up to ${balance}`);
    if (state.version !== events.length) violations.push(`${ledger}: version ${state.version} with ${events.length} events`);
  }
  if (postings === null) return violations;
  for (const [key, by] of postings) {
    if (!seen.has(key)) violations.push(`${ledger}: the acknowledged posting of ${key} is gone`);
    else if (seen.get(key) !== by) violations.push(`${ledger}: the posting of ${key} is ${seen.get(key)}, not ${by}`);
  }
  for (const key of seen.keys()) {
    if (!postings.has(key)) violations.push(`${ledger}: nobody was told of the posting of ${key}`);
  }
  return violations;
}
