/** What the end of this incarnation's log means for it, and for the commands of a record that will never be there. */
import type { Effect, EndReason } from "./effect.js";
import type { JoinedNode } from "./joined-node.js";
import type { Gate } from "./log/gate.js";
import type { LogEnd } from "./log/log-limits.js";
import type { RefusedCommands } from "./log/refused-commands.js";
import type { IncarnationIds } from "./ownership/incarnation-ids.js";
import { UNSTORABLE } from "./shard/arrivals.js";

export interface LogEndParts {
  readonly node: JoinedNode;
  readonly refusedCommands: RefusedCommands;
  readonly gate: Gate;
  readonly ids: IncarnationIds;
  readonly effects: Effect[];
}

export function endOfLog(end: LogEnd, parts: LogEndParts): EndReason {
  if (end.kind !== "refused") return { kind: "fenced", message: end.message };
  const { message, position, commands } = end;
  sealAt(position, parts);
  const isLearned = parts.refusedCommands.accuse(commands);
  const first = commands[0];
  if (isLearned && first !== undefined && parts.refusedCommands.isConvicted(first)) answerUnstorable(position, first, parts);
  return { kind: "fenced", message, isLearned };
}

/** What stands behind a record that will never be there means nothing: the log ends here. If this does not seal it, the next one does. */
function sealAt(position: number, { node, ids, effects }: LogEndParts): void {
  const { log } = node.log;
  effects.push({ kind: "append", log, position, body: node.recordCodec.encodeSeal(log, ids.nextNonce()) });
}

/** Its entry, which the refused record held alone, is not there and never will be: more than its client would hear else. */
function answerUnstorable(position: number, commandId: string, { gate, effects }: LogEndParts): void {
  const problem = { code: "unstorable", message: UNSTORABLE, retryAfterMs: null } as const;
  for (const held of gate.heldAt(position)) {
    if (held.kind !== "answer" || !("commandId" in held.answer) || held.answer.commandId !== commandId) continue;
    effects.push({ kind: "answer", request: held.request, answer: { kind: "problem", problem } });
  }
}
