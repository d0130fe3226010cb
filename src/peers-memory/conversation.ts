/** One conversation of two nodes in memory: frames under way in both directions, and one end for both. */
import type { ClockPort } from "../ports/clock.js";

/** A node as a conversation sees it. */
export interface ConversationEnd {
  readonly address: string;
  received(from: string, frame: Uint8Array): void;
  lost(address: string): void;
}

interface Direction {
  readonly to: string;
  /** In the order sent; each is delivered by a timer of its own, the oldest first. */
  readonly frames: Uint8Array[];
  bytes: number;
}

export class Conversation<End extends ConversationEnd> {
  /** Resolves when both ends have been told. */
  readonly ended: Promise<void>;
  readonly #clock: ClockPort;
  readonly #addresses: readonly [string, string];
  /** Those that took part: they are told of the end. */
  readonly #ends = new Set<End>();
  readonly #directionByFrom = new Map<string, Direction>();
  readonly #onEnd: () => void;
  #resolveEnded: () => void = () => undefined;
  /** Nothing arrives any more; the ends do not know it yet. */
  #isBroken = false;
  #isOver = false;
  /** Who ends it when its own frames have arrived. */
  readonly #leaving = new Set<string>();

  constructor(clock: ClockPort, addresses: readonly [string, string], onEnd: () => void) {
    this.#clock = clock;
    this.#addresses = addresses;
    this.#onEnd = onEnd;
    this.ended = new Promise((resolve) => {
      this.#resolveEnded = resolve;
    });
  }

  join(end: End): void {
    this.#ends.add(end);
  }

  send(from: string, to: string, frame: Uint8Array, delayMs: number, queueBytesMax: number): void {
    if (this.#isBroken || this.#leaving.has(from)) return;
    const direction = this.#direction(from, to);
    direction.bytes += frame.length;
    if (direction.bytes > queueBytesMax) return this.endAfter(0);
    direction.frames.push(frame);
    this.#clock.after(delayMs, () => this.#deliver(from, direction));
  }

  /** From now on nothing arrives; both ends hear of it after this time. */
  endAfter(ms: number): void {
    this.#isBroken = true;
    this.#clock.after(ms, () => this.#end());
  }

  endBehindWhatIsQueued(from: string): void {
    this.#leaving.add(from);
    if ((this.#directionByFrom.get(from)?.frames.length ?? 0) === 0) this.endAfter(0);
  }

  #direction(from: string, to: string): Direction {
    let direction = this.#directionByFrom.get(from);
    if (direction === undefined) this.#directionByFrom.set(from, (direction = { to, frames: [], bytes: 0 }));
    return direction;
  }

  #deliver(from: string, direction: Direction): void {
    const frame = direction.frames.shift();
    if (this.#isBroken || frame === undefined) return;
    direction.bytes -= frame.length;
    for (const end of this.#ends) if (end.address === direction.to) end.received(from, frame);
    if (this.#leaving.has(from) && direction.frames.length === 0) this.endAfter(0);
  }

  #end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#onEnd();
    const [one, other] = this.#addresses;
    for (const end of this.#ends) end.lost(end.address === one ? other : one);
    this.#resolveEnded();
  }
}
