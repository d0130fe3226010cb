import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import type { JsonOutcome } from "../protocol/function/json-form.js";
import { type CallCommand, callLocal } from "./call-local.js";
import { command, entity, local, query, refuse, unchecked } from "./index.js";

type End = "well" | "refuse" | "throw";
interface Step {
  readonly by: readonly number[];
  readonly end: End;
  readonly isLater: boolean;
}
const declared = {
  commands: { add: command({ input: unchecked<Step>(), reply: unchecked<number>() }) },
  queries: { sum: query({ reply: unchecked<number>() }) },
};
const Folded = entity("demo/folded", { ...declared, events: { added: unchecked<number>() } });
const Value = entity("demo/value", declared);
const Log = entity("demo/log", { commands: { note: command({ input: unchecked<number>() }) } });

interface Context {
  send(message: ReturnType<ReturnType<typeof Log>["note"]>): void;
}

async function run(ctx: Context, step: Step, add: (by: number) => void): Promise<void> {
  for (const by of step.by) {
    add(by);
    ctx.send(Log("l").note(by));
    if (step.isLater) await undefined;
  }
  if (step.end === "refuse") throw refuse("no", "no");
  if (step.end === "throw") throw new Error("boom");
}

const folded = Folded.eventSourced({ initial: () => ({ sum: 0 }) }).handle({
  apply: { added: (state, by) => ({ sum: state.sum + by }) },
  commands: {
    async add(ctx, step) {
      await run(ctx, step, (by) => ctx.emit("added", by));
      return ctx.state.sum;
    },
  },
  queries: { sum: (state) => state.sum },
});
const value = Value.value({ initial: () => ({ sum: 0 }) }).handle({
  commands: {
    async add(ctx, step) {
      await run(ctx, step, (by) => {
        ctx.state = { sum: ctx.state.sum + by };
      });
      return ctx.state.sum;
    },
  },
  queries: { sum: (state) => state.sum },
});
const call = local([folded, value], { onFault: () => undefined });

/** What must come of the steps, without any machinery. */
function expected(
  start: number,
  steps: readonly Step[],
  hasEvents: boolean,
): { sum: number; isChanged: boolean; outcomes: JsonOutcome[] } {
  let sum = start;
  let isChanged = false;
  let hasFaulted = false;
  const outcomes = steps.flatMap((step, at): JsonOutcome[] => {
    const n = 2 * at;
    if (hasFaulted)
      return [
        { n, skipped: true },
        { n: n + 1, skipped: true },
      ];
    if (step.end === "throw") {
      hasFaulted = true;
      return [
        { n, fault: { message: "Error: boom" } },
        { n: n + 1, skipped: true },
      ];
    }
    if (step.end === "refuse")
      return [
        { n, refusal: { code: "no", message: "no" } },
        { n: n + 1, reply: sum },
      ];
    sum += step.by.reduce((total, by) => total + by, 0);
    isChanged ||= step.by.length > 0;
    const events = step.by.map((data) => ({ name: "added", data }));
    const effects = step.by.map((input) => ({ send: { to: { type: "demo/log", id: "l" }, command: "note", input } }));
    const some = step.by.length > 0;
    return [
      { n, reply: sum, ...(some && hasEvents && { events }), ...(some && { effects }) },
      { n: n + 1, reply: sum },
    ];
  });
  return { sum, isChanged, outcomes };
}

describe("whatever commands of one invocation end well, are refused or throw", () => {
  const step = fc.record({
    by: fc.array(fc.integer({ min: -5, max: 5 }), { maxLength: 3 }),
    end: fc.constantFrom<End>("well", "well", "refuse", "throw"),
    isLater: fc.boolean(),
  });

  for (const type of ["demo/folded", "demo/value"]) {
    it(`state, events and messages are those of the ones that ended well: ${type}`, async () => {
      await fc.assert(
        fc.asyncProperty(fc.integer(), fc.array(step, { maxLength: 6 }), async (start, steps) => {
          const commands = steps.flatMap((input): CallCommand[] => [
            { name: "add", input },
            { name: "sum", query: true },
          ]);
          const [result] = await callLocal(call, [{ type, state: { sum: start }, commands }]);
          const { sum, isChanged, outcomes } = expected(start, steps, type === "demo/folded");
          assert.deepEqual(result, { n: 0, ...(isChanged && { state: { sum } }), outcomes });
        }),
      );
    });
  }
});
