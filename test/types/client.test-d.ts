/** What a client must not be able to write, does not compile. */
import { command, entity, event, query } from "holdfast";
import { connect } from "holdfast/client";
import { z } from "zod";

const Stock = entity("shop/stock", {
  events: { restocked: z.number(), counted: event(z.object({ left: z.number() }), { version: 2 }) },
  commands: {
    restock: command({ input: z.number(), reply: z.object({ left: z.number() }) }),
    reserve: command({ input: z.number(), internal: true }),
    clear: command(),
  },
  queries: { left: query({ reply: z.number() }) },
});
const client = connect("http://127.0.0.1:8080");

export async function typed(): Promise<void> {
  const reply: { left: number } = await client.call(Stock("a").restock(1), { idempotencyKey: "k" });
  const nothing: undefined = await client.call(Stock("a").clear());
  const left: number = await client.query(Stock("a").left());
  const { commandId } = await client.send(Stock("a").restock(1), { delay: "5m" });
  const outcome = await client.outcome(Stock("a"), commandId, { wait: "30s" });
  if (outcome.kind === "refused") outcome.details;
  const { state } = await client.state<{ left: number }>(Stock("a"));
  for await (const happened of client.events(Stock("a"), { follow: true })) {
    if (happened.name === "restocked") happened.data.toFixed();
    else happened.data.left.toFixed();
    // @ts-expect-error no such event
    if (happened.name === "cleared") return;
  }
  // @ts-expect-error another reply
  const wrong: string = await client.call(Stock("a").restock(1));
  // @ts-expect-error an internal command is for entities alone
  await client.call(Stock("a").reserve(1));
  // @ts-expect-error also when nobody waits for it
  await client.send(Stock("a").reserve(1));
  // @ts-expect-error a query is not called
  await client.call(Stock("a").left());
  // @ts-expect-error nor a command queried
  await client.query(Stock("a").clear());
  // @ts-expect-error no duration
  await client.send(Stock("a").clear(), { delay: "5 minutes" });
  // @ts-expect-error a state may be null
  state.left;
  console.log(reply, nothing, left, wrong);
}
