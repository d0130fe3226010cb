/** What operators change: dead letters retried or dropped, paused entities released, entities purged. Each is an entry. */

import type { EntityType } from "../entity/entity-type.js";
import type { AdminAsked } from "../request.js";
import { deadLetterKey, decodeDeadLetter } from "../store/key-spaces/dead-letter.js";
import {
  CELL_SPACE,
  DEAD_LETTER_SPACE,
  EVENT_SPACE,
  entityKey,
  INBOX_SPACE,
  RESULT_SPACE,
  rangeEnd,
  TIMER_SPACE,
} from "../store/key-spaces/key-space.js";
import type { Arrivals } from "./arrivals.js";
import type { Feeds } from "./feeds.js";
import type { ShardContext } from "./shard-context.js";
import type { EntitySlot } from "./slot.js";
import type { StoreReads } from "./store-reads.js";

/** Keys that one entry of a purge removes. */
const PURGE_PAGE = 500;
const PURGE_PAGE_BYTES = 64 << 20;
/**
 * The cell goes first: a purge that a crash cut short leaves an untouched entity, and events beyond its version are part
 * of nothing. What is left can be purged again.
 */
const PURGED_SPACES = [CELL_SPACE, INBOX_SPACE, TIMER_SPACE, EVENT_SPACE, DEAD_LETTER_SPACE, RESULT_SPACE];

export class Repairs {
  readonly #context: ShardContext;
  readonly #reads: StoreReads;
  readonly #arrivals: Arrivals;
  readonly #feeds: Feeds;

  constructor(context: ShardContext, reads: StoreReads, arrivals: Arrivals, feeds: Feeds) {
    this.#context = context;
    this.#reads = reads;
    this.#arrivals = arrivals;
    this.#feeds = feeds;
  }

  endDeadLetter(input: AdminAsked & { readonly kind: "deadLetterEnded" }): void {
    const { request, of, commandId } = input;
    const slot = this.#context.slotOf(of);
    if (slot?.isPurging === true) {
      return this.#context.refuse(request, slot.position, "overloaded", "the entity is being purged", 1_000);
    }
    if (slot?.isPaused === true && slot.mailbox[0]?.command.id === commandId) return this.#release(input, slot);
    const prefix = this.#context.state.prefixOf(of);
    const key = deadLetterKey(prefix, commandId);
    this.#reads.get(key, (value) => {
      if (value === null) {
        const message = `${of.type}/${of.id} has no dead letter '${commandId}'`;
        return this.#context.refuse(request, this.#context.host.log.last, "dead_letter_not_found", message);
      }
      const { deadLetter } = decodeDeadLetter(key, value);
      const inboxNumber = this.#context.state.nextInboxNumber;
      if (input.action === "retry") this.#context.host.refusedCommands.acquit(commandId);
      const retried = input.action === "retry" ? { inboxNumber, command: { ...deadLetter.command, replyTo: null } } : null;
      const position = this.#context.commit({ kind: "deadLetter", entity: of, commandId, retried });
      if (position === null)
        return this.#context.refuse(request, 0, "state_too_large", "the command does not fit into one record");
      this.#context.answer(request, position, { kind: "done" });
      if (retried !== null) this.#arrivals.enqueueStored(of, inboxNumber, retried.command, null);
    });
  }

  /** Decides for a paused entity: the poisoned command runs again, or becomes a dead letter after all. */
  #release(input: AdminAsked & { readonly kind: "deadLetterEnded" }, slot: EntitySlot): void {
    const item = slot.mailbox[0];
    slot.pausedBy = null;
    if (item !== undefined) {
      item.faults = 0;
      if (input.action === "drop") this.#arrivals.bury(slot, item, "dropped by an operator while its entity was paused");
    }
    this.#context.answer(input.request, this.#context.host.log.last, { kind: "done" });
    this.#arrivals.goOn(slot);
  }

  /** Removes everything of an entity. Runs between commands: what waits in the mailbox meets an untouched entity. */
  purge(input: AdminAsked & { readonly kind: "purgeAsked" }, spec: EntityType): void {
    const slot = this.#arrivals.open(input.of, spec);
    if (slot.isPurging) return slot.whenOpen(() => this.purge(input, spec));
    slot.isPurging = true;
    const begin = (): void => {
      if (slot.status === "running" || slot.status === "offered") slot.whenOpen(begin);
      else this.#purgeSpace(input, slot, 0);
    };
    if (slot.status === "loading") slot.whenOpen(begin);
    else begin();
  }

  #purgeSpace(input: AdminAsked & { readonly kind: "purgeAsked" }, slot: EntitySlot, index: number): void {
    const space = PURGED_SPACES[index];
    if (space === undefined) return this.#purged(input, slot);
    const from = entityKey(space, slot.prefix);
    this.#reads.scan({ from, to: rangeEnd(from), limit: PURGE_PAGE, bytesMax: PURGE_PAGE_BYTES }, (items, next) => {
      const keys = items.map(({ key }) => key.slice());
      if (keys.length > 0) {
        const inboxCount = space === INBOX_SPACE ? keys.length : 0;
        const position = this.#context.commit({ kind: "purged", entity: slot.address, keys, inboxCount });
        slot.position = position ?? slot.position;
      }
      this.#purgeSpace(input, slot, next === null ? index + 1 : index);
    });
  }

  #purged(input: AdminAsked & { readonly kind: "purgeAsked" }, slot: EntitySlot): void {
    for (const item of slot.mailbox.filter((waiting) => waiting.origin.kind === "inbox")) {
      slot.mailbox.splice(slot.mailbox.indexOf(item), 1);
      this.#context.releaseItem(item);
      for (const request of item.waiters)
        this.#context.refuse(request, slot.position, "command_not_found", "its entity was purged");
    }
    slot.version = 0;
    slot.foldedVersion = 0;
    slot.stateVersion = 0;
    slot.expiresAtMs = 0;
    slot.state = null;
    slot.unfolded = [];
    slot.overflowFrom = 0;
    slot.overflowLast = 0;
    slot.isPurging = false;
    slot.pausedBy = null;
    this.#feeds.end("purged", slot);
    this.#context.answer(input.request, slot.position, { kind: "done" });
    this.#arrivals.goOn(slot);
  }
}
