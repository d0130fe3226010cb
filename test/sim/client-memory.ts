/** What the clients of the simulated router have seen: takes answers into the history, and notices what no answer may say. */
import type { Answer } from "../../src/core/answer.js";
import type { EntityAddress } from "../../src/core/entity/address.js";
import type { Outcome } from "../../src/core/entity/command.js";
import { decoder, type Line, parsed, type Sight } from "./business/book.js";
import { hasBook } from "./checkers/final-books.js";
import type { CommandRecord, History } from "./history.js";
import type { World } from "./world.js";

/** A read that waits for its answer. */
export interface Reading {
  readonly kind: "query" | "state";
  readonly entity: EntityAddress;
  readonly invokedAtMs: number;
  readonly isStrict: boolean;
}

export class ClientMemory {
  readonly #world: World;
  readonly #history: History;

  constructor(world: World, history: History) {
    this.#world = world;
    this.#history = history;
  }

  /** How a command has ended. */
  learned(record: CommandRecord, answer: Answer & { readonly kind: "outcome" }): void {
    const { outcome } = answer;
    if (answer.isDuplicate) this.#world.count("answer.duplicate");
    if (answer.commandId !== record.id)
      this.#history.violate(`${record.id} was answered with the outcome of ${answer.commandId}`);
    const replyText = textOf(outcome);
    const isFinal = outcome.kind !== "failed";
    const isForgetful = record.entity.type === "sim/scratch";
    if (!isForgetful && (record.status === "replied" || record.status === "refused")) {
      if (outcome.kind !== record.status || replyText !== record.replyText) {
        this.#history.violate(
          `${record.id} ended twice: ${record.status} ${record.replyText}, then ${outcome.kind} ${replyText}`,
        );
      }
      return;
    }
    if (record.mode === "send" && outcome.kind === "failed") return;
    record.status = outcome.kind;
    record.replyText = replyText;
    if (!isFinal) return;
    record.answeredAtMs = this.#world.nowMs;
    if (outcome.kind === "replied") record.sight = parsed<Sight>(outcome.reply);
    else if (hasBook(record.entity.type)) this.#sawRefusal(record, parsed<Sight>(outcome.details));
  }

  /** The same key with another body was answered. */
  answeredReuse(record: CommandRecord, answer: Answer): void {
    // A purged entity has forgotten the key as well.
    if (answer.kind === "problem" || record.entity.type === "sim/scratch") return;
    this.#history.violate(`the key of ${record.id}, used for another body, was answered with '${answer.kind}'`);
  }

  /** What a read has shown. */
  saw(reading: Reading, answer: Answer): void {
    const { kind: what, entity, invokedAtMs, isStrict } = reading;
    const answeredAtMs = this.#world.nowMs;
    let seen: (Sight & { readonly x?: Record<string, unknown>; readonly log?: readonly Line[] }) | null = null;
    if (answer.kind === "outcome" && answer.outcome.kind === "replied") seen = parsed(answer.outcome.reply);
    else if (answer.kind === "state") seen = answer.state === null ? { n: 0, chain: 0, x: {}, log: [] } : parsed(answer.state);
    if (seen === null) return;
    const value = entity.type === "sim/register" ? Number(seen.x?.["value"] ?? 0) : null;
    const tokens = entity.type === "sim/set" && seen.log !== undefined ? seen.log.map((line) => line.t) : null;
    this.#history.sights.push({
      entity,
      what: isStrict ? `strict ${what}` : what,
      isStrict,
      sight: { n: seen.n, chain: seen.chain },
      invokedAtMs,
      answeredAtMs,
      value,
      tokens,
    });
  }

  sawEvent(entity: EntityAddress, version: number, line: Line): void {
    if (entity.type !== "sim/scratch") this.#history.fed.push({ entity, version, line });
  }

  /** A refusal shows the book that it was decided on: as binding as a read. */
  #sawRefusal({ entity, id, invokedAtMs, answeredAtMs }: CommandRecord, sight: Sight): void {
    this.#world.count("client.refusalSeen");
    this.#history.sights.push({
      entity,
      what: `refusal of ${id}`,
      isStrict: false,
      sight,
      invokedAtMs,
      answeredAtMs,
      value: null,
      tokens: null,
    });
  }
}

/** All that it says: a duplicate must be answered with the same. */
function textOf(outcome: Outcome): string {
  switch (outcome.kind) {
    case "replied":
      return decoder.decode(outcome.reply);
    case "refused":
      return `${outcome.code} ${decoder.decode(outcome.details)}`;
    case "failed":
      return outcome.code;
  }
}
