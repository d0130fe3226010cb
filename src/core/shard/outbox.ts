/**
 * The outbox of one shard: messages born and not yet acknowledged, by target shard, in the order of their numbers.
 * A message stays until its acknowledgement is an entry, however often it was sent (RULES.md 9g).
 */
import type { EntityAddress } from "../entity/address.js";
import type { Message } from "../entity/command.js";
import { OwnTimers } from "./own-timers.js";

export class Outbox {
  readonly #messagesByTarget = new Map<number, Map<number, Message>>();
  /** Those to the own shard that came from an entity's timers to itself. */
  readonly #ownTimers = new OwnTimers();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  add(message: Message): void {
    let messages = this.#messagesByTarget.get(message.targetShard);
    if (messages === undefined) {
      messages = new Map();
      this.#messagesByTarget.set(message.targetShard, messages);
    }
    if (messages.has(message.number)) return;
    this.#size++;
    messages.set(message.number, message);
    if (message.targetShard === message.sourceShard) {
      this.#ownTimers.add(message.number, message.to, message.command, message.timer);
    }
  }

  /** Brings what was added in any order into the order of the numbers. Once, behind the last message of a former owner. */
  sort(): void {
    for (const [target, messages] of this.#messagesByTarget) {
      const sorted = [...messages.values()].sort((left, right) => left.number - right.number);
      this.#messagesByTarget.set(target, new Map(sorted.map((message) => [message.number, message])));
    }
  }

  remove(targetShard: number, number: number): void {
    const messages = this.#messagesByTarget.get(targetShard);
    const message = messages?.get(number);
    if (messages === undefined || message === undefined) return;
    messages.delete(number);
    this.#size--;
    if (targetShard === message.sourceShard) this.#ownTimers.remove(number);
  }

  /** Numbers of what the entity's timer of that name has sent to the entity itself. */
  ownTimer(owner: EntityAddress, name: string): readonly number[] {
    return this.#ownTimers.numbersOf(owner, name);
  }

  has(targetShard: number, number: number): boolean {
    return this.#messagesByTarget.get(targetShard)?.has(number) === true;
  }

  targets(): IterableIterator<number> {
    return this.#messagesByTarget.keys();
  }

  /** Messages to one target with a number of at least `from`, in order: births are in it, and `sort` makes it so after opening. */
  *from(targetShard: number, from: number): IterableIterator<Message> {
    for (const message of this.#messagesByTarget.get(targetShard)?.values() ?? []) if (message.number >= from) yield message;
  }

  /** The lowest unacknowledged number to a target; null when there is none. */
  lowest(targetShard: number): number | null {
    for (const number of this.#messagesByTarget.get(targetShard)?.keys() ?? []) return number;
    return null;
  }
}
