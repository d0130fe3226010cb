/** What the parts of one shard share: its state, its slots, and the one way to commit an entry. */
import type { Answer, Problem, ProblemCode } from "../answer.js";
import type { Effect } from "../effect.js";
import { addressText, type EntityAddress } from "../entity/address.js";
import type { Entry, EntryBody } from "../log/entry.js";
import { commandsOf } from "../log/refused-commands.js";
import { applyEntry, type Fold } from "./apply-entry.js";
import type { ShardHost } from "./shard-host.js";
import type { ShardState } from "./shard-state.js";
import { type EntitySlot, ITEM_OVERHEAD_BYTES, type Item } from "./slot.js";

export class ShardContext {
  readonly shard: number;
  readonly epoch: number;
  readonly state: ShardState;
  readonly host: ShardHost;
  readonly slotByKey = new Map<string, EntitySlot>();
  /** Commands in the inbox that no mailbox knows of, because no deployment serves their type. */
  hasOrphans = false;
  /** That of the shard's last entry in this incarnation's log; 0: it has none. */
  lastPosition = 0;
  /** The shard is on its way to another node: nothing new is begun. */
  isPaused = false;
  /** Slots that may be given up once their last entry is durable. */
  readonly #retiring: EntitySlot[] = [];

  constructor(shard: number, epoch: number, state: ShardState, host: ShardHost) {
    this.shard = shard;
    this.epoch = epoch;
    this.state = state;
    this.host = host;
  }

  /** The shard's time, which never runs backwards. */
  get nowMs(): number {
    return Math.max(this.state.timeMs, this.host.nowMs);
  }

  /** The sequence that the next entry will have: ids of what it bears derive from it. */
  get nextSequence(): number {
    return this.state.sequence + 1;
  }

  /** Makes `body` the shard's next entry and applies it. Its position; null if no record can hold it, and then nothing happened. */
  commit(body: EntryBody, fold: Fold = null): number | null {
    const entry: Entry = { shard: this.shard, epoch: this.epoch, sequence: this.nextSequence, atMs: this.nowMs, body };
    const position = this.host.refusedCommands.isEmpty ? this.host.log.add(entry, this.host.tickMs) : this.#addWithCare(entry);
    if (position === null) return null;
    applyEntry(this.state, entry, fold);
    this.lastPosition = position;
    return position;
  }

  /** An entry of a command whose last one was in a record that was refused has a record of its own. */
  #addWithCare(entry: Entry): number | null {
    const { log, tickMs, refusedCommands } = this.host;
    if (!commandsOf(entry.body).some((id) => refusedCommands.isKnown(id))) return log.add(entry, tickMs);
    log.cut(tickMs);
    const position = log.add(entry, tickMs);
    log.cut(tickMs);
    return position;
  }

  /** An id for something that this shard's next entry bears. Never used twice, also not by another incarnation. */
  bornId(index: number): string {
    return `m${this.shard}.${this.epoch}.${this.nextSequence}.${index}`;
  }

  output(position: number, output: Effect): void {
    this.host.gate.pass(position, output, this.host.effects);
  }

  answer(request: number, position: number, answer: Answer): void {
    this.output(position, { kind: "answer", request, answer });
  }

  /** Answers with the state that the slot holds, folded. */
  answerState(slot: EntitySlot, request: number): void {
    const isExpired = slot.expiresAtMs !== 0 && slot.expiresAtMs <= this.nowMs;
    this.answer(request, slot.position, { kind: "state", version: slot.version, state: isExpired ? null : slot.state });
  }

  /** Answers with a problem. `position` is that of whatever the refusal saw; 0 if it saw nothing of the shard's state. */
  refuse(request: number, position: number, code: ProblemCode, message: string, retryAfterMs: number | null = null): void {
    const problem: Problem = { code, message, retryAfterMs };
    this.answer(request, position, { kind: "problem", problem });
  }

  slotOf(address: EntityAddress): EntitySlot | undefined {
    return this.slotByKey.get(addressText(address));
  }

  addSlot(slot: EntitySlot): void {
    this.slotByKey.set(slot.key, slot);
  }

  holdItem(item: Item): void {
    this.host.holdBytes(item.command.input.length + ITEM_OVERHEAD_BYTES);
  }

  releaseItem(item: Item): void {
    this.host.holdBytes(-item.command.input.length - ITEM_OVERHEAD_BYTES);
  }

  /** Gives the slot up as soon as nothing needs it. */
  retire(slot: EntitySlot): void {
    if (slot.isRetiring || !slot.isAtRest) return;
    slot.isRetiring = true;
    this.#retiring.push(slot);
  }

  /** Drops slots at rest whose last entry is durable. Once a turn. */
  dropRetired(): void {
    if (this.#retiring.length === 0) return;
    const durable = this.host.log.durable;
    let kept = 0;
    for (const slot of this.#retiring) {
      if (!slot.isAtRest) slot.isRetiring = false;
      else if (slot.position <= durable) this.slotByKey.delete(slot.key);
      else this.#retiring[kept++] = slot;
    }
    this.#retiring.length = kept;
  }
}
