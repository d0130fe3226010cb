/** Asks and answers: replied, refused, and failed where the other one faults as often as it is tried. */
import { refuse, replyOf, unchecked } from "../../../src/sdk/index.js";
import { badMoment } from "./bad-moment.js";
import { Answerer, Asker } from "./contracts.js";

export interface AskerState {
  readonly asked: number;
  readonly replied: number;
  readonly refused: number;
  readonly failed: number;
  /** Of what was given in replies. */
  readonly sum: number;
}

export const asker = Asker.value({
  initial: (): AskerState => ({ asked: 0, replied: 0, refused: 0, failed: 0, sum: 0 }),
  replies: { answered: replyOf(Answerer, "answer", unchecked<{ readonly by: number }>()) },
}).handle({
  commands: {
    ask(ctx, { of, how, by, afterMs }) {
      badMoment();
      ctx.state = { ...ctx.state, asked: ctx.state.asked + 1 };
      ctx.ask(Answerer(of).answer({ how, by }), "answered", { by }, afterMs > 0 ? { after: afterMs } : {});
    },
  },
  onReply: {
    answered(ctx, outcome) {
      badMoment();
      const { state } = ctx;
      const sum = outcome.kind === "replied" ? state.sum + outcome.reply.by : state.sum;
      ctx.state = { ...state, sum, [outcome.kind]: state[outcome.kind] + 1 };
    },
  },
});

export const answerer = Answerer.value({ initial: (): { readonly given: number } => ({ given: 0 }) }).handle({
  commands: {
    answer(ctx, { how, by }) {
      badMoment();
      ctx.state = { given: ctx.state.given + by };
      if (how === "fail") throw new Error("as it was asked to, whenever it is");
      if (how === "refuse") throw refuse("none_for_you", "as it was asked to");
      return { by };
    },
  },
});
