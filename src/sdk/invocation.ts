/** One invocation: entities side by side, the commands of each in order. */
import type { JsonEntityResult, JsonInvocation } from "../protocol/function/json-form.js";
import type { Definition } from "./definition.js";
import { type Fault, type InvocationScope, runEntity } from "./run-entity.js";

/** The entity types a function serves. */
export type Served = ReadonlyMap<string, Definition>;

export interface RunOptions {
  /** Hears of every fault; by default it is written to standard error. */
  readonly onFault?: (fault: Fault) => void;
}

/** Throws a TypeError where two definitions name the same type, or there is none. */
export function servedOf(definitions: readonly Definition[]): Served {
  const served = new Map(definitions.map((definition) => [definition.type, definition]));
  if (served.size === 0) throw new TypeError("give at least one definition");
  if (served.size < definitions.length) throw new TypeError("two definitions have the same entity type");
  return served;
}

/**
 * Runs every entity of the request; `onEntity` gets each result as soon as it is there. Resolves when all are, and never
 * rejects for what a handler did. `signal` ends the wait of handlers that listen to theirs.
 */
export async function runInvocation(
  served: Served,
  request: JsonInvocation,
  options: RunOptions & { readonly signal?: AbortSignal | undefined },
  onEntity: (result: JsonEntityResult) => void,
): Promise<void> {
  const deadline = new Deadline(request.deadlineMs, options.signal, options.onFault ?? logFault);
  try {
    await Promise.all(
      request.entities.map(async (entity) => onEntity(await runEntity(served.get(entity.type), entity, deadline))),
    );
  } finally {
    deadline.end();
  }
}

/** When an invocation is over. The timer and the signal are made only for handlers that ask for the signal. */
class Deadline implements InvocationScope {
  readonly #atMs: number;
  readonly #outer: AbortSignal | undefined;
  readonly onFault: (fault: Fault) => void;
  #controller: AbortController | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(deadlineMs: number, outer: AbortSignal | undefined, onFault: (fault: Fault) => void) {
    this.#atMs = performance.now() + deadlineMs;
    this.#outer = outer;
    this.onFault = onFault;
  }

  get isOver(): boolean {
    return this.#outer?.aborted === true || performance.now() >= this.#atMs;
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      const controller = new AbortController();
      this.#controller = controller;
      const leftMs = Math.max(0, this.#atMs - performance.now());
      this.#timer = setTimeout(
        () => controller.abort(new DOMException("the invocation's deadline passed", "TimeoutError")),
        leftMs,
      );
      if (this.#outer?.aborted === true) this.#onOuterAbort();
      else this.#outer?.addEventListener("abort", this.#onOuterAbort, { once: true });
    }
    return this.#controller.signal;
  }

  end(): void {
    clearTimeout(this.#timer);
    this.#outer?.removeEventListener("abort", this.#onOuterAbort);
  }

  readonly #onOuterAbort = (): void => this.#controller?.abort(this.#outer?.reason);
}

function logFault(fault: Fault): void {
  console.error(`${fault.type}/${fault.id} ${fault.command} (${fault.commandId}) failed:`, fault.error);
}
