/**
 * Which messages of one source shard have been consumed: all below `low`, and those in `above` (RULES.md 9b). `low` never
 * jumps over a number that has not been consumed, and marks never expire.
 */
export class Marks {
  #low: number;
  readonly #above: Set<number>;

  constructor(low = 1, above: readonly number[] = []) {
    this.#low = low;
    this.#above = new Set(above);
  }

  /** The lowest number that has not been consumed. */
  get low(): number {
    return this.#low;
  }

  get above(): readonly number[] {
    return [...this.#above];
  }

  has(number: number): boolean {
    return number < this.#low || this.#above.has(number);
  }

  consume(number: number): void {
    if (number !== this.#low) {
      if (number > this.#low) this.#above.add(number);
      return;
    }
    this.#low++;
    while (this.#above.delete(this.#low)) this.#low++;
  }
}
