/** What is under way behind the ports of a test's router, so that a test can wait for it instead of sleeping. */

/** So many turns of the event loop without a sign of life are rest: the driver itself takes one between two steps of its work. */
const TURNS_OF_REST = 3;

export class Activity {
  #underWay = 0;
  /** Counts signs of life. */
  #signs = 0;
  #signsAtRest = -1;

  /** True since the last `rest`: nothing has happened, and nothing was begun. */
  get isAtRest(): boolean {
    return this.#signsAtRest === this.#signs;
  }

  stir(): void {
    this.#signs++;
  }

  async rest(): Promise<void> {
    for (let turns = 0; turns < TURNS_OF_REST; turns++) {
      const before = this.#signs;
      await new Promise<void>((resolve) => setImmediate(resolve));
      if (this.#underWay > 0 || this.#signs !== before) turns = -1;
    }
    this.#signsAtRest = this.#signs;
  }

  watch<T>(begun: Promise<T>): Promise<T> {
    this.#underWay++;
    this.stir();
    return begun.finally(() => {
      this.#underWay--;
      this.stir();
    });
  }
}

/** The same port; every promise it gives counts as under way until it is settled. */
export function watched<Port extends object>(port: Port, activity: Activity): Port {
  return new Proxy(port, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name, target);
      if (typeof member !== "function") return member;
      return (...args: readonly unknown[]): unknown => {
        const result: unknown = Reflect.apply(member, target, args);
        return result instanceof Promise ? activity.watch(result) : result;
      };
    },
  });
}
