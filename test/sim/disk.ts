/**
 * How an operation on simulated storage goes: when it lands, when its caller hears of it, and whether both happen. What
 * is in flight when its caller crashes may be lost, or land, or land much later.
 */
import { type FaultMix, NO_FAULTS } from "./faults.js";
import type { Random } from "./random.js";
import type { World } from "./world.js";

/** Who asked: one incarnation. Nothing is reported to one that is dead. */
export interface Caller {
  readonly name: string;
  readonly isAlive: boolean;
  /** Nothing that it asks arrives. */
  readonly isCutOff: boolean;
}

/** `lost`: unknown, never lands. `landed`: unknown though it landed. `late`: unknown, and lands after its caller gave up. */
export type Fate = "ok" | "lost" | "landed" | "late";

const LATE_MS = 4_000;
/** In the middle of an outage operations take this many times longer. */
const SLOW_FACTOR = 60;

export class Disk {
  readonly world: World;
  readonly random: Random;
  readonly #mix: FaultMix;
  /** Healing: no new faults. */
  isHealed = false;
  isFull = false;
  isSlow = false;

  constructor(world: World, mix: FaultMix) {
    this.world = world;
    this.random = world.fork();
    this.#mix = mix;
  }

  get mix(): FaultMix {
    return this.isHealed ? NO_FAULTS : this.#mix;
  }

  fateOf(mix: { readonly lost: number; readonly landed: number; readonly late: number }, what: string): Fate {
    let fate: Fate = "ok";
    if (this.random.chance(mix.lost)) fate = "lost";
    else if (this.random.chance(mix.landed)) fate = "landed";
    else if (this.random.chance(mix.late)) fate = "late";
    if (fate !== "ok") this.world.count(`fault.${what}.${fate}`);
    return fate;
  }

  delayMs(): number {
    const { diskMs, diskSlow } = this.mix;
    let ms = diskMs * this.random.between(0.5, 2);
    if (this.random.chance(diskSlow)) ms *= 50;
    if (this.isSlow && !this.isHealed) ms *= SLOW_FACTOR;
    return ms;
  }

  /** Lands, or not, then reports, or not. `report` gets what landing gave; null where nothing is known. */
  write<Result>(caller: Caller, what: string, fate: Fate, land: () => Result, report: (result: Result | null) => void): void {
    const delayMs = this.delayMs();
    if (caller.isCutOff) return this.#report(caller, delayMs, () => report(null));
    if (fate === "lost" || fate === "late") {
      this.#report(caller, delayMs, () => report(null));
      if (fate === "late") this.world.after(delayMs + this.random.between(0, LATE_MS), () => void land());
      return;
    }
    this.world.after(delayMs, () => this.#land(caller, what, fate, land, report));
  }

  read<Result>(caller: Caller, look: () => Result, report: (result: Result) => void): void {
    this.world.after(this.delayMs(), () => {
      const result = look();
      this.#report(caller, this.delayMs() / 2, () => report(result));
    });
  }

  #land<Result>(caller: Caller, what: string, fate: Fate, land: () => Result, report: (result: Result | null) => void): void {
    if (!caller.isAlive) {
      if (this.random.chance(0.4)) {
        this.world.count(`fault.${what}.lostAtCrash`);
        return;
      }
      if (!this.isHealed && this.random.chance(0.5)) {
        this.world.count(`fault.${what}.lateAfterCrash`);
        this.world.after(this.random.between(0, LATE_MS), () => void land());
        return;
      }
      this.world.count(`fault.${what}.landedAfterCrash`);
    }
    const result = land();
    this.#report(caller, this.delayMs() / 2, () => report(fate === "landed" ? null : result));
  }

  #report(caller: Caller, ms: number, report: () => void): void {
    this.world.after(ms, () => {
      if (caller.isAlive) report();
    });
  }
}
