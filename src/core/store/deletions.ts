/**
 * Objects that the confirmed descriptor no longer names, deleted after a grace for reads that are still on their way.
 * A deletion that fails is tried again; what is left when the store ends is an orphan of its epoch (RULES.md 11).
 */
import { backOffMs, type StoreClock, type StoreEffect } from "./store-io.js";
import type { StoreOptions } from "./store-options.js";

interface Deletion {
  readonly object: string;
  atMs: number;
  failures: number;
  request: number | null;
}

export class Deletions {
  readonly #options: StoreOptions;
  readonly #clock: StoreClock;
  #deletions: Deletion[] = [];

  constructor(options: StoreOptions, clock: StoreClock) {
    this.#options = options;
    this.#clock = clock;
  }

  /** Objects still to be deleted. */
  get objects(): readonly string[] {
    return this.#deletions.map((deletion) => deletion.object);
  }

  get wakeAtMs(): number {
    return this.#deletions.reduce(
      (least, deletion) => (deletion.request === null ? Math.min(least, deletion.atMs) : least),
      Infinity,
    );
  }

  add(object: string): void {
    this.#deletions.push({ object, atMs: this.#clock.nowMs + this.#options.limits.deletionGraceMs, failures: 0, request: null });
  }

  start(effects: StoreEffect[]): void {
    for (const deletion of this.#deletions) {
      if (deletion.request !== null || deletion.atMs > this.#clock.nowMs) continue;
      deletion.request = this.#options.nextRequest();
      effects.push({ kind: "deleteObject", request: deletion.request, object: deletion.object });
    }
  }

  deleted(request: number, ok: boolean): void {
    const deletion = this.#deletions.find((each) => each.request === request);
    if (deletion === undefined) return;
    if (ok) {
      this.#deletions = this.#deletions.filter((each) => each !== deletion);
      return;
    }
    deletion.request = null;
    deletion.failures += 1;
    deletion.atMs = this.#clock.nowMs + backOffMs(deletion.failures);
  }
}
