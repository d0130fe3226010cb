/**
 * Removes segments of shards that are split, once no descriptor names them any more. Both halves begin with them, and halves
 * of halves, so none of these may delete one because it alone is done with it. The first living node looks at all descriptors
 * behind the listing of the objects: nobody begins to name what nobody names, and ids and keys are in such an order that a
 * shard is listed before its halves. What two sweeps in a row found unnamed is deleted.
 */
import type { ShardDescriptor } from "./documents.js";
import { makerOf } from "./segment-name.js";

export interface LeftoverTools {
  isSplit(shard: number): boolean;
  /** One node does this for all. */
  isFirst(): boolean;
  /** Reads all descriptors anew. */
  list(then: (descriptors: readonly ShardDescriptor[]) => void): void;
  discard(object: string): void;
}

export class SplitLeftovers {
  readonly #tools: LeftoverTools;
  #unnamed: ReadonlySet<string> = new Set();

  constructor(tools: LeftoverTools) {
    this.#tools = tools;
  }

  /** All segments that there are. */
  listed(names: readonly string[]): void {
    const { isSplit, isFirst, list, discard } = this.#tools;
    const made = names.filter((name) => isSplit(makerOf(name)?.shard ?? -1));
    if (made.length === 0 || !isFirst()) {
      this.#unnamed = new Set();
      return;
    }
    list((descriptors) => {
      const named = new Set<string>();
      for (const { segments, previous } of descriptors) {
        for (const { object } of [...segments, ...(previous?.segments ?? [])]) named.add(object);
      }
      const unnamed = made.filter((name) => !named.has(name));
      for (const name of unnamed) if (this.#unnamed.has(name)) discard(name);
      this.#unnamed = new Set(unnamed);
    });
  }
}
