/** A Lambda function that misbehaves when asked to. `handler` streams its answers, `buffered` returns them. */
import { setTimeout as sleep } from "node:timers/promises";
import { command, entity, lambdaHandler, query, unchecked } from "../../../src/sdk/index.js";

export const Odd = entity("odd/thing", {
  commands: {
    /** Counts, and answers as many characters as asked. */
    add: command({ input: unchecked<{ readonly characters?: number; readonly waitMs?: number }>(), reply: unchecked<string>() }),
    hang: command({ reply: unchecked<string>() }),
    devour: command({ reply: unchecked<string>() }),
    exit: command({ reply: unchecked<string>() }),
    /** Says which process answers, and how often its clock has ticked. */
    ticks: command({ reply: unchecked<{ readonly processId: number; readonly ticks: number }>() }),
  },
  queries: { count: query({ reply: unchecked<number>() }) },
});

let ticks = 0;
setInterval(() => ticks++, 5).unref();

const odd = Odd.value({ stateVersion: 1, initial: () => 0 }).handle({
  commands: {
    async add(ctx, { characters = 0, waitMs = 0 }) {
      if (waitMs > 0) await sleep(waitMs);
      ctx.state = ctx.state + 1;
      return "x".repeat(characters);
    },
    /** Nothing of this process goes on, so that only Lambda can end it. */
    hang() {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
      return "";
    },
    async devour() {
      for (const eaten: Buffer[] = []; ; await sleep(1)) eaten.push(Buffer.alloc(8 << 20, 1));
    },
    exit: () => process.exit(1),
    ticks: () => ({ processId: process.pid, ticks }),
  },
  queries: { count: (state) => state },
});

const quiet = { onFault: () => undefined };
export const handler = lambdaHandler([odd], quiet);
export const buffered = lambdaHandler([odd], { ...quiet, streaming: false });
