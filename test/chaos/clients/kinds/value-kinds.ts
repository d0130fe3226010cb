/** Registers that everybody reads and writes; ledgers and their history; notes, each of which one client alone writes. */
import { createHash } from "node:crypto";
import { checkHistory } from "../../checkers/history-is-the-state.js";
import { Ledger, Note, Register } from "../../functions/contracts.js";
import type { ChaosClient, CommandKind } from "../chaos-client.js";
import { readHistory } from "../read-history.js";

/** Over the record's limit for a value: such a state is an object of its own. */
const BIG_CHARACTERS = 200_000;
const SMALL_CHARACTERS_MAX = 400;

const register = (client: ChaosClient): string => `${Register.type}/${client.population.id("register", client.random)}`;
const ledger = (client: ChaosClient): string => `${Ledger.type}/${client.population.id("ledger", client.random)}`;
/** Of the notes, those that are this client's. */
const note = (client: ChaosClient): string => `${Note.type}/${client.name}-${client.random.below(20)}`;

export const VALUE_KINDS: readonly CommandKind[] = [
  {
    name: "writeRegister",
    weight: 4,
    async run(client) {
      const entity = register(client);
      const key = client.newKey();
      const value = uniqueValue(key);
      const invokedAtMs = performance.now();
      await client.done({ kind: "writeRegister", entity, command: "write", input: { value }, key });
      client.registered(entity, { kind: "write", value, invokedAtMs, answeredAtMs: performance.now(), node: client.name });
      return true;
    },
  },
  {
    name: "compareAndSet",
    weight: 4,
    async run(client) {
      const entity = register(client);
      const seen = await client.readOnce(`/${entity}/read`);
      if (seen === null) return false;
      const expected = (JSON.parse(seen.text) as { readonly value: number }).value;
      const key = client.newKey();
      const value = uniqueValue(key);
      const invokedAtMs = performance.now();
      const text = await client.done({
        kind: "compareAndSet",
        entity,
        command: "compareAndSet",
        input: { expected, value },
        key,
      });
      const { isSet } = JSON.parse(text) as { readonly isSet: boolean };
      const times = { invokedAtMs, answeredAtMs: performance.now(), node: client.name };
      client.registered(entity, { kind: "compareAndSet", value, expected, isSet, ...times });
      return true;
    },
  },
  { name: "readRegister", weight: 10, run: (client) => readRegister(client, "/read") },
  { name: "readRegisterState", weight: 4, run: (client) => readRegister(client, "") },
  { name: "credit", weight: 6, run: (client) => post(client, "credit", 1) },
  { name: "debit", weight: 4, run: (client) => post(client, "debit", -1) },
  {
    name: "readHistory",
    weight: 2,
    async run(client) {
      const entity = ledger(client);
      const events = await readHistory(entity, (path) => client.read(path));
      client.expectations.violations.push(...checkHistory(entity, events, null, null));
      return true;
    },
  },
  {
    name: "putNote",
    weight: 4,
    run: (client) => putNote(client, "putNote", 1 + client.random.below(SMALL_CHARACTERS_MAX)),
  },
  { name: "putBigNote", weight: 2, run: (client) => putNote(client, "putBigNote", BIG_CHARACTERS) },
  {
    name: "forgetNote",
    weight: 2,
    async run(client) {
      const entity = note(client);
      await client.done({ kind: "forgetNote", entity, command: "forget" });
      client.expectations.set(entity, "digest", "");
      return true;
    },
  },
  {
    name: "readNote",
    weight: 4,
    async run(client) {
      const entity = note(client);
      const wanted = client.expectations.touch(entity)["digest"] ?? "";
      const { text, node } = await client.read(`/${entity}`);
      const { state } = JSON.parse(text) as { readonly state: { readonly digest: string; readonly text: string } | null };
      const shown = state === null ? "" : digestOf(state.text);
      if (shown !== wanted)
        client.expectations.violations.push(`${node} shows ${entity} as '${shown}', and '${wanted}' was written`);
      return true;
    },
  },
];

/** Client and number of its key in one number. */
function uniqueValue(key: string): number {
  const [client = 0, number = 0] = key.split("-").map(Number);
  return (client + 1) * 10_000_000 + number;
}

async function readRegister(client: ChaosClient, path: "/read" | ""): Promise<boolean> {
  const entity = register(client);
  const shown = await client.readOnce(`/${entity}${path}`);
  if (shown === null) return false;
  const answer = JSON.parse(shown.text) as { readonly value?: number; readonly state?: { readonly value: number } | null };
  const value = answer.value ?? answer.state?.value ?? 0;
  const { beganAtMs: invokedAtMs, endedAtMs: answeredAtMs, node } = shown;
  client.registered(entity, { kind: "read", value, invokedAtMs, answeredAtMs, node });
  return true;
}

async function post(client: ChaosClient, command: "credit" | "debit", sign: 1 | -1): Promise<boolean> {
  const entity = ledger(client);
  const key = client.newKey();
  const by = 1 + client.random.below(9);
  client.expectations.touch(entity);
  const definite = await client.command({ kind: command, entity, command, input: { by, key }, key });
  if (definite.kind === "replied") client.expectations.posted(entity, key, sign * by);
  else if (definite.code !== "not_covered") client.expectations.violations.push(`${command} at ${entity}: ${definite.code}`);
  return true;
}

async function putNote(client: ChaosClient, kind: string, characters: number): Promise<boolean> {
  const entity = note(client);
  // Random, or it would be stored in a few bytes.
  const text = Buffer.from(client.random.bytes(Math.ceil((characters * 3) / 4))).toString("base64");
  const digest = digestOf(text);
  await client.done({ kind, entity, command: "put", input: { digest, text } });
  client.expectations.set(entity, "digest", digest);
  return true;
}

function digestOf(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 16);
}
