/**
 * The gate: outputs wait here until everything they saw is durable (RULES.md 5). An output's gate position is the highest
 * position of anything it saw, whether it has an entry of its own or not.
 *
 * Durable is not enough for an output whose record went out before the output was made: it shows a state that somebody else
 * may have changed since. It also waits for the read lease. A record that goes out later needs none: that it becomes durable
 * proves that nobody had sealed the log (a barrier). So what has an entry of its own never waits for a lease.
 */
import type { Effect } from "../effect.js";

export class Gate {
  /** Outputs whose record goes out behind them: that it becomes durable is all they need. */
  readonly #provenByPosition = new Map<number, Effect[]>();
  /** Outputs whose record went out before them, and feeds: they need the lease as well. */
  readonly #unprovenByPosition = new Map<number, Effect[]>();
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
    // What another router is told are facts of the log: durable is all that they have to be.
    const isFact = output.kind === "peerSend";
    if (position <= this.#durable && (this.#isLeased || isFact)) {
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
    const isProven = isFact || (position > this.#issued && output.kind !== "feed");
    const heldByPosition = isProven ? this.#provenByPosition : this.#unprovenByPosition;
    const held = heldByPosition.get(position);
    if (held === undefined) heldByPosition.set(position, [output]);
    else held.push(output);
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
    return [...(this.#provenByPosition.get(position) ?? NOTHING), ...(this.#unprovenByPosition.get(position) ?? NOTHING)];
  }

  /** Opens up to `durable`: outputs leave in the order of their positions, and of one position and kind in the order they came. */
  release(durable: number, effects: Effect[]): void {
    for (let position = this.#durable + 1; position <= durable; position++) {
      for (const output of taken(this.#provenByPosition, position)) this.#leave(output, effects);
      for (const output of taken(this.#unprovenByPosition, position)) {
        if (this.#isLeased) this.#leave(output, effects);
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

const NOTHING: readonly Effect[] = [];

function taken(heldByPosition: Map<number, Effect[]>, position: number): readonly Effect[] {
  const held = heldByPosition.get(position);
  if (held === undefined) return NOTHING;
  heldByPosition.delete(position);
  return held;
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
