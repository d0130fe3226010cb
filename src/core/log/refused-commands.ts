/**
 * Commands whose entries the journal has refused for ever (RULES.md 12). Kept by the process across incarnations, because
 * each such refusal ends one. Whose entry lay in a refused record is a suspect; a suspect runs by itself and has a record of
 * its own; one that is refused again there is convicted, and is not run any more:
 *
 *   innocent ──in a refused record──> suspect ──alone in one──> convicted ──an operator retries it──> innocent
 */
import type { EntryBody } from "./entry.js";

/** A record has fewer commands than this; the oldest suspects are forgotten, and may be found again. */
const REMEMBERED_MAX = 10_000;

export class RefusedCommands {
  /** Whether convicted, by command id; the oldest first. */
  readonly #isConvictedById = new Map<string, boolean>();

  /** What the hot path looks at first. */
  get isEmpty(): boolean {
    return this.#isConvictedById.size === 0;
  }

  isKnown(commandId: string): boolean {
    return this.#isConvictedById.has(commandId);
  }

  isConvicted(commandId: string): boolean {
    return this.#isConvictedById.get(commandId) === true;
  }

  /** A record with entries of these commands alone was refused. False: that tells nothing new, so trying again is of no use. */
  accuse(commandIds: readonly string[]): boolean {
    const isAlone = commandIds.length === 1;
    let isNew = false;
    for (const id of commandIds) {
      const isConvicted = this.#isConvictedById.get(id);
      if (isConvicted === true || (isConvicted === false && !isAlone)) continue;
      this.#isConvictedById.set(id, isConvicted === false);
      isNew = true;
    }
    for (const id of this.#isConvictedById.keys()) {
      if (this.#isConvictedById.size <= REMEMBERED_MAX) break;
      this.#isConvictedById.delete(id);
    }
    return isNew;
  }

  acquit(commandId: string): void {
    this.#isConvictedById.delete(commandId);
  }
}

/** The commands that an entry comes from. */
export function commandsOf(body: EntryBody): readonly string[] {
  switch (body.kind) {
    case "effects":
      return body.consumed.map(({ commandId }) => commandId);
    case "accepted":
      return [body.command.id];
    case "parked":
      return [body.message.command.id];
    case "due":
      return body.born === null ? [] : [body.born.command.id];
    case "deadLetter":
      return [body.commandId];
    default:
      return [];
  }
}
