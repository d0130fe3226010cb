/** What a journal may hold after everything that was asked of it. One body a position; what was shown once stays. */
import { check } from "./counters.js";

interface Attempt {
  readonly body: Uint8Array;
  /** `never`: refused, or found absent by a process that started later. */
  state: "open" | "happened" | "never";
  /** When it was issued, among all attempts of the log. */
  readonly order: number;
  /** By the how-manieth process. */
  readonly life: number;
}

export class LogModel {
  readonly name: string;
  readonly attemptsByPosition = new Map<number, Attempt[]>();
  #order = 0;
  #life = 0;
  /** Records below may be gone. */
  base = 1;

  constructor(name: string) {
    this.name = name;
  }

  /** Another process begins. */
  startLife(): void {
    this.#life++;
  }

  issue(position: number, body: Uint8Array): Attempt {
    const attempt: Attempt = { body, state: "open", order: ++this.#order, life: this.#life };
    const attempts = this.attemptsByPosition.get(position);
    if (attempts === undefined) this.attemptsByPosition.set(position, [attempt]);
    else attempts.push(attempt);
    return attempt;
  }

  happened(position: number, attempt: Attempt): void {
    check(attempt.state !== "never", `${this.#at(position)}: an append that was refused happened`);
    attempt.state = "happened";
    const happened = (this.attemptsByPosition.get(position) ?? []).filter(({ state }) => state === "happened");
    check(happened.length === 1, `${this.#at(position)}: ${happened.length} bodies happened`);
    this.#checkNoHole(position, attempt);
  }

  refused(position: number, attempt: Attempt): void {
    check(attempt.state !== "happened", `${this.#at(position)}: an append that happened was refused`);
    attempt.state = "never";
  }

  /** Somebody was shown this body: it must be one that was given, and it must stay. */
  shown(position: number, body: Uint8Array): void {
    const attempt = (this.attemptsByPosition.get(position) ?? []).find(
      (candidate) => candidate.state !== "never" && Buffer.compare(candidate.body, body) === 0,
    );
    check(attempt !== undefined, `${this.#at(position)}: ${body.length} bytes that nobody can have appended`);
    if (attempt.state === "open") this.happened(position, attempt);
  }

  /** A process that has just started found nothing there. `false` says the position may have been trimmed. */
  absentAfterStart(position: number): void {
    for (const attempt of this.attemptsByPosition.get(position) ?? []) {
      if (position >= this.base) check(attempt.state !== "happened", `${this.#at(position)}: a record that happened is gone`);
      if (attempt.state === "open") attempt.state = "never";
    }
  }

  /** One writer gives positions in order: below what happened, whatever was issued before has its answer. */
  #checkNoHole(position: number, { order, life }: Attempt): void {
    for (let below = position - 1; below >= Math.max(this.base, position - 8); below--) {
      // The first attempt there is the writer's own; later ones wait for its answer, perhaps for long.
      const first = this.attemptsByPosition.get(below)?.find((attempt) => attempt.life === life);
      const isOpen = first !== undefined && first.state === "open" && first.order < order;
      check(!isOpen, `${this.#at(position)} happened, ${below}, issued before it, is open`);
    }
  }

  #at(position: number): string {
    return `log ${this.name}, position ${position}`;
  }
}
