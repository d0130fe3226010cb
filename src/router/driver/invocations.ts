/** Starts invocations and hands what comes of them to the core. */
import type { InvocationRequest } from "../../core/entity/invocation.js";
import type { Input } from "../../core/input.js";
import type { InvokerPort, TraceContext } from "../../ports/invoker.js";

export type InvokerOf = (deployment: string) => InvokerPort | null;

export class Invocations {
  readonly #invokerOf: InvokerOf;
  readonly #submit: (input: Input) => void;
  readonly #stopped = new AbortController();

  constructor(invokerOf: InvokerOf, submit: (input: Input) => void) {
    this.#invokerOf = invokerOf;
    this.#submit = submit;
  }

  start(attempt: number, deployment: string, request: InvocationRequest, trace: TraceContext | null): void {
    const invoker = this.#invokerOf(deployment);
    if (invoker === null) {
      const message = `deployment ${deployment} is not registered any more`;
      this.#submit({ kind: "invocationEnded", attempt, end: { kind: "unavailable", message, retryAfterMs: null } });
      return;
    }
    void invoker
      .invoke(request, trace, this.#stopped.signal, (result) => this.#submit({ kind: "entityFinished", attempt, result }))
      .then((end) => this.#submit({ kind: "invocationEnded", attempt, end }));
  }

  /** Nobody waits for any of them any more. */
  stop(): void {
    this.#stopped.abort();
  }
}
