/** Timers and dead letters as the admin API shows them. Inputs are spliced in as they are stored. */
import type { EntityAddress } from "../../core/entity/address.js";
import type { Command, Payload } from "../../core/entity/command.js";
import type { DeadLetter, Timer } from "../../core/log/entry.js";

export function timersJson(timers: readonly Timer[]): string {
  return `{"timers":[${timers.map(timerJson).join(",")}]}`;
}

export function deadLettersJson(letters: readonly { readonly entity: EntityAddress; readonly deadLetter: DeadLetter }[]): string {
  return `{"deadLetters":[${letters.map(({ entity, deadLetter }) => deadLetterJson(entity, deadLetter)).join(",")}]}`;
}

export function deadLetterJson(entity: EntityAddress, letter: DeadLetter): string {
  const { code, message, attempts, atMs, command } = letter;
  const head = { entity, commandId: command.id, code, message, attempts, at: new Date(atMs).toISOString() };
  return `${JSON.stringify(head).slice(0, -1)},"command":${commandJson(command)}}`;
}

function timerJson(timer: Timer): string {
  const head = { owner: timer.owner, name: timer.name, dueAt: new Date(timer.dueAtMs).toISOString(), to: timer.to };
  return `${JSON.stringify(head).slice(0, -1)},"command":${commandJson(timer.command)}}`;
}

function commandJson(command: Command): string {
  const { id, name, acceptedAtMs, caller, metadata } = command;
  const head = { id, name, acceptedAt: new Date(acceptedAtMs).toISOString(), caller, metadata: Object.fromEntries(metadata) };
  return `${JSON.stringify(head).slice(0, -1)},"input":${payloadText(command.input)}}`;
}

function payloadText(payload: Payload): string {
  return payload.length === 0 ? "null" : Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength).toString();
}
