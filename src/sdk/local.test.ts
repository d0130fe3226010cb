import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { z } from "zod";
import { type CallCommand, type CallEntity, callLocal } from "./call-local.js";
import { action, command, entity, event, local, query, refuse, replyOf, unchecked } from "./index.js";

const Add = z.object({ by: z.int(), note: z.string().default("none") });
const Log = action("demo/log", {
  commands: { note: command({ input: unchecked<{ text: string }>(), reply: z.object({ at: z.int() }) }) },
});
const Counter = entity("demo/counter", {
  events: { added: Add, marked: event(z.object({ mark: z.string() }), { version: 2 }) },
  commands: {
    add: command({ input: Add, reply: z.int() }),
    addThenRefuse: command({ input: Add }),
    addThenThrow: command({ input: Add }),
    addLater: command({ input: Add, reply: z.int() }),
    mark: command({ input: z.string() }),
    tell: command({ input: z.string() }),
    badEvent: command(),
    badReply: command({ reply: z.int() }),
    mutate: command(),
    forgetful: command(),
  },
  queries: { total: query({ input: z.object({ times: z.int() }).optional(), reply: z.int() }) },
});

interface State {
  readonly total: number;
  readonly notes: readonly string[];
}
let leaked: (() => void) | undefined;

const counter = Counter.eventSourced({
  stateVersion: 2,
  initial: (): State => ({ total: 0, notes: [] }),
  migrate: (state) => ({ total: (state as { sum: number }).sum, notes: [] }),
  replies: { noted: replyOf(Log, "note", z.object({ by: z.int() })) },
}).handle({
  apply: {
    added: (state, { by, note }) => ({ total: state.total + by, notes: [...state.notes, note] }),
    marked: (state, { mark }, { eventVersion }) => ({ ...state, notes: [...state.notes, `${mark}@${eventVersion}`] }),
  },
  commands: {
    add(ctx, input) {
      ctx.emit("added", input);
      return ctx.state.total;
    },
    addThenRefuse(ctx, input) {
      ctx.emit("added", input);
      ctx.send(Log("x").note({ text: "never" }));
      leaked = () => ctx.cancel("t");
      throw refuse("no", "not today", { total: ctx.state.total });
    },
    addThenThrow(ctx, input) {
      ctx.emit("added", input);
      throw new RangeError("boom");
    },
    async addLater(ctx, input) {
      await new Promise((resolve) => setTimeout(resolve, 5));
      ctx.emit("added", input);
      return ctx.state.total;
    },
    mark: (ctx, mark) => ctx.emit("marked", { mark }),
    tell(ctx, text) {
      const input = { text };
      ctx.send(Log("x").note(input));
      input.text = "changed afterwards";
      ctx.sendAfter("15m", Counter(ctx.id).mark("later"), { timer: "t" });
      ctx.ask(Log("y").note({ text }), "noted", { by: 1 });
      ctx.cancel("t");
    },
    badEvent: (ctx) => ctx.emit("added", { by: 1.5 }),
    badReply: () => "five" as unknown as number,
    mutate: (ctx) => {
      (ctx.state.notes as string[]).push("in passing");
    },
    forgetful(ctx) {
      leaked = () => ctx.emit("added", { by: 1 });
    },
  },
  onReply: {
    noted: (ctx, outcome, { by }) => {
      if (outcome.kind === "replied") ctx.emit("added", { by: by + outcome.reply.at });
      else ctx.emit("marked", { mark: `${outcome.kind} ${outcome.code}` });
    },
  },
  queries: { total: (state, input) => state.total * (input?.times ?? 1) },
});

const faults: string[] = [];
const call = local([counter], { onFault: (fault) => faults.push(fault.command) });

async function onCounter(commands: readonly CallCommand[], rest: Omit<CallEntity, "type" | "commands"> = {}) {
  const [result] = await callLocal(call, [{ type: "demo/counter", stateVersion: 2, ...rest, commands }]);
  assert.ok(result);
  return result;
}

describe("an event-sourced entity", () => {
  it("folds events behind the given state first, and answers new events, replies and the folded state", async () => {
    const events = [{ name: "added", data: { by: 5, note: "b" } }];
    const result = await onCounter([{ name: "add", input: { by: 2 } }], { state: { total: 1, notes: ["a"] }, events });
    assert.deepEqual(result, {
      n: 0,
      state: { total: 8, notes: ["a", "b", "none"] },
      outcomes: [{ n: 0, reply: 8, events: [{ name: "added", data: { by: 2, note: "none" } }] }],
    });
  });

  it("leaves nothing of a refused command and goes on with the next one", async () => {
    const result = await onCounter([
      { name: "add", input: { by: 1 } },
      { name: "addThenRefuse", input: { by: 100 } },
      { name: "add", input: { by: 2 } },
    ]);
    assert.deepEqual(result.outcomes[1], { n: 1, refusal: { code: "no", message: "not today", details: { total: 101 } } });
    assert.deepEqual(result.outcomes[2], { n: 2, reply: 3, events: [{ name: "added", data: { by: 2, note: "none" } }] });
    assert.deepEqual(result.state, { total: 3, notes: ["none", "none"] });
  });

  it("skips what stands behind a faulted command, and keeps what stood before it", async () => {
    const result = await onCounter([
      { name: "add", input: { by: 1 } },
      { name: "addThenThrow", input: { by: 100 } },
      { name: "add", input: { by: 2 } },
    ]);
    assert.deepEqual(result.outcomes.slice(1), [
      { n: 1, fault: { message: "RangeError: boom" } },
      { n: 2, skipped: true },
    ]);
    assert.deepEqual(result.state, { total: 1, notes: ["none"] });
    assert.ok(faults.includes("addThenThrow"));
  });

  it("answers no state where nothing was done", async () => {
    const result = await onCounter(
      [
        { name: "addThenRefuse", input: { by: 1 } },
        { name: "total", query: true },
      ],
      { state: { total: 4, notes: [] } },
    );
    assert.equal("state" in result, false);
    assert.deepEqual(result.outcomes[1], { n: 1, reply: 4 });
  });

  it("answers the folded state where it is asked for without commands, and logs where it cannot", async () => {
    const events = [{ name: "added", data: { by: 5, note: "b" } }];
    assert.deepEqual(await onCounter([], { events }), { n: 0, state: { total: 5, notes: ["b"] }, outcomes: [] });
    assert.deepEqual(await onCounter([], { events: [{ name: "gone" }] }), { n: 0, outcomes: [] });
    assert.equal(faults.at(-1), "(fold)");
  });

  it("refuses input that does not fit, naming the field", async () => {
    const { outcomes } = await onCounter([{ name: "add", input: { by: "1" } }]);
    assert.match(JSON.stringify(outcomes[0]), /"code":"invalid_input".*"details":\[{"path":"by","message":/);
  });

  it("faults where an event or a reply does not fit its schema", async () => {
    for (const name of ["badEvent", "badReply"]) {
      const { outcomes } = await onCounter([{ name }]);
      assert.match(JSON.stringify(outcomes[0]), /"fault".*does not fit its schema/, name);
    }
  });

  it("faults where a handler changes the state in passing", async () => {
    const result = await onCounter([{ name: "mutate" }, { name: "total", query: true }], { state: { total: 1, notes: ["a"] } });
    assert.match(JSON.stringify(result.outcomes[0]), /not extensible|read only/);
  });

  it("hands a state of a lower version to migrate, and refuses one of a higher version", async () => {
    const migrated = await onCounter([{ name: "add", input: { by: 1 } }], { state: { sum: 6 }, stateVersion: 1 });
    assert.deepEqual(migrated.state, { total: 7, notes: ["none"] });
    const newer = await onCounter([{ name: "add", input: { by: 1 } }], { state: {}, stateVersion: 3 });
    assert.match(JSON.stringify(newer.outcomes[0]), /written by a newer deployment/);
  });

  it("tells apply the version an event was emitted with", async () => {
    const { state, outcomes } = await onCounter([{ name: "mark", input: "m" }], {
      events: [{ name: "marked", version: 1, data: { mark: "old" } }],
    });
    assert.deepEqual(state, { total: 0, notes: ["old@1", "m@2"] });
    assert.deepEqual(outcomes, [{ n: 0, events: [{ name: "marked", version: 2, data: { mark: "m" } }] }]);
  });

  it("sends, asks, sets and cancels timers, with inputs as they were when sent", async () => {
    const { outcomes } = await onCounter([{ name: "tell", input: "hi" }], { id: "k" });
    assert.deepEqual(outcomes[0], {
      n: 0,
      effects: [
        { send: { to: { type: "demo/log", id: "x" }, command: "note", input: { text: "hi" } } },
        { send: { to: { type: "demo/counter", id: "k" }, command: "mark", input: "later", afterMs: 900_000, timer: "t" } },
        {
          send: {
            to: { type: "demo/log", id: "y" },
            command: "note",
            input: { text: "hi" },
            replyTo: { handler: "noted", context: { by: 1 } },
          },
        },
        { cancel: { timer: "t" } },
      ],
    });
  });

  it("hands answers of every outcome to their handler, with the context of the ask", async () => {
    const answered = (answer: CallCommand["answer"]): CallCommand => ({
      name: "noted",
      input: { by: 2 },
      ...(answer && { answer }),
    });
    const { state } = await onCounter([
      answered({ kind: "replied", reply: { at: 40 } }),
      answered({ kind: "refused", code: "full", message: "" }),
      answered({ kind: "failed", code: "dead_letter", message: "" }),
    ]);
    assert.deepEqual(state, { total: 42, notes: ["none", "refused full@2", "failed dead_letter@2"] });
  });

  it("faults unknown commands, queries, events, answers and types with words that name them", async () => {
    const unknown: [CallCommand, RegExp][] = [
      [{ name: "nope" }, /no command \\"nope\\"/],
      [{ name: "constructor" }, /no command \\"constructor\\"/],
      [{ name: "nope", query: true }, /no query \\"nope\\"/],
      [{ name: "nope", answer: { kind: "replied" } }, /no reply handler \\"nope\\"/],
    ];
    for (const [command, words] of unknown) assert.match(JSON.stringify(await onCounter([command])), words);
    assert.match(JSON.stringify(await onCounter([{ name: "add" }], { events: [{ name: "gone" }] })), /no 'apply'.*\\"gone\\"/);
    assert.match(
      JSON.stringify(await callLocal(call, [{ type: "demo/other", commands: [{ name: "a" }] }])),
      /serves no entity type/,
    );
  });

  it("does nothing for a promise that outlives its command", async () => {
    for (const name of ["forgetful", "addThenRefuse"]) {
      leaked = undefined;
      await onCounter([{ name, input: { by: 1 } }]);
      assert.throws(() => leaked?.(), /this command has ended/, name);
    }
  });
});

describe("an invocation", () => {
  it("runs the commands of an entity in order and entities side by side", async () => {
    const slow = { name: "addLater", input: { by: 1 } };
    const results = await callLocal(call, [
      { type: "demo/counter", stateVersion: 2, id: "slow", commands: [slow, { name: "add", input: { by: 1 } }] },
      { type: "demo/counter", stateVersion: 2, id: "fast", commands: [{ name: "add", input: { by: 7 } }] },
    ]);
    assert.deepEqual(
      results.map((result) => result.n),
      [1, 0],
    );
    assert.deepEqual(
      results[1]?.outcomes.map((outcome) => "reply" in outcome && outcome.reply),
      [1, 2],
    );
  });

  it("begins no command once nobody waits", async () => {
    const abort = new AbortController();
    abort.abort();
    const [result] = await callLocal(
      call,
      [{ type: "demo/counter", commands: [{ name: "add", input: { by: 1 } }] }],
      abort.signal,
    );
    assert.match(JSON.stringify(result), /deadline passed before/);
  });
});
