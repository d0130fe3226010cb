/** Connections whose streams are over: they may close by themselves for a moment, so that the reason arrives, and are cut then. */
import type { ClockPort } from "../ports/clock.js";
import { LINGER_MS } from "./limits.js";

export interface Lingerer {
  readonly isGone: boolean;
  destroy(): void;
  onClose(listener: () => void): void;
}

export class Lingering {
  readonly #clock: ClockPort;
  readonly #cutters = new Set<() => void>();
  #isClosed = false;

  constructor(clock: ClockPort) {
    this.#clock = clock;
  }

  add(connection: Lingerer): void {
    if (this.#isClosed || connection.isGone) return connection.destroy();
    const done = (): void => {
      cancel();
      this.#cutters.delete(cut);
    };
    const cut = (): void => {
      done();
      connection.destroy();
    };
    const cancel = this.#clock.after(LINGER_MS, cut);
    this.#cutters.add(cut);
    connection.onClose(done);
  }

  /** Cuts them, and whatever comes later at once. */
  close(): void {
    this.#isClosed = true;
    for (const cut of [...this.#cutters]) cut();
  }
}
