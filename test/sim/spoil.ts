/** Answers that must not be believed: each way to get one wrong that the function contract knows. */
import type { CommandResult, EntityResult } from "../../src/core/entity/invocation.js";
import type { Random } from "./random.js";

const NONSENSE = new Uint8Array([123]);

type Spoiler = (result: EntityResult, stateBytesMax: number) => EntityResult;

const SPOILERS: Readonly<Record<string, Spoiler>> = {
  wrongEntity: (result) => ({ ...result, n: result.n + 1_000 }),
  tooMany: (result) => ({
    ...result,
    outcomes: [...result.outcomes, { n: result.outcomes.length, kind: "done", reply: NONSENSE, events: [], effects: [] }],
  }),
  misnumbered: (result) => ({ ...result, outcomes: result.outcomes.map((outcome) => ({ ...outcome, n: outcome.n + 1 })) }),
  oversized: (result, stateBytesMax) => ({ ...result, state: new Uint8Array(stateBytesMax + 1) }),
  cutShort: (result) => ({ ...result, outcomes: result.outcomes.slice(0, -1) }),
  missing: (result) => ({ ...result, outcomes: result.outcomes.slice(1) }),
  ranBehindFault: (result) => ({
    ...result,
    outcomes: result.outcomes.map((outcome, at) => (at === 0 ? { n: outcome.n, kind: "faulted", message: "spoilt" } : outcome)),
  }),
  unknownEvent: (result) => withDone(result, (done) => ({ ...done, events: [...done.events, EVENT] })),
  unknownTarget: (result) => withDone(result, (done) => ({ ...done, effects: [...done.effects, SEND] })),
  absurdDelay: (result) => withDone(result, (done) => ({ ...done, effects: [{ ...SEND, afterMs: 1e15 }] })),
};

const EVENT = { name: "undeclared", eventVersion: 1, data: NONSENSE };
const SEND = {
  kind: "send",
  to: { type: "sim/nowhere", id: "x" },
  command: "hear",
  input: NONSENSE,
  replyTo: null,
  afterMs: 0,
  timer: null,
} as const;

/** Every way of it makes a result that has to be rejected whole, unless it has nothing to spoil. */
export function spoil(random: Random, result: EntityResult, stateBytesMax: number): { how: string; result: EntityResult } {
  const how = random.pick(Object.keys(SPOILERS));
  // A result for commands alone: what only folds has no outcome that could be wrong.
  if (result.outcomes.length === 0 && how !== "wrongEntity") return { how: "none", result };
  if (how === "ranBehindFault" && !result.outcomes.slice(1).some((outcome) => outcome.kind === "done"))
    return { how: "none", result };
  if (
    ["unknownEvent", "unknownTarget", "absurdDelay"].includes(how) &&
    !result.outcomes.some((outcome) => outcome.kind === "done")
  ) {
    return { how: "none", result };
  }
  return { how, result: (SPOILERS[how] as Spoiler)(result, stateBytesMax) };
}

function withDone(
  result: EntityResult,
  change: (done: CommandResult & { readonly kind: "done" }) => CommandResult,
): EntityResult {
  const first = result.outcomes.findIndex((outcome) => outcome.kind === "done");
  return {
    ...result,
    outcomes: result.outcomes.map((outcome, at) => (at === first && outcome.kind === "done" ? change(outcome) : outcome)),
  };
}
