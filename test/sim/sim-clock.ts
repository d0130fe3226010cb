/**
 * The clocks of one machine. Both run at its own rate; the wall clock is set right again when it is too far off, as NTP does,
 * and jumps when the simulation says so.
 */
import type { Moment } from "../../src/core/time/moment.js";
import type { World } from "./world.js";

/** Further off than this, and it is set. */
const OFFSET_MAX_MS = 2_000;

export class SimClock {
  readonly rate: number;
  readonly #world: World;
  /** Since it was last set: when that was, and how far off it was then. */
  #setAtMs = 0;
  #setOffsetMs: number;

  constructor(world: World, rate: number, offsetMs: number) {
    this.#world = world;
    this.rate = rate;
    this.#setOffsetMs = offsetMs;
  }

  /** How far off the wall clock is. */
  get offsetMs(): number {
    return this.#setOffsetMs + (this.#world.nowMs - this.#setAtMs) * (this.rate - 1);
  }

  now(): Moment {
    const { nowMs } = this.#world;
    let { offsetMs } = this;
    if (this.rate !== 1 && Math.abs(offsetMs) > OFFSET_MAX_MS) {
      this.#setAtMs = nowMs;
      this.#setOffsetMs = 0;
      offsetMs = 0;
    }
    return { wallMs: this.#world.readWall(offsetMs), monotonicMs: nowMs * this.rate };
  }

  /** How long it takes, by the world's time, until so much has passed here. */
  worldMs(ms: number): number {
    return ms / this.rate;
  }

  jump(ms: number): void {
    this.#setOffsetMs += ms;
  }
}
