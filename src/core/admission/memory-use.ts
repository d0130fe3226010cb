/** Keeps the one memory budget up to date with what log, stores, gate and entities hold. */
import type { CacheBudget } from "../store/cache-budget.js";
import type { MemoryBudget } from "./memory-budget.js";

export class MemoryUse {
  readonly budget: MemoryBudget;
  /** Of entities with something going on, counted from time to time. */
  slotBytes = 0;
  readonly #heldBytes = { uncommitted: 0, cache: 0, responses: 0, state: 0 };

  constructor(budget: MemoryBudget) {
    this.budget = budget;
  }

  measure(uncommittedBytes: number, responseBytes: number, cache: CacheBudget): void {
    this.#hold("uncommitted", uncommittedBytes);
    // What no segment holds yet cannot be dropped: while the snapshot store is gone it grows until clients are refused.
    const dirtyBytes = cache.bytesOf("memtable") + cache.bytesOf("frozen");
    this.#hold("cache", cache.bytes - dirtyBytes);
    this.#hold("state", this.slotBytes + dirtyBytes);
    this.#hold("responses", responseBytes);
  }

  /** `bytes`: how many more wait in mailboxes; below zero: fewer. */
  holdMailboxes(bytes: number): void {
    if (bytes >= 0) this.budget.take("mailboxes", bytes);
    else this.budget.give("mailboxes", -bytes);
  }

  #hold(account: "uncommitted" | "cache" | "responses" | "state", bytes: number): void {
    const change = bytes - this.#heldBytes[account];
    if (change > 0) this.budget.take(account, change);
    else if (change < 0) this.budget.give(account, -change);
    this.#heldBytes[account] = bytes;
  }
}
