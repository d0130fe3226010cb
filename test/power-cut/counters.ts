/** What happened in a run, by kind: a run in which a kind of loss never came up has proven nothing about it. */
export class Counters {
  readonly #countByName = new Map<string, number>();

  add(name: string, count = 1): void {
    this.#countByName.set(name, this.get(name) + count);
  }

  get(name: string): number {
    return this.#countByName.get(name) ?? 0;
  }

  lines(): string[] {
    const names = [...this.#countByName.keys()].sort();
    return names.map((name) => `  ${name.padEnd(48)}${String(this.get(name)).padStart(10)}`);
  }
}

/** A promise of an adapter that did not hold. */
export class Violation extends Error {
  override readonly name = "Violation";
}

export function check(holds: boolean, claim: string): asserts holds {
  if (!holds) throw new Violation(claim);
}
