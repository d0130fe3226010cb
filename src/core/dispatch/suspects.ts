/**
 * Entities of invocations that broke, so that nobody knows which of them was at fault. Each remembers how many may run
 * together next: half of those that failed together. So the guilty one runs alone after log2 failures, and everybody
 * else is cleared by the first success.
 */
interface Suspect {
  entitiesMax: number;
  /** Commands of the broken invocation that have not yet succeeded: any of them may be the guilty one. */
  commandsLeft: number;
}

export class Suspects {
  readonly #suspectByKey = new Map<string, Suspect>();
  readonly #max: number;

  constructor(max: number) {
    this.#max = max;
  }

  get size(): number {
    return this.#suspectByKey.size;
  }

  has(key: string): boolean {
    return this.#suspectByKey.size > 0 && this.#suspectByKey.has(key);
  }

  /** With how many entities, itself included, a suspect may share an invocation; 1 for one that was forgotten meanwhile. */
  entitiesMax(key: string): number {
    return this.#suspectByKey.get(key)?.entitiesMax ?? 1;
  }

  /** It was one of so many entities without a result, with so many commands, in an invocation that broke. */
  failed(key: string, entityCount: number, commandCount: number): void {
    const entitiesMax = Math.ceil(entityCount / 2);
    const known = this.#suspectByKey.get(key);
    if (known !== undefined) {
      known.entitiesMax = entitiesMax;
      known.commandsLeft = Math.max(known.commandsLeft, commandCount);
      return;
    }
    if (this.#suspectByKey.size >= this.#max) {
      for (const oldest of this.#suspectByKey.keys()) {
        this.#suspectByKey.delete(oldest);
        break;
      }
    }
    this.#suspectByKey.set(key, { entitiesMax, commandsLeft: commandCount });
  }

  /** So many of its commands got their results. */
  succeeded(key: string, commandCount: number): void {
    if (this.#suspectByKey.size === 0) return;
    const suspect = this.#suspectByKey.get(key);
    if (suspect === undefined) return;
    suspect.commandsLeft -= commandCount;
    if (suspect.commandsLeft <= 0) this.#suspectByKey.delete(key);
  }
}
