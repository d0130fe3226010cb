/**
 * Folding: events that a function has emitted without giving the state behind them are handed back to it, to be folded, when
 * somebody reads the state or runs a command. What it gives is kept in the store; no entry says it, since the events do.
 */
import type { EntityResult } from "../entity/invocation.js";
import { cellKey, encodeCell } from "../store/key-spaces/cell.js";
import type { MomentHeap } from "../time/moment-heap.js";
import type { ShardContext } from "./shard-context.js";
import type { EntitySlot } from "./slot.js";

export class Folding {
  readonly #context: ShardContext;
  readonly #backingOff: MomentHeap<EntitySlot>;

  constructor(context: ShardContext, backingOff: MomentHeap<EntitySlot>) {
    this.#context = context;
    this.#backingOff = backingOff;
  }

  /** Answers those who read the state, if it is folded. */
  answerReaders(slot: EntitySlot): void {
    if (slot.isFolded) for (const { request } of slot.takeReaders()) this.#context.answerState(slot, request);
  }

  /** An invocation that only folded events behind the state. */
  ended(slot: EntitySlot, result: EntityResult): void {
    const { foldEventsMax } = this.#context.host.limits;
    const last = slot.unfolded[Math.min(foldEventsMax, slot.unfolded.length) - 1];
    if (result.state === undefined || last === undefined) {
      this.failed(slot, "it answered without a state");
    } else {
      slot.foldFault = null;
      slot.foldFaults = 0;
      slot.unfolded = slot.unfolded.slice(foldEventsMax);
      slot.state = result.state === null ? null : result.state.slice();
      slot.stateVersion = slot.spec.stateVersion;
      slot.foldedVersion = last.version;
      if (slot.isFolded) this.cache(slot, slot.state);
    }
  }

  /** The function could not fold the events behind the state. Nobody's command is at fault: whoever reads waits, till its deadline. */
  failed(slot: EntitySlot, message: string): void {
    const { tickMs, limits } = this.#context.host;
    slot.foldFault = message;
    slot.retryAtMs = tickMs + Math.min(limits.retryMaxMs, limits.retryMinMs * 2 ** slot.foldFaults++);
    this.#backingOff.push(slot.retryAtMs, slot);
  }

  /** Keeps a folded state in the store: no entry, since it says nothing that the events do not say. */
  cache(slot: EntitySlot, state: Uint8Array | null): void {
    slot.state = state === null ? null : state.slice();
    slot.foldedVersion = slot.version;
    slot.stateVersion = slot.spec.stateVersion;
    slot.unfolded = [];
    slot.foldFault = null;
    slot.foldFaults = 0;
    const { version, stateVersion, expiresAtMs, foldedVersion } = slot;
    this.#context.state.store.put(
      cellKey(slot.prefix),
      encodeCell({ version, stateVersion, expiresAtMs, foldedVersion, state, isPartial: false }),
      0,
    );
  }

  /** Ends reads of the state whose deadline is over, saying what kept the function from folding it. */
  expireReaders(slot: EntitySlot): void {
    const { nowMs, dispatcher } = this.#context.host;
    const late = slot.readers.filter(({ deadlineMs }) => deadlineMs <= nowMs);
    if (late.length === 0) return;
    slot.readers = slot.readers.filter(({ deadlineMs }) => deadlineMs > nowMs);
    const outage = dispatcher.outageOf(slot.type, slot.isCanary);
    for (const { request } of late) {
      if (slot.status === "loading") this.#context.refuse(request, slot.position, "storage_slow", NOT_READ);
      else if (outage !== null)
        this.#context.refuse(request, slot.position, "function_unavailable", `${NOT_FOLDED}; what came back last: ${outage}`);
      else if (slot.foldFault !== null)
        this.#context.refuse(request, slot.position, "function_faulted", `${NOT_FOLDED}; what came back last: ${slot.foldFault}`);
      else this.#context.refuse(request, slot.position, "deadline_exceeded", NOT_FOLDED);
    }
  }

  /** More events to fold than one invocation takes: pages of them run first, without commands. */
  isFirst(slot: EntitySlot): boolean {
    return slot.unfolded.length > this.#context.host.limits.foldEventsMax;
  }
}

const NOT_FOLDED = "the function has not folded the events behind the entity's state until the deadline";
const NOT_READ = "the storage has not given the entity's state until the deadline";
