/** Requests that wait for the outcome of a command that was accepted before, by entity and command id. */
import { parseAddress } from "../entity/address.js";
import type { Outcome } from "../entity/command.js";
import type { Asked } from "../request.js";
import type { ShardContext } from "./shard-context.js";

export class OutcomeWaiters {
  readonly #context: ShardContext;
  readonly #requestsByCommand = new Map<string, { readonly request: number; readonly untilMs: number }[]>();

  constructor(context: ShardContext) {
    this.#context = context;
  }

  get isEmpty(): boolean {
    return this.#requestsByCommand.size === 0;
  }

  /** Waits until `untilMs` (wall time) for an outcome that is not there yet. */
  wait(entityKey: string, commandId: string, request: number, untilMs: number): void {
    const key = `${entityKey}\u0000${commandId}`;
    const waiting = this.#requestsByCommand.get(key);
    if (waiting === undefined) this.#requestsByCommand.set(key, [{ request, untilMs }]);
    else waiting.push({ request, untilMs });
  }

  resolve(entityKey: string, commandId: string, version: number, outcome: Outcome, position: number): void {
    if (this.#requestsByCommand.size === 0) return;
    const key = `${entityKey}\u0000${commandId}`;
    for (const { request } of this.#requestsByCommand.get(key) ?? []) {
      this.#context.answer(request, position, { kind: "outcome", commandId, version, outcome, isDuplicate: true });
    }
    this.#requestsByCommand.delete(key);
  }

  /** Tells those whose time is over that the command is still pending. */
  expire(nowMs: number): void {
    for (const [key, waiting] of this.#requestsByCommand) {
      const commandId = key.slice(key.indexOf("\u0000") + 1);
      const left = waiting.filter(({ request, untilMs }) => {
        if (untilMs > nowMs) return true;
        this.#context.answer(request, this.#context.host.log.last, { kind: "pending", commandId, status: "accepted" });
        return false;
      });
      if (left.length === 0) this.#requestsByCommand.delete(key);
      else if (left.length < waiting.length) this.#requestsByCommand.set(key, left);
    }
  }

  /** The shard serves nobody any more. */
  abandon(message: string): void {
    for (const waiting of this.#requestsByCommand.values()) {
      for (const { request } of waiting) this.#context.refuse(request, 0, "shard_refused", message);
    }
    this.#requestsByCommand.clear();
  }

  /** The shard is another node's: what its clients asked for. */
  release(): Asked[] {
    const asked: Asked[] = [];
    for (const [key, waiting] of this.#requestsByCommand) {
      const at = key.indexOf("\u0000");
      const of = parseAddress(key.slice(0, at));
      const commandId = key.slice(at + 1);
      if (of === null) throw new Error(`'${key.slice(0, at)}' is no address`);
      for (const { request, untilMs } of waiting) asked.push({ kind: "outcomeAsked", request, of, commandId, untilMs });
    }
    this.#requestsByCommand.clear();
    return asked;
  }

  forget(request: number): void {
    for (const [key, waiting] of this.#requestsByCommand) {
      const left = waiting.filter((waiter) => waiter.request !== request);
      if (left.length === 0) this.#requestsByCommand.delete(key);
      else if (left.length < waiting.length) this.#requestsByCommand.set(key, left);
    }
  }
}
