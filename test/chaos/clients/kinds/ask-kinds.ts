/** Asks whose answers are replies, refusals and failures; and commands that are repeated long after. */
import { Answerer, type AskedHow, Asker } from "../../functions/contracts.js";
import type { ChaosClient, CommandKind } from "../chaos-client.js";

const AFTER_MS_MAX = 3_000;
/** How the ids of entities begin that are asked to fail. */
export const BROKEN_ID = "broken-";

export const ASK_KINDS: readonly CommandKind[] = [
  { name: "askReplied", weight: 5, run: (client) => ask(client, "askReplied", "give", 0) },
  { name: "askRefused", weight: 3, run: (client) => ask(client, "askRefused", "refuse", 0) },
  { name: "askLater", weight: 2, run: (client) => ask(client, "askLater", "give", 100 + client.random.below(AFTER_MS_MAX)) },
  { name: "askFailed", weight: 2, run: (client) => ask(client, "askFailed", "fail", 0) },
  {
    name: "repeat",
    weight: 5,
    async run(client) {
      const told = client.toldBefore();
      if (told === null) return false;
      const again = await client.again(told.asked);
      if (JSON.stringify(again) !== JSON.stringify(told.definite)) {
        const { entity, command, key } = told.asked;
        const first = JSON.stringify(told.definite);
        client.expectations.violations.push(`${entity}/${command} under ${key}: ${first}, then ${JSON.stringify(again)}`);
      }
      return true;
    },
  },
];

async function ask(client: ChaosClient, kind: string, how: AskedHow, afterMs: number): Promise<boolean> {
  const entity = `${Asker.type}/${client.population.id("asker", client.random)}`;
  const key = client.newKey();
  // Whoever is asked to fail is asked nothing else: ten tries, ever more slowly, hold up what waits behind them.
  const of = how === "fail" ? `${BROKEN_ID}${key}` : client.population.id("answerer", client.random);
  const by = 1 + client.random.below(5);
  await client.done({ kind, entity, command: "ask", input: { of, how, by, afterMs }, key });
  client.expectations.add(entity, "asked", 1);
  client.expectations.touch(`${Answerer.type}/${of}`);
  if (how !== "give") {
    client.expectations.add(entity, how === "refuse" ? "refused" : "failed", 1);
  } else {
    client.expectations.add(entity, "replied", 1);
    client.expectations.add(entity, "sum", by);
    client.expectations.add(`${Answerer.type}/${of}`, "given", by);
  }
  return true;
}
