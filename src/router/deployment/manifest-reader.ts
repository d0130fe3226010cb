/**
 * From a function's manifest (src/protocol/function/manifest.ts) to entity types. The manifest comes from outside: every
 * member is checked, and the first that does not fit refuses it all, with its path.
 */
import { nameProblem, typeProblem } from "../../core/entity/address.js";
import {
  type CommandSpec,
  DEFAULT_POLICY,
  type EntityKind,
  type EntityType,
  type EventSpec,
  type Exposure,
  type HistoryRetention,
  type OnPoison,
  type TypePolicy,
} from "../../core/entity/entity-type.js";
import { IDEMPOTENCY_RETENTION_MIN_MS, STATE_BYTES_MAX } from "../config/read-types.js";
import { parseDuration } from "../duration.js";

/** The endpoint answered with something that is no manifest this router can use. Code `manifest_malformed`. */
export class ManifestProblem extends Error {
  override readonly name = "ManifestProblem";
  readonly code = "manifest_malformed";
}

/** More of either is a mistake, and would weigh on every list that shows them. */
const TYPES_MAX = 1_000;
const NAMES_MAX = 1_000;
const MAILBOX_MAX = 1_000_000;
const CONTRACT = "1";

export type OperatorPolicies = Readonly<Record<string, Partial<TypePolicy>>>;

/** Throws `ManifestProblem`. What the operator sets for a type is laid over what the function wishes for it. */
export function readManifest(manifest: Uint8Array, operator: OperatorPolicies): readonly EntityType[] {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(manifest));
  } catch (error) {
    throw new ManifestProblem(`the manifest is not JSON: ${(error as Error).message}`);
  }
  const root = mapping(value, "the manifest");
  const contracts = list(root["contracts"] ?? [root["holdfast"]], "contracts");
  if (!contracts.includes(CONTRACT)) {
    throw new ManifestProblem(
      `the function speaks the contract versions ${JSON.stringify(contracts)}, this router speaks '${CONTRACT}'`,
    );
  }
  const types = list(root["types"], "types");
  if (types.length === 0) throw new ManifestProblem("types: the function serves no entity type");
  if (types.length > TYPES_MAX) throw new ManifestProblem(`types: more than ${TYPES_MAX}`);
  const byName = new Map<string, EntityType>();
  for (const [index, one] of types.entries()) {
    const type = readType(mapping(one, `types[${index}]`), `types[${index}]`, operator);
    if (byName.has(type.name)) throw new ManifestProblem(`types[${index}]: ${type.name} is declared twice`);
    byName.set(type.name, type);
  }
  return [...byName.values()];
}

type Mapping = Readonly<Record<string, unknown>>;

const KINDS: readonly EntityKind[] = ["event-sourced", "value", "action"];
const EXPOSURES: readonly Exposure[] = ["public", "internal"];

function readType(one: Mapping, path: string, operator: OperatorPolicies): EntityType {
  const name = text(one["type"], `${path}.type`);
  const problem = typeProblem(name);
  if (problem !== null) throw new ManifestProblem(`${path}.type: ${problem}`);
  const commands = readSpecs(one["commands"], `${path}.commands`);
  const queries = readSpecs(one["queries"], `${path}.queries`);
  const replies = list(one["replies"] ?? [], `${path}.replies`).map((reply, index) => named(reply, `${path}.replies[${index}]`));
  const isTwice = [...queries.keys(), ...replies].find((each) => commands.has(each)) ?? replies.find((each) => queries.has(each));
  if (isTwice !== undefined) throw new ManifestProblem(`${path}: '${isTwice}' names two handlers`);
  return {
    name,
    kind: choice(KINDS, one["kind"], `${path}.kind`),
    stateVersion: whole(one["stateVersion"] ?? 1, `${path}.stateVersion`, 1, 2 ** 31),
    commands,
    queries,
    replies: new Set(replies),
    events: readEvents(one["events"], `${path}.events`),
    policy: {
      ...DEFAULT_POLICY,
      ...readWishes(mapping(one["wishes"] ?? {}, `${path}.wishes`), `${path}.wishes`),
      ...operator[name],
    },
  };
}

function readSpecs(value: unknown, path: string): ReadonlyMap<string, CommandSpec> {
  const specs = new Map<string, CommandSpec>();
  for (const [index, item] of bounded(list(value ?? [], path), path).entries()) {
    const at = `${path}[${index}]`;
    const one = mapping(item, at);
    const name = named(one["name"], `${at}.name`);
    if (specs.has(name)) throw new ManifestProblem(`${at}: '${name}' is declared twice`);
    const exposure = choice(EXPOSURES, one["exposure"] ?? "public", `${at}.exposure`);
    specs.set(name, { name, exposure, inputSchema: schemaText(one["input"]), replySchema: schemaText(one["reply"]) });
  }
  return specs;
}

function readEvents(value: unknown, path: string): ReadonlyMap<string, EventSpec> {
  const events = new Map<string, EventSpec>();
  for (const [index, item] of bounded(list(value ?? [], path), path).entries()) {
    const at = `${path}[${index}]`;
    const one = mapping(item, at);
    const name = named(one["name"], `${at}.name`);
    if (events.has(name)) throw new ManifestProblem(`${at}: '${name}' is declared twice`);
    events.set(name, { name, eventVersion: whole(one["version"] ?? 1, `${at}.version`, 1, 2 ** 31) });
  }
  return events;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

function readWishes(wishes: Mapping, path: string): Partial<TypePolicy> {
  const policy: Partial<Mutable<TypePolicy>> = {};
  const { history, idempotencyRetention, stateTtl, stateBytesMax, mailboxMax, expose, colocation, onPoison } = wishes;
  if (history !== undefined) policy.history = readHistory(history, `${path}.history`);
  if (idempotencyRetention !== undefined) {
    const ms = duration(idempotencyRetention, `${path}.idempotencyRetention`);
    policy.idempotencyRetentionMs = Math.max(ms, IDEMPOTENCY_RETENTION_MIN_MS);
  }
  if (stateTtl !== undefined) policy.stateTtlMs = stateTtl === "none" ? null : duration(stateTtl, `${path}.stateTtl`);
  if (stateBytesMax !== undefined) policy.stateBytesMax = whole(stateBytesMax, `${path}.stateBytesMax`, 1, STATE_BYTES_MAX);
  if (mailboxMax !== undefined) policy.mailboxMax = whole(mailboxMax, `${path}.mailboxMax`, 1, MAILBOX_MAX);
  if (expose !== undefined) {
    const shown = list(expose, `${path}.expose`);
    policy.exposeState = shown.includes("state");
    policy.exposeEvents = shown.includes("events");
  }
  if (colocation !== undefined) {
    const separator = text(mapping(colocation, `${path}.colocation`)["prefix"], `${path}.colocation.prefix`);
    policy.colocation = { kind: "prefix", separator };
  }
  if (onPoison !== undefined) policy.onPoison = choice<OnPoison>(["dead-letter", "pause"], onPoison, `${path}.onPoison`);
  return policy;
}

function readHistory(value: unknown, path: string): HistoryRetention {
  return value === "none" || value === "forever" ? { kind: value } : { kind: "ms", ms: duration(value, path) };
}

function schemaText(schema: unknown): string | null {
  return schema === undefined || schema === null ? null : JSON.stringify(schema);
}

function mapping(value: unknown, path: string): Mapping {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Mapping;
  throw new ManifestProblem(`${path}: an object is expected`);
}

function list(value: unknown, path: string): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw new ManifestProblem(`${path}: a list is expected`);
}

function bounded(items: readonly unknown[], path: string): readonly unknown[] {
  if (items.length > NAMES_MAX) throw new ManifestProblem(`${path}: more than ${NAMES_MAX}`);
  return items;
}

function text(value: unknown, path: string): string {
  if (typeof value === "string" && value !== "") return value;
  throw new ManifestProblem(`${path}: a text is expected`);
}

function named(value: unknown, path: string): string {
  const name = text(value, path);
  const problem = nameProblem(name);
  if (problem !== null) throw new ManifestProblem(`${path}: ${problem}`);
  return name;
}

function whole(value: unknown, path: string, min: number, max: number): number {
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= min && value <= max) return value;
  throw new ManifestProblem(`${path}: a whole number from ${min} to ${max} is expected`);
}

function duration(value: unknown, path: string): number {
  const ms = typeof value === "string" ? parseDuration(value) : null;
  if (ms === null || !Number.isSafeInteger(ms)) throw new ManifestProblem(`${path}: a duration such as '24h' is expected`);
  return ms;
}

function choice<Choice extends string>(choices: readonly Choice[], value: unknown, path: string): Choice {
  const found = choices.find((one) => one === value);
  if (found === undefined) throw new ManifestProblem(`${path}: one of ${choices.join(", ")} is expected`);
  return found;
}
