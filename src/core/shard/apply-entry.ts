/**
 * The fold: what an entry does to a shard's state. Runs once when the entry is proposed and again at every replay, with the
 * same result. It reads nothing that is not in memory: replay opens a shard without reading its entities.
 */
import type { EntityAddress } from "../entity/address.js";
import type { Command, Message, Payload } from "../entity/command.js";
import type { Consumed, DeadLetterBody, EffectsBody, Entry, StoredResult, Timer } from "../log/entry.js";
import { type Cell, cellKey, decodeCell, encodeCell } from "../store/key-spaces/cell.js";
import { deadLetterKey, encodeDeadLetter } from "../store/key-spaces/dead-letter.js";
import { encodeEvent, eventKey } from "../store/key-spaces/event.js";
import { encodeInboxCommand, inboxKey, inboxNumberOf } from "../store/key-spaces/inbox.js";
import { type EntityPrefix, INBOX_SPACE } from "../store/key-spaces/key-space.js";
import { encodeOutboxMessage, outboxKey } from "../store/key-spaces/outbox.js";
import { encodeResult, resultKey } from "../store/key-spaces/result.js";
import { encodeTimer, NO_VALUE, timerDueKey, timerKey } from "../store/key-spaces/timer.js";
import { COLD } from "../store/shard-store.js";
import { assert, unreachable } from "../unreachable.js";
import type { ShardState } from "./shard-state.js";
import { streamSource } from "./stream-source.js";

/** The folded state of an event-sourced entity behind this entry, where its function has just given it. Never journaled. */
export type Fold = { readonly state: Payload | null } | null;

export function applyEntry(state: ShardState, entry: Entry, fold: Fold): void {
  assert(
    entry.sequence === state.sequence + 1,
    `shard ${state.shard}: entry ${entry.sequence} follows ${state.sequence}: an entry is missing or doubled`,
  );
  state.sequence = entry.sequence;
  state.timeMs = Math.max(state.timeMs, entry.atMs);
  const body = entry.body;
  switch (body.kind) {
    case "effects":
      return applyEffects(state, body, entry.atMs, fold);
    case "accepted": {
      const prefix = state.prefixOf(body.entity);
      putResult(state, prefix, body.command.id, body.result);
      if (body.place.kind === "inbox") putInbox(state, prefix, body.place.number, body.entity, body.command, null);
      else setTimer(state, body.place.timer);
      return;
    }
    case "parked": {
      const { sourceShard, targetShard, number, to, command, timer } = body.message;
      state.marksOf(streamSource(sourceShard, targetShard, state.shard)).consume(number);
      if (sourceShard === state.shard) removeFromOutbox(state, state.shard, number);
      putInbox(state, state.prefixOf(to), body.inboxNumber, to, command, timer);
      return;
    }
    case "due": {
      state.store.remove(timerDueKey(body, state.hashOf(body.owner)));
      if (body.born === null) return;
      state.store.remove(timerKey(state.prefixOf(body.owner), body.name));
      state.timers.cancel(body.owner, body.name);
      return bear(state, body.born);
    }
    case "acknowledged":
      for (const number of body.numbers) removeFromOutbox(state, body.targetShard, number);
      return;
    case "deadLetter":
      return endDeadLetter(state, body);
    case "purged":
      for (const key of body.keys) {
        state.store.remove(key);
        if (key[0] === INBOX_SPACE) state.inboxTimers.remove(inboxNumberOf(key));
      }
      state.inboxCount -= body.inboxCount;
      return;
    default:
      return unreachable(body);
  }
}

function applyEffects(state: ShardState, body: EffectsBody, atMs: number, fold: Fold): void {
  const prefix = state.prefixOf(body.entity);
  putCell(state, prefix, body, fold);
  putEvents(state, prefix, body, atMs, fold !== null);
  for (const consumed of body.consumed) consume(state, prefix, consumed);
  for (const message of body.born) bear(state, message);
  for (const past of body.timersPast) {
    state.store.remove(timerDueKey({ dueAtMs: past.dueAtMs, owner: body.entity, name: past.name }, state.hashOf(body.entity)));
  }
  for (const name of body.timersCancelled) {
    state.store.remove(timerKey(prefix, name));
    state.timers.cancel(body.entity, name);
  }
  for (const timer of body.timersSet) setTimer(state, timer);
  for (const number of body.withdrawn) {
    state.marksOf(state.shard).consume(number);
    removeFromOutbox(state, state.shard, number);
  }
  for (const number of body.withdrawnInbox) removeInbox(state, prefix, number);
}

function putCell(state: ShardState, prefix: EntityPrefix, body: EffectsBody, fold: Fold): void {
  if (body.version === body.previousVersion && body.state === undefined) return;
  const { version, stateVersion, expiresAtMs } = body;
  if (body.state !== undefined) {
    return put({ version, stateVersion, expiresAtMs, foldedVersion: version, state: body.state, isPartial: false });
  }
  if (fold !== null) {
    return put({ version, stateVersion, expiresAtMs, foldedVersion: version, state: fold.state, isPartial: false });
  }
  // Replay: events alone, so the folded state stays where it was. Only what lies in memory is read.
  const known = state.store.get(cellKey(prefix));
  if (known === COLD) return put({ version, stateVersion, expiresAtMs, foldedVersion: 0, state: null, isPartial: true });
  const base = known === null ? null : decodeCell(known.value);
  assert(
    base === null || base.version === body.previousVersion,
    `an entry of ${body.entity.type}/${body.entity.id} follows another version`,
  );
  put({
    version,
    stateVersion: base?.stateVersion ?? stateVersion,
    expiresAtMs,
    foldedVersion: base?.foldedVersion ?? 0,
    state: base?.state ?? null,
    isPartial: base?.isPartial ?? false,
  });

  function put(cell: Cell): void {
    state.store.put(cellKey(prefix), encodeCell(cell), 0, cell.isPartial);
  }
}

/** Events that are not folded into the cell are kept whatever the history setting says: the state cannot do without them. */
function putEvents(state: ShardState, prefix: EntityPrefix, body: EffectsBody, atMs: number, isFolded: boolean): void {
  if (body.events.length === 0) return;
  const history = state.typeOf(body.entity.type)?.policy.history ?? { kind: "forever" };
  if (isFolded && history.kind === "none") return;
  const expiresAtMs = isFolded && history.kind === "ms" ? atMs + history.ms : 0;
  let version = body.previousVersion;
  for (const event of body.events) state.store.put(eventKey(prefix, ++version), encodeEvent(event, atMs), expiresAtMs);
}

function consume(state: ShardState, prefix: EntityPrefix, consumed: Consumed): void {
  const { origin, result, deadLetter } = consumed;
  if (origin.kind === "message") {
    state.marksOf(origin.sourceShard).consume(origin.number);
    if (origin.sourceShard === state.shard) removeFromOutbox(state, state.shard, origin.number);
  } else if (origin.kind === "inbox") {
    removeInbox(state, prefix, origin.number);
  }
  if (result !== null) putResult(state, prefix, consumed.commandId, result);
  if (deadLetter !== null) state.store.put(deadLetterKey(prefix, consumed.commandId), encodeDeadLetter(deadLetter), 0);
}

function bear(state: ShardState, message: Message): void {
  assert(
    message.number === state.nextNumber(message.targetShard),
    `message ${message.number} to shard ${message.targetShard} is out of turn`,
  );
  state.nextNumberByTarget.set(message.targetShard, message.number + 1);
  state.store.put(outboxKey(message.targetShard, message.number), encodeOutboxMessage(message), 0);
  state.outbox.add(message);
}

function removeFromOutbox(state: ShardState, targetShard: number, number: number): void {
  state.store.remove(outboxKey(targetShard, number));
  state.outbox.remove(targetShard, number);
}

function setTimer(state: ShardState, timer: Timer): void {
  state.store.put(timerKey(state.prefixOf(timer.owner), timer.name), encodeTimer(timer), 0);
  state.store.put(timerDueKey(timer, state.hashOf(timer.owner)), NO_VALUE, 0);
  state.timers.set({ dueAtMs: timer.dueAtMs, owner: timer.owner, name: timer.name });
}

function putInbox(
  state: ShardState,
  prefix: EntityPrefix,
  number: number,
  to: EntityAddress,
  command: Command,
  timer: string | null,
): void {
  state.store.put(inboxKey(prefix, number), encodeInboxCommand(command, timer), 0);
  state.inboxTimers.add(number, to, command, timer);
  state.nextInboxNumber = Math.max(state.nextInboxNumber, number + 1);
  state.inboxCount++;
}

function endDeadLetter(state: ShardState, body: DeadLetterBody): void {
  const prefix = state.prefixOf(body.entity);
  state.store.remove(deadLetterKey(prefix, body.commandId));
  if (body.retried !== null) putInbox(state, prefix, body.retried.inboxNumber, body.entity, body.retried.command, null);
}

function putResult(state: ShardState, prefix: EntityPrefix, commandId: string, result: StoredResult): void {
  state.store.put(resultKey(prefix, commandId), encodeResult(result), result.expiresAtMs);
  state.results.add(result.expiresAtMs);
}

function removeInbox(state: ShardState, prefix: EntityPrefix, number: number): void {
  state.store.remove(inboxKey(prefix, number));
  state.inboxTimers.remove(number);
  state.inboxCount--;
}
