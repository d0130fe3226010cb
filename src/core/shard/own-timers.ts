/**
 * Commands that wait under a number (in the outbox to the own shard, or in the inbox) and came from an entity's timers to
 * itself: the entity can still take them back, by the timer's name (RULES.md 9h).
 */
import { addressText, type EntityAddress, isSameAddress } from "../entity/address.js";
import type { Command } from "../entity/command.js";

export class OwnTimers {
  readonly #keyByNumber = new Map<number, string>();
  readonly #numbersByKey = new Map<string, number[]>();

  /** Twice is once: what replay has put is read again when outbox and inbox are resumed. */
  add(number: number, to: EntityAddress, command: Command, timer: string | null): void {
    if (timer === null || command.caller === null || !isSameAddress(command.caller, to)) return;
    if (this.#keyByNumber.has(number)) return;
    const key = keyOf(to, timer);
    this.#keyByNumber.set(number, key);
    const numbers = this.#numbersByKey.get(key);
    if (numbers === undefined) this.#numbersByKey.set(key, [number]);
    else numbers.push(number);
  }

  remove(number: number): void {
    const key = this.#keyByNumber.get(number);
    if (key === undefined) return;
    this.#keyByNumber.delete(number);
    const numbers = (this.#numbersByKey.get(key) ?? []).filter((one) => one !== number);
    if (numbers.length === 0) this.#numbersByKey.delete(key);
    else this.#numbersByKey.set(key, numbers);
  }

  numbersOf(owner: EntityAddress, timer: string): readonly number[] {
    return this.#numbersByKey.get(keyOf(owner, timer)) ?? [];
  }
}

function keyOf(owner: EntityAddress, timer: string): string {
  return `${addressText(owner)}\u0000${timer}`;
}
