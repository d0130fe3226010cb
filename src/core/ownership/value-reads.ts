/**
 * Reads spilled values ahead of their use, some at once, and hands them out in the order in which they were asked for.
 * Bounded in number and in bytes: one value may be megabytes, and a batch of records may refer to thousands.
 */
import type { ValueReference } from "../log/spilled-value.js";
import type { DirectoryClient } from "./directory-client.js";

const AHEAD_MAX = 8;
const AHEAD_BYTES_MAX = 32 << 20;

/** `bytes` is null where no such object is. */
export interface ValueFound {
  readonly bytes: Uint8Array | null;
}

export class ValueReads {
  readonly #client: DirectoryClient;
  readonly #references: readonly ValueReference[];
  /** What has been read and not been taken, by place. */
  readonly #found = new Map<number, ValueFound>();
  #asked = 0;
  #taken = 0;
  #aheadBytes = 0;
  #waiting: (() => void) | null = null;

  constructor(client: DirectoryClient, references: readonly ValueReference[]) {
    this.#client = client;
    this.#references = references;
    this.#ask();
  }

  /** The next value; null if it is not there yet: then `resume` is called when it is. */
  take(resume: () => void): ValueFound | null {
    const found = this.#found.get(this.#taken);
    if (found === undefined) {
      this.#waiting = resume;
      return null;
    }
    this.#found.delete(this.#taken);
    this.#aheadBytes -= this.#references[this.#taken]?.length ?? 0;
    this.#taken++;
    this.#ask();
    return found;
  }

  #ask(): void {
    for (;;) {
      const next = this.#references[this.#asked];
      if (next === undefined || this.#asked - this.#taken >= AHEAD_MAX) return;
      if (this.#asked > this.#taken && this.#aheadBytes + next.length > AHEAD_BYTES_MAX) return;
      const place = this.#asked++;
      this.#aheadBytes += next.length;
      this.#client.readValue(next.object, next.length, (bytes) => this.#arrived(place, { bytes }));
    }
  }

  #arrived(place: number, found: ValueFound): void {
    this.#found.set(place, found);
    if (place !== this.#taken) return;
    const resume = this.#waiting;
    this.#waiting = null;
    resume?.();
  }
}
