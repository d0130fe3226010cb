/**
 * The gate: outputs wait here until everything they saw is durable (RULES.md 5). An output's gate position is the highest
 * position of anything it saw, whether it has an entry of its own or not.
 */
import type { Effect } from "../effect.js";

export class Gate {
  readonly #heldByPosition = new Map<number, Effect[]>();
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

  /** Lets the output through at once when its position is durable, or keeps it until `release`. */
  pass(position: number, output: Effect, effects: Effect[]): void {
    if (position <= this.#durable) {
      effects.push(output);
      return;
    }
    this.#held++;
    this.#bytes += bytesOf(output);
    const held = this.#heldByPosition.get(position);
    if (held === undefined) this.#heldByPosition.set(position, [output]);
    else held.push(output);
  }

  /** Opens up to `durable`: outputs leave in the order of their positions, and of one position in the order they came. */
  release(durable: number, effects: Effect[]): void {
    for (let position = this.#durable + 1; position <= durable; position++) {
      const held = this.#heldByPosition.get(position);
      if (held === undefined) continue;
      this.#heldByPosition.delete(position);
      this.#held -= held.length;
      for (const output of held) {
        this.#bytes -= bytesOf(output);
        effects.push(output);
      }
    }
    if (durable > this.#durable) this.#durable = durable;
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
