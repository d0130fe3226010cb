// The same counter as a Restate virtual object, on Restate's own SDK. Runs on Node 22 or newer.
// argv: the port to listen on. Prints `ready {"port":N}`.
import * as restate from "@restatedev/restate-sdk";

const counter = restate.object({
  name: "counter",
  handlers: {
    add: async (ctx, input) => {
      const count = ((await ctx.get("count")) ?? 0) + input.by;
      ctx.set("count", count);
      return count;
    },
  },
});

const port = await restate.serve({ services: [counter], port: Number(process.argv[2]) });
console.log(`ready ${JSON.stringify({ port })}`);
