/** Running estimates of times, in milliseconds. Both forget: what a function took an hour ago says little. */

const UNKNOWN = -1;

/** The usual time: a moving mean that one outlier cannot carry away, and that follows a lasting change within some dozen samples. */
export class UsualTime {
  readonly #weight: number;
  #ms = UNKNOWN;

  /** `weight` of a new sample: its inverse is about the number of samples that it remembers. */
  constructor(weight = 1 / 16) {
    this.#weight = weight;
  }

  /** 0 before the first sample. */
  get ms(): number {
    return Math.max(0, this.#ms);
  }

  get isKnown(): boolean {
    return this.#ms >= 0;
  }

  record(sampleMs: number): void {
    const ms = this.#ms;
    if (ms < 0) {
      this.#ms = sampleMs;
      return;
    }
    // The added millisecond lets it climb from 0, which a coarse clock yields.
    this.#ms = ms + (Math.min(sampleMs, ms * 4 + 1) - ms) * this.#weight;
  }
}

/**
 * What a command takes when nothing holds it up: falls fast, rises slowly. Where results are not streamed, one slow
 * command makes its whole batch slow; only its kind is slow every time, so only its kind stays high here.
 */
export class BestTime {
  #ms = UNKNOWN;

  get ms(): number {
    return Math.max(0, this.#ms);
  }

  get isKnown(): boolean {
    return this.#ms >= 0;
  }

  record(sampleMs: number): void {
    const ms = this.#ms;
    if (ms < 0) this.#ms = sampleMs;
    else this.#ms = ms + (sampleMs - ms) * (sampleMs < ms ? 0.2 : 0.02);
  }
}
