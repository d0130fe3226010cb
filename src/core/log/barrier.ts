/**
 * The barrier: proves, at a moment after a request arrived, that nobody has taken over meanwhile, without any clock (RULES.md
 * 5). A record of ours that was issued behind the arrival and became durable proves it; with nothing under way, so does a
 * consistent read that finds the next position absent.
 */
import type { DirectoryClient } from "../ownership/directory-client.js";
import type { LogWriter } from "./log-writer.js";

interface Waiting {
  /** Records issued up to here prove nothing for it. */
  readonly issued: number;
  readonly then: () => void;
}

export interface BarrierTools {
  readonly log: LogWriter;
  readonly client: DirectoryClient;
  /** The next position is taken: whoever did it has sealed our log. */
  sealed(position: number): void;
}

export class Barrier {
  readonly #tools: BarrierTools;
  #waiting: Waiting[] = [];
  #isProbing = false;

  constructor(tools: BarrierTools) {
    this.#tools = tools;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  pass(then: () => void): void {
    this.#waiting.push({ issued: this.#tools.log.issued, then });
  }

  /** Lets through what is proven; looks where nothing is under way that could prove it. Once a turn. */
  turn(): void {
    if (this.#waiting.length === 0) return;
    const { log } = this.#tools;
    this.#release(this.#waiting.filter(({ issued }) => issued < log.durable));
    if (this.#waiting.length === 0 || this.#isProbing || log.durable < log.last) return;
    this.#isProbing = true;
    // Who comes while the answer is on its way needs a look of its own: this one may have been taken before.
    const probed = [...this.#waiting];
    const position = log.durable + 1;
    this.#tools.client.readRecords(log.log, position, 1, 1, (bodies) => {
      this.#isProbing = false;
      // Behind the request for this position records of ours may have gone out meanwhile, and this be one of them.
      if (bodies.length > 0 && log.issued < position) return this.#tools.sealed(position);
      if (bodies.length === 0) this.#release(probed);
    });
  }

  #release(passed: readonly Waiting[]): void {
    if (passed.length === 0) return;
    const all = new Set(passed);
    this.#waiting = this.#waiting.filter((waiting) => !all.has(waiting));
    for (const { then } of passed) then();
  }
}
