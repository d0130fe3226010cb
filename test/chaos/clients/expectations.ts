/** What must be there in the end, reckoned from definite answers alone. */
import type { Fields } from "../checkers/expected-equals-actual.js";

export type LineEnd = "bought" | "removed" | null;

export class Expectations {
  readonly #fieldsByEntity = new Map<string, Record<string, number | string>>();
  /** Postings of each ledger by their key, debits negative. */
  readonly postings = new Map<string, Map<string, number>>();
  /** Lines of each cart, and what they ended as where a client was told. */
  readonly lines = new Map<string, Map<string, LineEnd>>();
  /** Answers to a repeated key that were another one than the first. */
  readonly violations: string[] = [];

  /** Nothing of it may have changed, or it has by what follows. */
  touch(entity: string): Record<string, number | string> {
    let fields = this.#fieldsByEntity.get(entity);
    if (fields === undefined) this.#fieldsByEntity.set(entity, (fields = {}));
    return fields;
  }

  add(entity: string, field: string, by: number): void {
    const fields = this.touch(entity);
    fields[field] = Number(fields[field] ?? 0) + by;
  }

  set(entity: string, field: string, value: string): void {
    this.touch(entity)[field] = value;
  }

  posted(ledger: string, key: string, by: number): void {
    this.add(ledger, "balance", by);
    mapOf(this.postings, ledger).set(key, by);
  }

  line(cart: string, line: string, end: LineEnd): void {
    this.touch(cart);
    mapOf(this.lines, cart).set(line, end);
  }

  get entities(): readonly (readonly [entity: string, fields: Fields])[] {
    return [...this.#fieldsByEntity];
  }
}

function mapOf<Value>(maps: Map<string, Map<string, Value>>, key: string): Map<string, Value> {
  let map = maps.get(key);
  if (map === undefined) maps.set(key, (map = new Map()));
  return map;
}
