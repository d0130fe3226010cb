/**
 * The outbox of one shard: messages born and not yet acknowledged, by target shard, in the order of their numbers.
 * A message stays until its acknowledgement is an entry, however often it was sent (RULES.md 9g).
 */
import type { Message } from "../entity/command.js";

export class Outbox {
  readonly #messagesByTarget = new Map<number, Map<number, Message>>();
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
    if (!messages.has(message.number)) this.#size++;
    messages.set(message.number, message);
  }

  remove(targetShard: number, number: number): void {
    if (this.#messagesByTarget.get(targetShard)?.delete(number) === true) this.#size--;
  }

  has(targetShard: number, number: number): boolean {
    return this.#messagesByTarget.get(targetShard)?.has(number) === true;
  }

  targets(): IterableIterator<number> {
    return this.#messagesByTarget.keys();
  }

  /** Messages to one target with a number of at least `from`, in order. Numbers are dense, so insertion order is theirs. */
  *from(targetShard: number, from: number): IterableIterator<Message> {
    for (const message of this.#messagesByTarget.get(targetShard)?.values() ?? []) if (message.number >= from) yield message;
  }

  /** The lowest unacknowledged number to a target; null when there is none. */
  lowest(targetShard: number): number | null {
    for (const number of this.#messagesByTarget.get(targetShard)?.keys() ?? []) return number;
    return null;
  }
}
