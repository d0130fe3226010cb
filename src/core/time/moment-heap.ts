/** A binary heap of items by moment: what to look at next, without a timer for each. */
export class MomentHeap<Item> {
  readonly #moments: number[] = [];
  readonly #items: Item[] = [];

  get size(): number {
    return this.#items.length;
  }

  /** The earliest moment; null when empty. */
  get first(): number | null {
    return this.#moments[0] ?? null;
  }

  push(momentMs: number, item: Item): void {
    let at = this.#items.length;
    this.#moments.push(momentMs);
    this.#items.push(item);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if ((this.#moments[parent] as number) <= momentMs) break;
      this.#swap(at, parent);
      at = parent;
    }
  }

  /** Takes the earliest item if its moment has come; undefined otherwise. */
  popDue(nowMs: number): Item | undefined {
    const first = this.#moments[0];
    if (first === undefined || first > nowMs) return undefined;
    const item = this.#items[0];
    const lastMoment = this.#moments.pop() as number;
    const lastItem = this.#items.pop() as Item;
    if (this.#items.length > 0) {
      this.#moments[0] = lastMoment;
      this.#items[0] = lastItem;
      this.#sink();
    }
    return item;
  }

  #sink(): void {
    for (let at = 0; ; ) {
      const left = at * 2 + 1;
      if (left >= this.#moments.length) return;
      const right = left + 1;
      const child =
        right < this.#moments.length && (this.#moments[right] as number) < (this.#moments[left] as number) ? right : left;
      if ((this.#moments[at] as number) <= (this.#moments[child] as number)) return;
      this.#swap(at, child);
      at = child;
    }
  }

  #swap(left: number, right: number): void {
    const moment = this.#moments[left] as number;
    this.#moments[left] = this.#moments[right] as number;
    this.#moments[right] = moment;
    const item = this.#items[left] as Item;
    this.#items[left] = this.#items[right] as Item;
    this.#items[right] = item;
  }
}
