/** Reads by clients and operators. Each is gated on what it saw, like every output (RULES.md 5). */

import { type EntityAddress, isSameAddress } from "../entity/address.js";
import type { EntityType } from "../entity/entity-type.js";
import type { DeadLetter } from "../log/entry.js";
import type { AdminAsked, ReadAsked } from "../request.js";
import { decodeDeadLetter } from "../store/key-spaces/dead-letter.js";
import { decodeEvent, eventKey } from "../store/key-spaces/event.js";
import { DEAD_LETTER_SPACE, entityKey, rangeEnd, TIMER_SPACE } from "../store/key-spaces/key-space.js";
import { decodeResult, resultKey } from "../store/key-spaces/result.js";
import { decodeTimer } from "../store/key-spaces/timer.js";
import type { Arrivals } from "./arrivals.js";
import type { Feeds } from "./feeds.js";
import type { OutcomeWaiters } from "./outcome-waiters.js";
import type { ShardContext } from "./shard-context.js";
import type { StoreReads } from "./store-reads.js";

const PAGE_BYTES = 4 << 20;

export class Reads {
  readonly #context: ShardContext;
  readonly #reads: StoreReads;
  readonly #arrivals: Arrivals;
  readonly #feeds: Feeds;
  readonly #waiters: OutcomeWaiters;

  constructor(context: ShardContext, reads: StoreReads, arrivals: Arrivals, feeds: Feeds, waiters: OutcomeWaiters) {
    this.#context = context;
    this.#reads = reads;
    this.#arrivals = arrivals;
    this.#feeds = feeds;
    this.#waiters = waiters;
  }

  state(input: ReadAsked & { readonly kind: "stateAsked" }, spec: EntityType): void {
    const { request, of, deadlineMs } = input;
    const slot = this.#arrivals.open(of, spec);
    if (slot.status !== "loading" && slot.isFolded) this.#context.answerState(slot, request);
    else slot.readers = [...slot.readers, { request, deadlineMs }];
    this.#arrivals.goOn(slot);
  }

  events(input: ReadAsked & { readonly kind: "eventsAsked" }, spec: EntityType): void {
    const slot = this.#arrivals.open(input.of, spec);
    const whenOpen = (): void => {
      if (input.follow) return this.#feeds.follow(input.request, slot, input.after);
      const range = {
        from: eventKey(slot.prefix, input.after + 1),
        to: eventKey(slot.prefix, slot.version + 1),
        limit: input.limit,
        bytesMax: PAGE_BYTES,
      };
      this.#reads.scan(range, (items, next) => {
        const events = items.map(({ key, value }) => decodeEvent(key, value));
        const last = events.at(-1)?.version ?? input.after;
        this.#context.answer(input.request, this.#context.host.log.last, {
          kind: "events",
          version: slot.version,
          events,
          next: next === null ? null : last,
        });
        this.#context.retire(slot);
      });
    };
    if (slot.status === "loading") slot.whenOpen(whenOpen);
    else whenOpen();
  }

  outcome(input: ReadAsked & { readonly kind: "outcomeAsked" }): void {
    const { request, of, commandId, untilMs } = input;
    const slot = this.#context.slotOf(of);
    const { host } = this.#context;
    const running = slot?.find(commandId);
    if (running !== undefined && slot !== undefined) {
      if (untilMs > host.nowMs) return this.#waiters.wait(slot.key, commandId, request, untilMs);
      return this.#context.answer(request, host.log.last, { kind: "pending", commandId, status: "running" });
    }
    const prefix = this.#context.state.prefixOf(of);
    this.#reads.get(resultKey(prefix, commandId), (value) => {
      const result = value === null ? null : decodeResult(value);
      if (result === null) {
        const message = "no command of this id is known here: it never came, or its result has expired";
        return this.#context.refuse(request, host.log.last, "command_not_found", message);
      }
      const { outcome, version } = result;
      if (outcome !== null) {
        return this.#context.answer(request, host.log.last, { kind: "outcome", commandId, version, outcome, isDuplicate: true });
      }
      if (untilMs > host.nowMs) return this.#waiters.wait(`${of.type}/${of.id}`, commandId, request, untilMs);
      const isDelayed = this.#context.state.timers.dueAtMs(of, `$${commandId}`) !== undefined;
      this.#context.answer(request, host.log.last, { kind: "pending", commandId, status: isDelayed ? "scheduled" : "accepted" });
    });
  }

  timers(input: AdminAsked & { readonly kind: "timersAsked" }): void {
    const from = entityKey(TIMER_SPACE, this.#context.state.prefixOf(input.of));
    const range = { from, to: rangeEnd(from), limit: input.limit, bytesMax: PAGE_BYTES };
    this.#reads.list(
      range,
      ({ value }) => decodeTimer(value),
      (timers) => this.#context.answer(input.request, this.#context.host.log.last, { kind: "timers", timers }),
    );
  }

  /** Of one entity, or of the whole shard: those that stop an entity first. */
  deadLetters(of: EntityAddress | null, limit: number, then: (found: readonly FoundDeadLetter[]) => void): void {
    const from =
      of === null ? new Uint8Array([DEAD_LETTER_SPACE]) : entityKey(DEAD_LETTER_SPACE, this.#context.state.prefixOf(of));
    const range = { from, to: rangeEnd(from), limit, bytesMax: PAGE_BYTES };
    this.#reads.list(
      range,
      ({ key, value }) => decodeDeadLetter(key, value),
      (stored) => then([...this.#paused(of), ...stored]),
    );
  }

  /** Poisoned commands that stop their entities: they wait for the same decision. */
  #paused(of: EntityAddress | null): FoundDeadLetter[] {
    const found: FoundDeadLetter[] = [];
    for (const { address, pausedBy } of this.#context.slotByKey.values()) {
      if (pausedBy !== null && (of === null || isSameAddress(of, address))) found.push({ entity: address, deadLetter: pausedBy });
    }
    return found;
  }
}

export interface FoundDeadLetter {
  readonly entity: EntityAddress;
  readonly deadLetter: DeadLetter;
}
