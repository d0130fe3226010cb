/**
 * The world of one simulation: its time, its chance and its record. Nothing in a simulation happens but events of this
 * queue, so a seed decides everything.
 */
import { EventQueue } from "./event-queue.js";
import { Random } from "./random.js";

const WALL_START_MS = 1_790_000_000_000;
const TAIL_LENGTH = 60;

export class World {
  readonly seed: number;
  readonly random: Random;
  readonly counts = new Map<string, number>();
  readonly #queue = new EventQueue();
  readonly #isTracing: boolean;
  /** The last lines of the trace, in a ring. */
  readonly #tail: { readonly atMs: number; readonly what: string }[] = [];
  #traced = 0;
  #nowMs = 0;
  #offsetMinMs = 0;
  #offsetMaxMs = 0;
  #wallMaxMs = 0;
  #traceHash = 0x811c9dc5;
  #streams = 0;

  constructor(seed: number, isTracing = false) {
    this.seed = seed;
    this.random = new Random(seed);
    this.#isTracing = isTracing;
  }

  /** Monotonic simulated time. */
  get nowMs(): number {
    return this.#nowMs;
  }

  /** What a wall clock shows that is so much off: whole milliseconds. */
  readWall(offsetMs: number): number {
    this.#offsetMinMs = Math.min(this.#offsetMinMs, offsetMs);
    this.#offsetMaxMs = Math.max(this.#offsetMaxMs, offsetMs);
    const wallMs = Math.floor(WALL_START_MS + this.#nowMs + offsetMs);
    if (wallMs > this.#wallMaxMs) this.#wallMaxMs = wallMs;
    return wallMs;
  }

  /** The latest wall time that anybody has read. */
  get wallMaxMs(): number {
    return this.#wallMaxMs;
  }

  /** How much earlier or later one reading of a clock was than another of the same moment, at most. */
  get clockSpreadMs(): number {
    return this.#offsetMaxMs - this.#offsetMinMs;
  }

  /** A stream of chance of its own. */
  fork(): Random {
    return new Random(this.seed, ++this.#streams);
  }

  after(ms: number, run: () => void): void {
    this.#queue.push(this.#nowMs + ms, run);
  }

  /** Lets events happen until `untilMs`, or until `isDone`. */
  run(untilMs: number, isDone: () => boolean = () => false): void {
    while (this.#queue.nextMs <= untilMs && !isDone()) {
      const event = this.#queue.pop();
      if (event === undefined) return;
      this.#nowMs = event.atMs;
      event.run();
    }
    if (!isDone() && untilMs !== Infinity) this.#nowMs = untilMs;
  }

  count(name: string, by = 1): void {
    this.counts.set(name, (this.counts.get(name) ?? 0) + by);
  }

  countOf(name: string): number {
    return this.counts.get(name) ?? 0;
  }

  /** Adds to the trace: hashed always, so that two runs can be compared; kept at the end, to be printed. */
  trace(what: string): void {
    let hash = this.#traceHash;
    for (let at = 0; at < what.length; at++) hash = Math.imul(hash ^ what.charCodeAt(at), 0x01000193);
    this.#traceHash = Math.imul(hash ^ Math.floor(this.#nowMs * 1000), 0x01000193);
    if (this.#isTracing) process.stdout.write(`${lineOf(this.#nowMs, what)}\n`);
    this.#tail[this.#traced % TAIL_LENGTH] = { atMs: this.#nowMs, what };
    this.#traced++;
  }

  get traceHash(): number {
    return this.#traceHash >>> 0;
  }

  get traceTail(): readonly string[] {
    const first = this.#traced % TAIL_LENGTH;
    return [...this.#tail.slice(first), ...this.#tail.slice(0, first)].map(({ atMs, what }) => lineOf(atMs, what));
  }
}

function lineOf(atMs: number, what: string): string {
  return `${atMs.toFixed(3).padStart(12)} ${what}`;
}
