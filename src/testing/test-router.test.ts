import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { command, entity, event, query, refuse, replyOf, unchecked } from "../sdk/index.js";
import { HoldfastError, RefusedError, testRouter } from "./index.js";

const Number_ = unchecked<number>();
const Account = entity("bank/account", {
  events: { deposited: Number_, withdrawn: event(Number_, { version: 2 }), noted: unchecked<string>() },
  commands: {
    deposit: command({ input: Number_, reply: Number_ }),
    withdraw: command({ input: Number_, reply: Number_, internal: true }),
    remind: command({ input: unchecked<{ after: `${number}m`; text: string }>() }),
    forget: command(),
    note: command({ input: unchecked<string>(), internal: true }),
    pull: command({ input: unchecked<{ from: string; sum: number }>() }),
    explode: command(),
    when: command({ reply: unchecked<{ now: string; principal: string | undefined; attempt: number }>() }),
  },
  queries: { balance: query({ reply: Number_ }) },
});
const account = Account.eventSourced({
  initial: (): { balance: number; notes: readonly string[] } => ({ balance: 0, notes: [] }),
  replies: { pulled: replyOf(Account, "withdraw", unchecked<{ sum: number }>()) },
}).handle({
  apply: {
    deposited: (state, sum) => ({ ...state, balance: state.balance + sum }),
    withdrawn: (state, sum) => ({ ...state, balance: state.balance - sum }),
    noted: (state, note) => ({ ...state, notes: [...state.notes, note] }),
  },
  commands: {
    deposit(ctx, sum) {
      ctx.emit("deposited", sum);
      return ctx.state.balance;
    },
    withdraw(ctx, sum) {
      ctx.emit("withdrawn", sum);
      if (ctx.state.balance < 0) throw refuse("overdrawn", `${ctx.id} is short`, { short: -ctx.state.balance });
      return ctx.state.balance;
    },
    remind: (ctx, { after, text }) => ctx.sendAfter(after, Account(ctx.id).note(text), { timer: "reminder" }),
    forget: (ctx) => ctx.cancel("reminder"),
    note: (ctx, text) => ctx.emit("noted", `${text} ${ctx.now.toISOString().slice(11, 16)}`),
    pull: (ctx, { from, sum }) => ctx.ask(Account(from).withdraw(sum), "pulled", { sum }),
    explode: () => {
      throw new RangeError("boom");
    },
    when: (ctx) => ({ now: ctx.now.toISOString(), principal: ctx.metadata["principal"], attempt: ctx.attempt }),
  },
  onReply: {
    pulled(ctx, outcome, { sum }) {
      if (outcome.kind === "replied") ctx.emit("deposited", sum);
      else ctx.emit("noted", `${outcome.kind}: ${outcome.code}`);
    },
  },
  queries: { balance: (state) => state.balance },
});
const a = Account("a");
const b = Account("b");
const start = () => testRouter([account], { now: new Date("2026-03-01T08:00:00Z") });

describe("testRouter", () => {
  it("calls, queries, and shows state and events", async () => {
    const t = await start();
    assert.equal(await t.call(a.deposit(5)), 5);
    assert.equal(await t.call(a.withdraw(2)), 3, "internal commands can be tested, too");
    assert.equal(await t.query(a.balance()), 3);
    assert.deepEqual(await t.state(a), { balance: 3, notes: [] });
    assert.equal(await t.state(b), null);
    const events = await t.events(a);
    assert.deepEqual(
      events.map(({ name, data, version, eventVersion }) => [name, data, version, eventVersion]),
      [
        ["deposited", 5, 1, 1],
        ["withdrawn", 2, 2, 2],
      ],
    );
    assert.deepEqual(events[0]?.at, new Date("2026-03-01T08:00:00Z"));
  });

  it("rejects a refused call with code and details, and nothing of the command is left", async () => {
    const t = await start();
    const error = await t.call(a.withdraw(2)).catch((thrown: unknown) => thrown);
    assert.ok(error instanceof RefusedError);
    assert.deepEqual([error.code, error.message, error.details], ["overdrawn", "a is short", { short: 2 }]);
    assert.deepEqual(await t.events(a), []);
  });

  it("rejects a call whose handler throws, with what it threw, and retries it before", async () => {
    const t = await start();
    const error = await t.call(a.explode()).catch((thrown: unknown) => thrown);
    assert.ok(error instanceof HoldfastError && error.cause instanceof RangeError);
    assert.equal(error.code, "function_faulted");
    assert.deepEqual(
      t.faults.map((fault) => fault.command),
      ["explode", "explode", "explode"],
    );
  });

  it("carries messages and their answers until all is settled, whatever they bring", async () => {
    const t = await start();
    await t.call(b.deposit(10));
    await t.call(a.pull({ from: "b", sum: 4 }));
    await t.call(a.pull({ from: "b", sum: 40 }));
    await t.settle();
    assert.deepEqual(await t.state(a), { balance: 4, notes: ["refused: overdrawn"] });
    assert.equal(await t.query(b.balance()), 6);
  });

  it("makes an entity fail as often as it is told, and every effect still happens once", async () => {
    const t = await start();
    await t.call(b.deposit(10));
    t.fail(b, 2);
    await t.call(a.pull({ from: "b", sum: 4 }));
    await t.settle();
    assert.deepEqual([await t.query(a.balance()), await t.query(b.balance())], [4, 6]);
    assert.deepEqual(t.faults, []);
    t.fail(a);
    assert.equal((await t.call(a.when())).attempt, 2);
  });

  it("turns a message that always fails into a dead letter, and tells who asked", async () => {
    const t = await start();
    t.fail(b, 100);
    await t.call(a.pull({ from: "b", sum: 4 }));
    await t.settle();
    const [letter, ...others] = await t.deadLetters(b);
    assert.deepEqual([letter?.command, letter?.input, letter?.attempts, others.length], ["withdraw", 4, 10, 0]);
    assert.match(JSON.stringify(await t.state(a)), /"failed: /);
    assert.equal((await t.deadLetters()).length, 1);
  });

  it("lets time pass: timers fire at their moment, replaced and cancelled ones do not", async () => {
    const t = await start();
    await t.call(a.remind({ after: "10m", text: "early" }));
    await t.call(a.remind({ after: "15m", text: "tea" }));
    await t.call(b.remind({ after: "5m", text: "never" }));
    assert.deepEqual(await t.timers(a), [
      { name: "reminder", at: new Date("2026-03-01T08:15:00Z"), to: a.$address, command: "note", input: "tea" },
    ]);
    await t.call(b.forget());
    await t.advance("14m");
    assert.deepEqual((await t.state<{ notes: string[] }>(a)) ?? "nothing stored", "nothing stored");
    await t.advance("1h");
    assert.deepEqual(await t.state(a), { balance: 0, notes: ["tea 08:15"] });
    assert.equal(await t.state(b), null);
    assert.deepEqual(t.now, new Date("2026-03-01T09:14:00Z"));
  });

  it("sends for later", async () => {
    const t = await start();
    const { commandId } = await t.send(a.note("late"), { delay: "2m" });
    assert.ok(commandId);
    await t.settle();
    assert.equal(await t.state(a), null);
    await t.advance("1h");
    assert.deepEqual(await t.state(a), { balance: 0, notes: ["late 08:02"] });
  });

  it("keeps commands waiting while a function is out of reach, and faults nobody", async () => {
    const t = await start();
    t.unavailable(Account);
    await t.send(a.deposit(1));
    await t.advance("2h");
    t.available(Account);
    await t.settle();
    assert.equal(await t.query(a.balance()), 1);
    assert.deepEqual(await t.deadLetters(), []);
  });

  it("recognises a repeated command by its key", async () => {
    const t = await start();
    const once = { idempotencyKey: "k" };
    assert.deepEqual([await t.call(a.deposit(3), once), await t.call(a.deposit(3), once)], [3, 3]);
    assert.equal(await t.query(a.balance()), 3);
    await assert.rejects(t.call(a.deposit(4), once), { code: "idempotency_key_reused" });
  });

  it("takes many calls at once, in order for each entity", async () => {
    const t = await start();
    const replies = await Promise.all(Array.from({ length: 50 }, (_, at) => t.call(Account(`x${at % 5}`).deposit(1))));
    assert.deepEqual(replies.slice(0, 5), [1, 1, 1, 1, 1]);
    assert.deepEqual(replies.slice(-5), [10, 10, 10, 10, 10]);
  });

  it("goes on behind a crash: state, timers and messages are still there", async () => {
    const t = await start();
    await t.call(b.deposit(10));
    await t.call(a.pull({ from: "b", sum: 4 }));
    await t.call(a.remind({ after: "15m", text: "tea" }));
    await t.restart();
    await t.advance("20m");
    assert.deepEqual(await t.state(a), { balance: 4, notes: ["tea 08:15"] });
  });

  it("gives handlers its own time and what the caller brings along", async () => {
    const t = await start();
    await t.advance("90s");
    const seen = await t.call(a.when(), { metadata: { principal: "ann" } });
    assert.deepEqual(seen, { now: "2026-03-01T08:01:30.000Z", principal: "ann", attempt: 1 });
  });

  it("notes which handlers ran", async () => {
    const t = await start();
    await t.call(a.deposit(1));
    await t.call(a.pull({ from: "b", sum: 4 }));
    await t.settle();
    assert.deepEqual(
      t.ran(a).map((run) => run.name),
      ["deposit", "pull", "pulled"],
    );
    assert.deepEqual(t.ran(b), [{ name: "withdraw", input: 4 }]);
  });
});
