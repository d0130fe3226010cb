/** Increments: alone, through chains of messages, to many at once, later, refused, crashing. */
import { Courier, Tally, type TimerWas } from "../../functions/contracts.js";
import type { ChaosClient, CommandKind } from "../chaos-client.js";

const CHAIN_MAX = 5;
const AT_ONCE_MAX = 8;
const DELAY_MS_MAX = 6_000;
/** More timers, or commands handed over, than this a client does not keep in mind. */
const REMEMBERED_MAX = 20;
const OUTCOME_WAIT = "1s";
/** Whoever it is sent to by commands that are refused: nothing ever arrives. */
const NOBODY = "nobody";

const of = (id: string): string => `${Tally.type}/${id}`;
const some = (client: ChaosClient): string => client.population.id("tally", client.random);

export const TALLY_KINDS: readonly CommandKind[] = [
  {
    name: "add",
    weight: 10,
    async run(client) {
      const entity = of(some(client));
      const by = 1 + client.random.below(5);
      await client.done({ kind: "add", entity, command: "add", input: { by } });
      client.expectations.add(entity, "count", by);
      return true;
    },
  },
  {
    name: "relay",
    weight: 8,
    async run(client) {
      const path = Array.from({ length: 2 + client.random.below(CHAIN_MAX - 1) }, () => some(client));
      const [first = "", ...rest] = path;
      const by = 1 + client.random.below(3);
      await client.done({ kind: "relay", entity: of(first), command: "relay", input: { by, path: rest, hop: 0 } });
      for (const [hop, id] of path.entries()) {
        client.expectations.add(of(id), "count", by);
        client.expectations.add(of(id), "hops", hop);
      }
      return true;
    },
  },
  {
    name: "fanOut",
    weight: 3,
    async run(client) {
      const to = Array.from({ length: 3 + client.random.below(AT_ONCE_MAX - 2) }, () => some(client));
      const entity = `${Courier.type}/${client.name}`;
      await client.done({ kind: "fanOut", entity, command: "deliver", input: { to, by: 1 } });
      for (const id of to) client.expectations.add(of(id), "count", 1);
      return true;
    },
  },
  {
    name: "sendLater",
    weight: 3,
    run: (client) => handOver(client, "sendLater", `mode=send&delay=${200 + client.random.below(DELAY_MS_MAX)}ms`),
  },
  { name: "handOver", weight: 3, run: (client) => handOver(client, "handOver", "mode=send") },
  {
    name: "outcome",
    weight: 3,
    async run(client) {
      const one = client.handedOver.shift();
      if (one === undefined) return false;
      const shown = await client.read(`/${one.entity}/$commands/${one.commandId}?wait=${OUTCOME_WAIT}`);
      if (shown.status === 202) client.handedOver.push(one);
      else if (typeof (JSON.parse(shown.text) as { readonly count?: unknown }).count !== "number") {
        client.expectations.violations.push(`the outcome of ${one.commandId} at ${one.entity} is ${shown.text}`);
      }
      return true;
    },
  },
  {
    name: "spend",
    weight: 4,
    async run(client) {
      const entity = of(some(client));
      const by = 1 + client.random.below(5);
      client.expectations.touch(entity);
      const definite = await client.command({ kind: "spend", entity, command: "spend", input: { by } });
      if (definite.kind === "replied") client.expectations.add(entity, "count", -by);
      else if (definite.code !== "too_little") client.expectations.violations.push(`spend at ${entity}: ${definite.code}`);
      return true;
    },
  },
  {
    name: "refuse",
    weight: 4,
    async run(client) {
      const entity = of(some(client));
      client.expectations.touch(entity);
      client.expectations.touch(of(NOBODY));
      const definite = await client.command({ kind: "refuse", entity, command: "refuse", input: { to: NOBODY } });
      if (definite.kind === "replied" || definite.code !== "always_refused") {
        client.expectations.violations.push(`refuse at ${entity} came to ${JSON.stringify(definite)}`);
      }
      return true;
    },
  },
  {
    name: "crash",
    weight: 2,
    async run(client) {
      const entity = of(some(client));
      // Three attempts are made before its caller is told; then the caller comes again.
      const input = { by: 1, attempts: 1 + client.random.below(2) };
      await client.done({ kind: "crash", entity, command: "crash", input });
      client.expectations.add(entity, "count", 1);
      return true;
    },
  },
  {
    name: "setTimer",
    weight: 5,
    async run(client) {
      if (client.timers.length >= REMEMBERED_MAX) client.timers.shift();
      const entity = of(some(client));
      const key = client.newKey();
      const by = 1 + client.random.below(5);
      const ms = 200 + client.random.below(DELAY_MS_MAX);
      await client.done({ kind: "setTimer", entity, command: "setTimer", input: { name: `t${key}`, by, ms }, key });
      client.expectations.add(entity, "count", by);
      client.expectations.add(entity, "rung", 1);
      client.timers.push({ entity, name: `t${key}`, by });
      return true;
    },
  },
  {
    name: "moveTimer",
    weight: 3,
    async run(client) {
      const timer = client.timers.at(-1);
      if (timer === undefined) return false;
      const input = { name: timer.name, ms: 200 + client.random.below(DELAY_MS_MAX) };
      await client.done({ kind: "moveTimer", entity: timer.entity, command: "moveTimer", input });
      return true;
    },
  },
  {
    name: "cancelTimer",
    weight: 3,
    async run(client) {
      const timer = client.timers.pop();
      if (timer === undefined) return false;
      const { entity, name, by } = timer;
      const text = await client.done({ kind: "cancelTimer", entity, command: "cancelTimer", input: { name } });
      if ((JSON.parse(text) as TimerWas).was === "pending") {
        client.expectations.add(entity, "count", -by);
        client.expectations.add(entity, "rung", -1);
      }
      return true;
    },
  },
  {
    name: "count",
    weight: 2,
    async run(client) {
      const { text } = await client.read(`/${of(some(client))}/count`);
      if (!Number.isSafeInteger(Number(text))) client.expectations.violations.push(`a count is shown as ${text}`);
      return true;
    },
  },
];

async function handOver(client: ChaosClient, kind: string, query: string): Promise<boolean> {
  const entity = of(some(client));
  const by = 1 + client.random.below(5);
  const text = await client.done({ kind, entity, command: "add", input: { by }, query });
  client.expectations.add(entity, "count", by);
  if (client.handedOver.length < REMEMBERED_MAX)
    client.handedOver.push({ entity, ...(JSON.parse(text) as { commandId: string }) });
  return true;
}
