/**
 * How many idempotency results a shard keeps, counted by the hour in which they expire, so that the count needs no look at
 * the store. An overwritten result counts twice until both hours are over: the count is never too low.
 *
 * A full store refuses new keyed commands; it never forgets one early, because a forgotten one would run twice.
 */
const HOUR_MS = 3_600_000;

export class ResultCount {
  readonly #countByHour = new Map<number, number>();
  #total = 0;

  add(expiresAtMs: number, count = 1): void {
    const hour = Math.ceil(expiresAtMs / HOUR_MS);
    this.#countByHour.set(hour, (this.#countByHour.get(hour) ?? 0) + count);
    this.#total += count;
  }

  /** Results that may still be kept at that moment. */
  at(nowMs: number): number {
    for (const [hour, count] of this.#countByHour) {
      if (hour * HOUR_MS > nowMs) continue;
      this.#countByHour.delete(hour);
      this.#total -= count;
    }
    return this.#total;
  }

  /** By the moment at which each hour ends. */
  get entries(): readonly (readonly [expiresAtMs: number, count: number])[] {
    return [...this.#countByHour].map(([hour, count]) => [hour * HOUR_MS, count] as const);
  }
}
