/** A run in which nothing happened proves nothing: each kind of command and of fault must have come so often. */

export interface Minimums {
  readonly perCommandKind: number;
  readonly perFaultKind: number;
}

/** Shorter runs are for whoever works on this. */
const SECONDS_MIN = 120;

/**
 * From the length of the run. Where one node at a time serves, and each fault of it is an outage of many seconds, a run gets a
 * quarter done.
 */
export function minimumsOf(seconds: number, hasPeers: boolean): Minimums {
  if (seconds < SECONDS_MIN) return { perCommandKind: 0, perFaultKind: 0 };
  return { perCommandKind: Math.floor(seconds / (hasPeers ? 15 : 60)), perFaultKind: Math.floor(seconds / 150) };
}

export function checkMinimum(
  what: string,
  counts: ReadonlyMap<string, number>,
  kinds: readonly string[],
  minimum: number,
): string[] {
  return kinds
    .filter((kind) => (counts.get(kind) ?? 0) < minimum)
    .map((kind) => `${what} '${kind}' came ${counts.get(kind) ?? 0} times; at least ${minimum} are needed for a verdict`);
}
