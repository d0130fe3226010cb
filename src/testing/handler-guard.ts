/**
 * Stands between the router and a test's handlers: notes what ran, and makes the trouble that a test asks for: entities whose
 * handlers throw, and types whose function cannot be reached.
 */
import type { Definition, ErasedHandler } from "../sdk/definition.js";
import type { AnyRef, EntityAddress } from "../sdk/index.js";

/** A command or answer handler that ran, to its end or not. */
export interface HandlerRun {
  /** The name of the command, or of the answer handler. */
  readonly name: string;
  /** The command's input; of an answer handler what came of the command it asked for. */
  readonly input: unknown;
}

export class HandlerGuard {
  readonly #runsByAddress = new Map<string, HandlerRun[]>();
  readonly #leftByAddress = new Map<string, number>();
  readonly #unavailable = new Set<string>();

  fail(of: AnyRef, times: number): void {
    this.#leftByAddress.set(addressOf(of.$address), times);
  }

  setUnavailable(type: string, isUnavailable: boolean): void {
    if (isUnavailable) this.#unavailable.add(type);
    else this.#unavailable.delete(type);
  }

  isUnavailable(type: string): boolean {
    return this.#unavailable.has(type);
  }

  get hasUnavailable(): boolean {
    return this.#unavailable.size > 0;
  }

  runs(of: AnyRef): readonly HandlerRun[] {
    return this.#runsByAddress.get(addressOf(of.$address)) ?? [];
  }

  /** The same definition, whose command and answer handlers throw when it is planned. What follows a fault is skipped. */
  around(definition: Definition): Definition {
    const guarded = (handlers: ReadonlyMap<string, ErasedHandler>): ReadonlyMap<string, ErasedHandler> =>
      new Map(
        [...handlers].map(([name, handler]) => [
          name,
          (...args) => {
            const { id } = args[0] as { readonly id: string };
            this.#enter(addressOf({ type: definition.type, id }), { name, input: args[1] });
            return handler(...args);
          },
        ]),
      );
    return { ...definition, commands: guarded(definition.commands), onReply: guarded(definition.onReply) };
  }

  #enter(address: string, run: HandlerRun): void {
    const left = this.#leftByAddress.get(address) ?? 0;
    if (left > 0) {
      this.#leftByAddress.set(address, left - 1);
      throw new PlannedFault(`the test makes ${address} fail`);
    }
    const runs = this.#runsByAddress.get(address);
    if (runs === undefined) this.#runsByAddress.set(address, [run]);
    else runs.push(run);
  }
}

function addressOf(address: EntityAddress): string {
  return `${address.type}/${address.id}`;
}

/** What a handler throws because the test asked for it. */
export class PlannedFault extends Error {
  override readonly name = "PlannedFault";
}
