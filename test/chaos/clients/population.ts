/** The entities of a run: how many of each type, and which one a client takes. A few of them are asked for by everybody. */
import type { Random } from "../../sim/random.js";

export type PopulatedType = "tally" | "asker" | "answerer" | "ledger" | "cart" | "stock" | "register";

/** Shares of all entities; notes belong to clients and come on top. Registers and stock are few, so that clients meet at them. */
const SHARES: Readonly<Record<PopulatedType, number>> = {
  tally: 0.67,
  ledger: 0.1,
  cart: 0.1,
  asker: 0.08,
  answerer: 0.045,
  stock: 0.004,
  register: 0.001,
};
const FEWEST = 4;
/** Of the picks, how many go to the first few of a type. */
const HOT = 0.15;
export const HOT_ENTITIES = 4;

export class Population {
  readonly #entities: number;

  constructor(entities: number) {
    this.#entities = entities;
  }

  count(type: PopulatedType): number {
    return Math.max(FEWEST, Math.round(this.#entities * SHARES[type]));
  }

  id(type: PopulatedType, random: Random): string {
    return `${type}-${random.below(random.chance(HOT) ? HOT_ENTITIES : this.count(type))}`;
  }

  ids(type: PopulatedType): readonly string[] {
    return Array.from({ length: this.count(type) }, (_, index) => `${type}-${index}`);
  }
}
