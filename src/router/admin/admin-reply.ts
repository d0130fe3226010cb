/** What the core answered to an admin request, as an HTTP response. */
import type { Answer } from "../../core/answer.js";
import { writeProblem } from "../ingress/answer-reply.js";
import type { Exchange, ExchangeListener } from "../ingress/exchange.js";
import type { Refusal } from "../ingress/problem-document.js";
import { deadLetterJson, deadLettersJson, timersJson } from "./entity-json.js";

export class AdminReply implements ExchangeListener {
  readonly #exchange: Exchange;
  /** Shows this dead letter alone. */
  readonly #commandId: string | null;

  constructor(exchange: Exchange, commandId: string | null = null) {
    this.#exchange = exchange;
    this.#commandId = commandId;
  }

  answered(answer: Answer): void {
    this.#exchange.settled();
    switch (answer.kind) {
      case "problem":
        writeProblem(this.#exchange, answer.problem);
        break;
      case "timers":
        respondJson(this.#exchange, 200, timersJson(answer.timers));
        break;
      case "deadLetters":
        this.#deadLetters(answer);
        break;
      case "done":
        this.#exchange.respond(204, [], "");
        break;
      default:
        this.#exchange.refuse({ code: "internal_error", detail: `an answer of kind '${answer.kind}' was not expected` });
    }
  }

  fed(): void {
    throw new Error("only followed requests are fed");
  }

  left(): void {
    // What was begun goes on.
  }

  #deadLetters({ deadLetters }: Extract<Answer, { readonly kind: "deadLetters" }>): void {
    if (this.#commandId === null) return respondJson(this.#exchange, 200, deadLettersJson(deadLetters));
    const found = deadLetters.find(({ deadLetter }) => deadLetter.command.id === this.#commandId);
    if (found === undefined) return this.#exchange.refuse(NO_SUCH_LETTER);
    respondJson(this.#exchange, 200, deadLetterJson(found.entity, found.deadLetter));
  }
}

const NO_SUCH_LETTER: Refusal = { code: "dead_letter_not_found", detail: "the entity has no dead letter of this command id" };

export function respondJson(exchange: Exchange, status: number, body: string): void {
  const bytes = Buffer.from(body);
  exchange.respond(status, ["content-type", "application/json", "content-length", String(bytes.length)], bytes);
}
