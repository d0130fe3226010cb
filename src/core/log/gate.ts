/**
 * The gate: outputs wait here until everything they saw is durable (RULES.md 5). An output's gate position is the highest
 * position of anything it saw, whether it has an entry of its own or not.
 *
 * Durable is not enough for an output whose record went out before the output was made: it shows a state that somebody else
 * may have changed since. It also waits for the read lease. A record that goes out later needs none: that it becomes durable
 * proves that nobody had sealed the log (a barrier). So what has an entry of its own never waits for a lease.
 */
import type { Effect } from "../effect.js";

interface Held {
  readonly output: Effect;
  readonly isBarrier: boolean;
}

export class Gate {
  readonly #heldByPosition = new Map<number, Held[]>();
  /** Durable, and without a lease. */
  #unleased: Effect[] = [];
  #isLeased = true;
  #issued = 0;
  #durable = 0;
  #held = 0;
  #bytes = 0;

  /** Outputs that wait. */
  get held(): number {
    return this.#held;
  }

  /** What the waiting outputs carry. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Lets the output through at once when its position is durable and the lease holds, or keeps it. */
  pass(position: number, output: Effect, effects: Effect[]): void {
    if (position <= this.#durable && this.#isLeased) {
      effects.push(output);
      return;
    }
    this.#held++;
    this.#bytes += bytesOf(output);
    if (position <= this.#durable) {
      this.#unleased.push(output);
      return;
    }
    // What a feed has shown must not be overtaken: all of it waits for the lease, in order.
    const isBarrier = position > this.#issued && output.kind !== "feed";
    const held = this.#heldByPosition.get(position);
    if (held === undefined) this.#heldByPosition.set(position, [{ output, isBarrier }]);
    else held.push({ output, isBarrier });
  }

  /** Whether the read lease holds, as of this step; one that does lets through what waited for it. */
  lease(isHeld: boolean, effects: Effect[]): void {
    this.#isLeased = isHeld;
    if (!isHeld || this.#unleased.length === 0) return;
    for (const output of this.#unleased) this.#leave(output, effects);
    this.#unleased = [];
  }

  /** Records up to here have gone out. */
  issued(position: number): void {
    this.#issued = position;
  }

  /** What waits for just this position. */
  heldAt(position: number): readonly Effect[] {
    return (this.#heldByPosition.get(position) ?? []).map(({ output }) => output);
  }

  /** Opens up to `durable`: outputs leave in the order of their positions, and of one position in the order they came. */
  release(durable: number, effects: Effect[]): void {
    for (let position = this.#durable + 1; position <= durable; position++) {
      const held = this.#heldByPosition.get(position);
      if (held === undefined) continue;
      this.#heldByPosition.delete(position);
      for (const { output, isBarrier } of held) {
        if (isBarrier || this.#isLeased) this.#leave(output, effects);
        else this.#unleased.push(output);
      }
    }
    if (durable > this.#durable) this.#durable = durable;
  }

  #leave(output: Effect, effects: Effect[]): void {
    this.#held--;
    this.#bytes -= bytesOf(output);
    effects.push(output);
  }
}

/** What an output weighs beside its payload. */
const OUTPUT_OVERHEAD_BYTES = 150;

function bytesOf(output: Effect): number {
  if (output.kind === "feed") return output.events.reduce((sum, event) => sum + event.data.length, OUTPUT_OVERHEAD_BYTES);
  if (output.kind !== "answer") return OUTPUT_OVERHEAD_BYTES;
  const { answer } = output;
  switch (answer.kind) {
    case "outcome":
      return OUTPUT_OVERHEAD_BYTES + (answer.outcome.kind === "replied" ? answer.outcome.reply.length : 0);
    case "state":
      return OUTPUT_OVERHEAD_BYTES + (answer.state?.length ?? 0);
    case "events":
      return answer.events.reduce((sum, event) => sum + event.data.length, OUTPUT_OVERHEAD_BYTES);
    default:
      return OUTPUT_OVERHEAD_BYTES;
  }
}
