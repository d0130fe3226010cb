/** Invocations under way: builds each from what the dispatcher has planned, and hands its results to the shards. */
import type { CommandCounts, CommandTally } from "./deployment/command-tally.js";
import type { Dispatcher } from "./dispatch/dispatcher.js";
import type { Effect } from "./effect.js";
import type { EntityResult, InvocationEnd, InvocationEntity } from "./entity/invocation.js";
import type { EntitySlot } from "./shard/slot.js";

interface Attempt {
  readonly deployment: string;
  readonly counts: CommandCounts;
  readonly slots: (EntitySlot | null)[];
}

export class Invoking {
  readonly #dispatcher: Dispatcher;
  readonly #effects: Effect[];
  readonly #tally: CommandTally;
  readonly #attemptByNumber = new Map<number, Attempt>();

  constructor(dispatcher: Dispatcher, effects: Effect[], tally: CommandTally) {
    this.#dispatcher = dispatcher;
    this.#effects = effects;
    this.#tally = tally;
  }

  get open(): number {
    return this.#attemptByNumber.size;
  }

  /** Starts what the dispatcher says may start. Once a turn, behind all offers. */
  plan(tickMs: number): void {
    for (const { attempt, deployment, timeoutMs, members } of this.#dispatcher.plan(tickMs)) {
      const counts = this.#tally.of(deployment);
      const entities: InvocationEntity[] = [];
      const slots: EntitySlot[] = [];
      for (const { runnable, commandsMax } of members) {
        const slot = runnable as EntitySlot;
        const entity = slot.shard.take(slot, commandsMax, entities.length, attempt);
        if (entity === null) this.#dispatcher.leftOut(attempt, runnable);
        else {
          entities.push(entity);
          slots.push(slot);
          slot.counts = counts;
        }
      }
      if (entities.length === 0) {
        this.#dispatcher.ended(attempt, { kind: "complete" }, tickMs);
        continue;
      }
      this.#attemptByNumber.set(attempt, { deployment, counts, slots });
      const request = { invocation: String(attempt), deadlineMs: timeoutMs, entities };
      this.#effects.push({ kind: "invoke", attempt, deployment, timeoutMs, request });
    }
  }

  /** A result for one entity. Those of attempts that are over, and doubled ones, find nobody. */
  entityFinished(attempt: number, result: EntityResult, tickMs: number): void {
    const open = this.#attemptByNumber.get(attempt);
    const slot = open?.slots[result.n];
    if (open === undefined || slot === undefined || slot === null) return;
    open.slots[result.n] = null;
    open.counts.answers++;
    this.#dispatcher.finished(attempt, slot, tickMs);
    slot.shard.finished(slot, open.deployment, result);
  }

  ended(attempt: number, end: InvocationEnd, tickMs: number): void {
    const open = this.#attemptByNumber.get(attempt);
    if (open === undefined) return;
    this.#attemptByNumber.delete(attempt);
    const verdicts = this.#dispatcher.ended(attempt, end, tickMs);
    // One for all members.
    if (verdicts[0]?.verdict.kind === "unavailable") open.counts.unavailable++;
    for (const { runnable, verdict } of verdicts) {
      const slot = runnable as EntitySlot;
      slot.shard.unfinished(slot, verdict);
    }
  }
}
