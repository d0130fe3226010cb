/** Numbers that commands, chains of messages and timers change; and what tells many of them at once. */
import { refuse } from "../../../src/sdk/index.js";
import { badMoment } from "./bad-moment.js";
import { Courier, Tally } from "./contracts.js";

interface Pending {
  readonly by: number;
  /** Null: it was moved, and what was on its way already may ring before. */
  readonly dueAtMs: number | null;
}

export interface TallyState {
  readonly count: number;
  /** The sum of the hop numbers that messages came with. */
  readonly hops: number;
  readonly rung: number;
  /** Timers that rang before they were due: none, ever. */
  readonly early: number;
  readonly timers: { readonly [name: string]: Pending };
}

/** Clocks of one machine, read by two processes and rounded to milliseconds. */
const EARLY_MS = 5;

export const tally = Tally.value({
  initial: (): TallyState => ({ count: 0, hops: 0, rung: 0, early: 0, timers: {} }),
}).handle({
  commands: {
    add(ctx, { by }) {
      badMoment();
      ctx.state = { ...ctx.state, count: ctx.state.count + by };
      return { count: ctx.state.count };
    },
    spend(ctx, { by }) {
      if (ctx.state.count < by) throw refuse("too_little", `there are ${ctx.state.count}`);
      ctx.state = { ...ctx.state, count: ctx.state.count - by };
      return { count: ctx.state.count };
    },
    /** Does all that a command can do, and then refuses: nothing of it may be seen. */
    refuse(ctx, { to }) {
      ctx.state = { ...ctx.state, count: ctx.state.count + 1_000_000 };
      ctx.send(Tally(to).add({ by: 1_000_000 }));
      ctx.sendAfter("1s", Tally(to).add({ by: 1_000_000 }), { timer: "refused" });
      throw refuse("always_refused", "nothing of this happens");
    },
    crash(ctx, { by, attempts }) {
      ctx.state = { ...ctx.state, count: ctx.state.count + by };
      if (ctx.attempt <= attempts) throw new Error(`attempt ${ctx.attempt} crashes as it was asked to`);
    },
    relay(ctx, { by, path, hop }) {
      badMoment();
      ctx.state = { ...ctx.state, count: ctx.state.count + by, hops: ctx.state.hops + hop };
      const [next, ...rest] = path;
      if (next !== undefined) ctx.send(Tally(next).relay({ by, path: rest, hop: hop + 1 }));
    },
    setTimer(ctx, { name, by, ms }) {
      const pending: Pending = { by, dueAtMs: ctx.now.getTime() + ms };
      ctx.state = { ...ctx.state, timers: { ...ctx.state.timers, [name]: pending } };
      ctx.sendAfter(ms, Tally(ctx.id).ring({ name }), { timer: name });
    },
    moveTimer(ctx, { name, ms }) {
      const pending = ctx.state.timers[name];
      if (pending === undefined) return { was: "rung" };
      ctx.state = { ...ctx.state, timers: { ...ctx.state.timers, [name]: { by: pending.by, dueAtMs: null } } };
      ctx.sendAfter(ms, Tally(ctx.id).ring({ name }), { timer: name });
      return { was: "pending" };
    },
    cancelTimer(ctx, { name }) {
      const { [name]: pending, ...timers } = ctx.state.timers;
      if (pending === undefined) return { was: "rung" };
      ctx.state = { ...ctx.state, timers };
      ctx.cancel(name);
      return { was: "pending" };
    },
    ring(ctx, { name }) {
      const { [name]: pending, ...timers } = ctx.state.timers;
      if (pending === undefined) return; // cancelled, or moved, when it was on its way already
      const isEarly = pending.dueAtMs !== null && Date.now() < pending.dueAtMs - EARLY_MS;
      const { count, rung, early } = ctx.state;
      ctx.state = { ...ctx.state, timers, count: count + pending.by, rung: rung + 1, early: early + (isEarly ? 1 : 0) };
    },
  },
  queries: { count: (state) => state.count },
});

export const courier = Courier.action().handle({
  commands: {
    deliver(ctx, { to, by }) {
      badMoment();
      for (const id of to) ctx.send(Tally(id).add({ by }));
    },
  },
});
