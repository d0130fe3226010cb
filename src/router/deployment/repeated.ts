/** Work that is done again and again, by the clock, until it is stopped: never twice at a time, and no look after `stop`. */
import type { ClockPort } from "../../ports/clock.js";

export class Repeated {
  readonly #clock: ClockPort;
  readonly #everyMs: number;
  readonly #work: () => Promise<void>;
  #cancel: (() => void) | null = null;
  #isStopped = false;
  #underWay: Promise<void> = Promise.resolve();

  /** `work` begins every `everyMs`, or later where it took longer. It must not reject. */
  constructor(clock: ClockPort, everyMs: number, work: () => Promise<void>) {
    this.#clock = clock;
    this.#everyMs = everyMs;
    this.#work = work;
  }

  /** The first time comes after `everyMs`. Again: no effect. */
  start(): void {
    if (this.#cancel === null && !this.#isStopped) this.#wait(this.#everyMs);
  }

  /** Resolves when nothing is under way any more. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#cancel?.();
    await this.#underWay;
  }

  #wait(ms: number): void {
    this.#cancel = this.#clock.after(ms, () => {
      this.#underWay = this.#once();
    });
  }

  async #once(): Promise<void> {
    const startedMs = this.#clock.monotonicMs();
    await this.#work();
    if (!this.#isStopped) this.#wait(Math.max(0, this.#everyMs - (this.#clock.monotonicMs() - startedMs)));
  }
}
