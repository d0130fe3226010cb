/** A planned hand-off fails no command: in a calm seed, where nodes only come and go, nobody is answered with a problem. */
import type { Answer } from "../../../src/core/answer.js";
import type { History } from "../history.js";

/** Problems of what was asked, and of nobody else. */
const ASKED_FOR: ReadonlySet<string> = new Set(["command_not_found", "dead_letter_not_found", "idempotency_key_reused"]);

export function checkCalm(what: string, request: number, answer: Answer, history: History): void {
  if (answer.kind !== "problem" || ASKED_FOR.has(answer.problem.code)) return;
  history.violate(`in the calm request ${request} (${what}) was answered with ${answer.problem.code}: ${answer.problem.message}`);
}
