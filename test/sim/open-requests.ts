/** The requests of the simulated router's clients that wait for an answer, and what each of them is about. */
import type { Answer } from "../../src/core/answer.js";
import type { EntityAddress } from "../../src/core/entity/address.js";
import type { Input } from "../../src/core/input.js";
import type { Reading } from "./client-memory.js";
import type { CommandRecord } from "./history.js";

/** Where requests go: made by the clock of whoever takes them; false: nobody listens. */
export type Submit = (make: (wallMs: number) => Input) => boolean;

export type Asking =
  | { readonly kind: "command"; readonly record: CommandRecord }
  | Reading
  | { readonly kind: "events"; readonly entity: EntityAddress; readonly after: number }
  | { readonly kind: "follow"; readonly entity: EntityAddress; next: number }
  | { readonly kind: "outcome"; readonly record: CommandRecord }
  | { readonly kind: "reused"; readonly record: CommandRecord }
  | { readonly kind: "other"; readonly what: string; readonly then: (answer: Answer) => void };

export class OpenRequests {
  readonly #submit: Submit;
  readonly #askingByRequest = new Map<number, Asking>();
  #last = 0;

  constructor(submit: Submit) {
    this.#submit = submit;
  }

  /** The number of a new request. */
  open(asking: Asking): number {
    this.#askingByRequest.set(++this.#last, asking);
    return this.#last;
  }

  /** Sends one that is open; false: nobody listens, and it is not open any more. */
  send(request: number, make: (wallMs: number) => Input, submit: Submit = this.#submit): boolean {
    const isTaken = submit(make);
    if (!isTaken) this.close(request);
    return isTaken;
  }

  of(request: number): Asking | undefined {
    return this.#askingByRequest.get(request);
  }

  /** False where it was not open. */
  close(request: number): boolean {
    return this.#askingByRequest.delete(request);
  }

  get all(): readonly (readonly [request: number, asking: Asking])[] {
    return [...this.#askingByRequest];
  }

  /** How many wait for an answer; followers do not count. */
  get waiting(): number {
    let count = 0;
    for (const asking of this.#askingByRequest.values()) if (asking.kind !== "follow") count++;
    return count;
  }

  get waitingFor(): string {
    const all = this.all.filter(([, asking]) => asking.kind !== "follow");
    return all.map(([request, asking]) => `${request} ${asking.kind === "other" ? asking.what : asking.kind}`).join(", ");
  }
}
