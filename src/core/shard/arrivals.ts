/**
 * What arrives for entities: commands of clients, and messages and accepted commands on their way into a mailbox. Slots
 * are opened here, duplicates recognised, limits kept.
 */

import type { EntityAddress } from "../entity/address.js";
import type { Command } from "../entity/command.js";
import type { EntityType } from "../entity/entity-type.js";
import type { StoredResult } from "../log/entry.js";
import type { CommandArrived } from "../request.js";
import { cellKey, decodeCell, UNTOUCHED } from "../store/key-spaces/cell.js";
import { decodeEvent, eventKey } from "../store/key-spaces/event.js";
import { INBOX_MAX } from "../store/key-spaces/inbox.js";
import { OUTBOX_MAX } from "../store/key-spaces/outbox.js";
import { decodeResult, resultKey } from "../store/key-spaces/result.js";
import type { Invocations } from "./invocations.js";
import type { OutcomeWaiters } from "./outcome-waiters.js";
import type { ShardContext } from "./shard-context.js";
import { EntitySlot, type Item, newItem, runAll } from "./slot.js";
import type { StoreReads } from "./store-reads.js";

const RESULTS_RETRY_MS = 60_000;
const FOLD_PAGE = 1_000;
const FOLD_PAGE_BYTES = 8 << 20;

export const UNSTORABLE =
  "the journal refuses for ever to store what this command does; nothing of it took effect, and it is not run again";

interface Never {
  readonly code: "unknown_command" | "unstorable";
  readonly message: string;
}

export class Arrivals {
  readonly #context: ShardContext;
  readonly #reads: StoreReads;
  readonly #invocations: Invocations;
  readonly #waiters: OutcomeWaiters;

  constructor(context: ShardContext, reads: StoreReads, invocations: Invocations, waiters: OutcomeWaiters) {
    this.#context = context;
    this.#reads = reads;
    this.#invocations = invocations;
    this.#waiters = waiters;
  }

  /** A client's command. Its type and name are known and open to it: the node has checked that. */
  arrived(input: CommandArrived, spec: EntityType): void {
    if (input.isRepeat) this.#repeated(input, spec);
    else this.#begin(input, spec);
  }

  /** It may have run, or wait here: that is looked for first, whatever else speaks against it. A refusal would say that it has not. */
  #repeated(input: CommandArrived, spec: EntityType): void {
    const { prefix } = this.open(input.to, spec);
    this.#reads.get(resultKey(prefix, input.id), (value) => {
      const result = this.#standing(value);
      const slot = this.open(input.to, spec);
      const running = slot.find(input.id);
      if (result === null && running === undefined) return this.#begin(input, spec);
      if (input.mode === "send") this.#sendAgain(input, slot, result);
      else if (result !== null) this.#duplicate(input.request, input, slot, result);
      else if (running !== undefined) this.#join(input, slot, running);
      this.goOn(slot);
    });
  }

  #begin(input: CommandArrived, spec: EntityType): void {
    if (this.#context.host.refusedCommands.isConvicted(input.id))
      return this.#context.refuse(input.request, 0, "unstorable", UNSTORABLE);
    const slot = this.open(input.to, spec);
    if (slot.isPaused)
      return this.#refuse(input.request, slot, "entity_paused", "a poisoned command stands first; retry or drop it");
    if (slot.isPurging) return this.#refuse(input.request, slot, "overloaded", "the entity is being purged", 1_000);
    if (slot.isFull) {
      const message = `${spec.policy.mailboxMax} commands wait for this entity already`;
      return this.#refuse(input.request, slot, "mailbox_full", message, 1_000);
    }
    if (input.mode === "send") return this.#send(input, slot);
    const item = newItem(commandOf(input, spec), { kind: "client" }, null);
    item.waiters.push(input.request);
    if (!input.hasKey && !input.isRepeat) return this.#enqueue(slot, item);
    const running = slot.find(input.id);
    // While it is not known whose the key is, only the same body may share the answer.
    if (running !== undefined && (running.isChecked || running.command.bodyHash === input.bodyHash)) {
      return this.#join(input, slot, running);
    }
    item.isChecked = false;
    this.#enqueue(slot, item);
    this.#reads.get(resultKey(slot.prefix, input.id), (value) => {
      item.isChecked = true;
      const result = this.#standing(value);
      const at = slot.mailbox.indexOf(item);
      const isOutrun = result === null && slot.find(input.id) !== item;
      if (at >= 0 && (result !== null || isOutrun || this.#isResultStoreFull)) {
        slot.mailbox.splice(at, 1);
        this.#context.releaseItem(item);
        for (const request of item.waiters) {
          if (result !== null) this.#duplicate(request, input, slot, result);
          else if (isOutrun) this.#reused(request, slot);
          else this.#refuseResult(request, slot);
        }
      }
      this.goOn(slot);
    });
  }

  /** A message, or an accepted command after a restart, for an entity of a known type. */
  enqueue(to: EntityAddress, item: Item): void {
    const known = this.#context.host.servedTo(to);
    if (known === null) throw new Error(`${to.type} is not known`);
    this.enqueueInto(this.open(to, known.type), item);
  }

  /** A command that lies in the inbox: into the mailbox, or, while that is full or nobody serves the type, left there. */
  enqueueStored(to: EntityAddress, number: number, command: Command, timer: string | null): void {
    const known = this.#context.host.servedTo(to);
    if (known === null) {
      this.#context.hasOrphans = true;
      return;
    }
    const slot = this.open(to, known.type);
    if (slot.find(command.id)?.origin.kind === "inbox") return;
    if (slot.isFull) slot.overflow(number);
    else this.enqueueInto(slot, newItem(command, { kind: "inbox", number }, timer));
  }

  enqueueInto(slot: EntitySlot, item: Item): void {
    const never = this.#whyNever(slot, item.command);
    if (never === null) return this.#enqueue(slot, item);
    if (slot.status !== "loading") return this.#invocations.buryAtOnce(slot, item, never.code, never.message);
    // What is written names the entity's version, which nobody knows yet. It waits in the mailbox, where whoever looks finds it.
    this.#context.holdItem(item);
    slot.mailbox.push(item);
    slot.whenOpen(() => this.#buryWaiting(slot, item));
  }

  #buryWaiting(slot: EntitySlot, item: Item): void {
    const never = this.#whyNever(slot, item.command);
    const at = slot.mailbox.indexOf(item);
    if (never === null || at < 0) return;
    slot.mailbox.splice(at, 1);
    this.#context.releaseItem(item);
    this.#invocations.buryAtOnce(slot, item, never.code, never.message);
  }

  /** Why running the command cannot help, now. Null: it may. */
  #whyNever({ spec, type }: EntitySlot, { id, name, answer }: Command): Never | null {
    const isKnown = answer !== null ? spec.replies.has(name) : spec.commands.has(name);
    if (!isKnown) {
      const message = `${type} has no ${answer !== null ? "reply handler" : "command"} '${name}'`;
      return { code: "unknown_command", message };
    }
    return this.#context.host.refusedCommands.isConvicted(id) ? { code: "unstorable", message: UNSTORABLE } : null;
  }

  /** The entity's slot; where there is none it is opened, and its cell read. */
  open(address: EntityAddress, spec: EntityType): EntitySlot {
    const standing = this.#context.slotOf(address);
    if (standing !== undefined) {
      standing.spec = spec;
      return standing;
    }
    const slot = new EntitySlot(this.#invocations, address, this.#context.state.prefixOf(address), spec);
    slot.isCanary = this.#context.host.isOfCanary(address);
    this.#context.addSlot(slot);
    this.#reads.get(cellKey(slot.prefix), (value) => this.#opened(slot, value));
    return slot;
  }

  bury(slot: EntitySlot, item: Item, message: string): void {
    this.#invocations.giveUp(slot, item, "dropped", message);
  }

  goOn(slot: EntitySlot): void {
    if (slot.status === "idle") this.#invocations.goOn(slot);
  }

  #opened(slot: EntitySlot, value: Uint8Array | null): void {
    const cell = value === null ? UNTOUCHED : decodeCell(value);
    slot.version = cell.version;
    slot.stateVersion = cell.stateVersion;
    slot.expiresAtMs = cell.expiresAtMs;
    slot.foldedVersion = cell.isPartial ? 0 : cell.foldedVersion;
    slot.state = cell.state === null || cell.isPartial ? null : cell.state.slice();
    // Read from memory: what it depends on may not be durable yet.
    slot.position = Math.max(slot.position, this.#context.host.log.last);
    if (this.#needsRefold(slot)) {
      slot.foldedVersion = 0;
      slot.state = null;
    }
    this.#readUnfolded(slot, slot.foldedVersion + 1);
  }

  /** A newer schema of the state, and the whole history to fold it from: the old state is not used. */
  #needsRefold(slot: EntitySlot): boolean {
    const { spec } = slot;
    return (
      spec.kind === "event-sourced" &&
      spec.policy.history.kind === "forever" &&
      slot.version > 0 &&
      slot.state !== null &&
      slot.stateVersion < spec.stateVersion
    );
  }

  #readUnfolded(slot: EntitySlot, from: number): void {
    if (from > slot.version) return this.#loaded(slot);
    const range = {
      from: eventKey(slot.prefix, from),
      to: eventKey(slot.prefix, slot.version + 1),
      limit: FOLD_PAGE,
      bytesMax: FOLD_PAGE_BYTES,
    };
    this.#reads.scan(range, (items, next) => {
      slot.unfolded = [...slot.unfolded, ...items.map(({ key, value }) => decodeEvent(key, value))];
      const last = slot.unfolded.at(-1)?.version ?? from;
      if (next !== null) return this.#readUnfolded(slot, last + 1);
      this.#loaded(slot);
    });
  }

  #loaded(slot: EntitySlot): void {
    slot.status = "idle";
    runAll(slot.takeOpeners());
    if (slot.isFolded) for (const { request } of slot.takeReaders()) this.#context.answerState(slot, request);
    this.goOn(slot);
  }

  #enqueue(slot: EntitySlot, item: Item): void {
    this.#context.holdItem(item);
    slot.mailbox.push(item);
    this.#invocations.offer(slot);
  }

  /** The same command is under way: its outcome answers this request too. */
  #join(input: CommandArrived, slot: EntitySlot, item: Item): void {
    if (item.command.bodyHash !== input.bodyHash) return this.#reused(input.request, slot);
    item.waiters.push(input.request);
  }

  #send(input: CommandArrived, slot: EntitySlot): void {
    if (!input.hasKey && !input.isRepeat) return this.#accept(input, slot);
    if (this.#isUnderWay(input, slot)) return;
    this.#reads.get(resultKey(slot.prefix, input.id), (value) => this.#sendAgain(input, slot, this.#standing(value)));
  }

  #sendAgain(input: CommandArrived, slot: EntitySlot, result: StoredResult | null): void {
    if (result === null) {
      if (!this.#isUnderWay(input, slot)) this.#accept(input, slot);
      return;
    }
    if (result.bodyHash !== input.bodyHash) return this.#reused(input.request, slot);
    this.#accepted(input, this.#context.host.log.last);
    this.#context.retire(slot);
  }

  /** The same command waits or runs already: answers the request if so. What is only called is not durable yet, so not accepted. */
  #isUnderWay(input: CommandArrived, { address }: EntitySlot): boolean {
    const slot = this.#context.slotOf(address);
    const running = slot?.find(input.id);
    if (slot === undefined || running === undefined) return false;
    if (running.command.bodyHash !== input.bodyHash) this.#reused(input.request, slot);
    else if (running.origin.kind === "inbox") this.#accepted(input, this.#context.host.log.last);
    else this.#refuse(input.request, slot, "overloaded", "a call of the same key is under way", 1_000);
    return true;
  }

  /** No room for one more outcome. What is kept is never forgotten early: a forgotten command would run twice. */
  get #isResultStoreFull(): boolean {
    return this.#context.state.results.at(this.#context.nowMs) >= this.#context.host.limits.resultsMax;
  }

  #refuseResult(request: number, slot: EntitySlot): void {
    const message = "this shard keeps as many outcomes as it may; the oldest expire within the hour";
    this.#refuse(request, slot, "idempotency_store_full", message, RESULTS_RETRY_MS);
  }

  #accept(input: CommandArrived, slot: EntitySlot): void {
    const { state, nowMs } = this.#context;
    if (this.#context.slotOf(slot.address)?.isPurging === true) {
      return this.#refuse(input.request, slot, "overloaded", "the entity is being purged", 1_000);
    }
    if (state.inboxCount >= INBOX_MAX || state.outbox.size >= OUTBOX_MAX) {
      return this.#refuse(input.request, slot, "overloaded", "too many accepted commands wait in this shard", 1_000);
    }
    if (this.#isResultStoreFull) return this.#refuseResult(input.request, slot);
    const isDelayed = input.delayMs > 0;
    const dueAtMs = Math.ceil(nowMs + input.delayMs);
    const accepted: Command = { ...commandOf(input, slot.spec), deadlineMs: Infinity };
    const command = isDelayed ? { ...accepted, acceptedAtMs: dueAtMs } : accepted;
    const retentionMs = slot.spec.policy.idempotencyRetentionMs;
    const expiresAtMs = Math.ceil(isDelayed ? dueAtMs + retentionMs : nowMs + retentionMs);
    const number = state.nextInboxNumber;
    const name = `$${command.id}`;
    const position = this.#context.commit({
      kind: "accepted",
      entity: slot.address,
      command,
      result: { bodyHash: command.bodyHash, outcome: null, version: 0, expiresAtMs },
      place: isDelayed
        ? { kind: "timer", timer: { owner: slot.address, name, dueAtMs, to: slot.address, command } }
        : { kind: "inbox", number },
    });
    if (position === null)
      return this.#refuse(input.request, slot, "state_too_large", "the command does not fit into one record");
    this.#accepted(input, position);
    if (!isDelayed) this.enqueueStored(slot.address, number, command, null);
    else this.#context.retire(slot);
  }

  #accepted(input: CommandArrived, position: number): void {
    this.#context.answer(input.request, position, { kind: "accepted", commandId: input.id });
  }

  /** A stored result, unless it has expired. */
  #standing(value: Uint8Array | null): StoredResult | null {
    const result = value === null ? null : decodeResult(value);
    return result === null || result.expiresAtMs <= this.#context.nowMs ? null : result;
  }

  /** Recognising a duplicate is an output like any other: gated on what it saw (RULES.md 6). */
  #duplicate(request: number, input: CommandArrived, slot: EntitySlot, result: StoredResult): void {
    if (result.bodyHash !== input.bodyHash) return this.#reused(request, slot);
    const { outcome, version } = result;
    if (outcome === null) return this.#waiters.wait(slot.key, input.id, request, input.deadlineMs);
    const answer = { kind: "outcome", commandId: input.id, version, outcome, isDuplicate: true } as const;
    this.#context.answer(request, this.#context.host.log.last, answer);
  }

  #reused(request: number, slot: EntitySlot): void {
    const message = "this idempotency key was used for another command or body";
    this.#context.refuse(request, this.#context.host.log.last, "idempotency_key_reused", message);
    this.#context.retire(slot);
  }

  #refuse(
    request: number,
    slot: EntitySlot,
    code: Parameters<ShardContext["refuse"]>[2],
    message: string,
    retryAfterMs: number | null = null,
  ): void {
    this.#context.refuse(request, slot.position, code, message, retryAfterMs);
    this.#context.retire(slot);
  }
}

function commandOf(input: CommandArrived, spec: EntityType): Command {
  return {
    id: input.id,
    name: input.name,
    isQuery: spec.queries.has(input.name),
    input: input.input,
    acceptedAtMs: input.acceptedAtMs,
    deadlineMs: input.deadlineMs,
    caller: null,
    metadata: input.metadata,
    answer: null,
    replyTo: null,
    bodyHash: input.hasKey ? input.bodyHash : "",
  };
}
