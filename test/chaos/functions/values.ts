/** Values that are read: registers, ledgers with a history, notes. */
import { refuse } from "../../../src/sdk/index.js";
import { badMoment } from "./bad-moment.js";
import { Ledger, Note, type NoteState, Register } from "./contracts.js";

export const register = Register.value({ initial: (): { readonly value: number } => ({ value: 0 }) }).handle({
  commands: {
    write(ctx, { value }) {
      badMoment();
      ctx.state = { value };
    },
    compareAndSet(ctx, { expected, value }) {
      if (ctx.state.value !== expected) return { isSet: false };
      ctx.state = { value };
      return { isSet: true };
    },
  },
  queries: { read: (state) => state },
});

export const ledger = Ledger.eventSourced({
  initial: (): { readonly balance: number } => ({ balance: 0 }),
  expose: ["state", "events"],
}).handle({
  apply: {
    credited: (state, { by }) => ({ balance: state.balance + by }),
    debited: (state, { by }) => ({ balance: state.balance - by }),
  },
  commands: {
    credit(ctx, posting) {
      badMoment();
      ctx.emit("credited", posting);
      return { balance: ctx.state.balance };
    },
    debit(ctx, posting) {
      ctx.emit("debited", posting);
      if (ctx.state.balance < 0) throw refuse("not_covered", `${posting.by} are too much`);
      return { balance: ctx.state.balance };
    },
  },
  queries: { balance: (state) => state.balance },
});

export const note = Note.value({ initial: (): NoteState | null => null }).handle({
  commands: {
    put(ctx, text) {
      ctx.state = text;
    },
    forget(ctx) {
      ctx.state = null;
    },
  },
});
