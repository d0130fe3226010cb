/** What the links tell the log, at a bounded rate: a peer that speaks garbage a thousand times a second must not fill it. */
import type { ClockPort } from "../ports/clock.js";
import { NOTICE_WINDOW_MS, NOTICES_MAX } from "./limits.js";

export interface PeerNotice {
  readonly level: "info" | "warn";
  /** A sentence for people. */
  readonly message: string;
  /** The node it is about, as far as known: an address, or where a connection came from. */
  readonly peer: string;
  /** How many notices before this one were left out. */
  readonly leftOut: number;
}

export class Notices {
  readonly #clock: ClockPort;
  readonly #tell: (notice: PeerNotice) => void;
  #windowBegan = Number.NEGATIVE_INFINITY;
  #told = 0;
  #leftOut = 0;

  constructor(clock: ClockPort, tell: (notice: PeerNotice) => void) {
    this.#clock = clock;
    this.#tell = tell;
  }

  tell(level: PeerNotice["level"], peer: string, message: string): void {
    const now = this.#clock.monotonicMs();
    if (now - this.#windowBegan >= NOTICE_WINDOW_MS) {
      this.#windowBegan = now;
      this.#told = 0;
    }
    if (this.#told === NOTICES_MAX) {
      this.#leftOut++;
      return;
    }
    this.#told++;
    this.#tell({ level, peer, message, leftOut: this.#leftOut });
    this.#leftOut = 0;
  }
}
