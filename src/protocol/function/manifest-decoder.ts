/**
 * Reads a manifest: every field checked, every default filled in, every problem named with its place. Rare, so it is written
 * for clear messages. Which names are allowed, and what history forbids, is for the registration to say.
 */
import { CONTRACT_VERSION, type Encoding } from "./contract.js";
import type { JsonSchema, Manifest, ManifestCommand, ManifestEvent, ManifestType, TypeWishes } from "./manifest.js";

export type ManifestProblemCode = "manifest_malformed" | "manifest_version";

export type ManifestOutcome =
  | { readonly kind: "manifest"; readonly manifest: Manifest }
  /** The problems are for people; at most `PROBLEMS_MAX` of them. */
  | { readonly kind: "refused"; readonly code: ManifestProblemCode; readonly problems: readonly string[] };

const PROBLEMS_MAX = 20;
const TYPES_MAX = 1_000;
const NAMES_MAX = 1_000;

export function decodeManifest(bytes: Uint8Array): ManifestOutcome {
  const problems: string[] = [];
  let manifest: Manifest | null = null;
  try {
    const parsed: unknown = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
    const value = new Value(parsed, "the manifest", problems);
    const contracts = value.optional("contracts", (field) => field.list(NAMES_MAX, (item) => item.text()), [CONTRACT_VERSION]);
    if (value.field("holdfast").text() !== CONTRACT_VERSION || !contracts.includes(CONTRACT_VERSION)) {
      const spoken = contracts.join(", ");
      return refused("manifest_version", [`the function speaks contract version ${spoken}, this router ${CONTRACT_VERSION}`]);
    }
    manifest = readManifest(value, contracts);
  } catch (error) {
    problems.push(`the manifest is no JSON: ${(error as Error).message}`);
  }
  if (manifest !== null && problems.length === 0) return { kind: "manifest", manifest };
  return refused("manifest_malformed", problems);
}

/** The encoding to call a function in. JSON where it can be: it is the faster one here, and can be read on the wire. */
export function preferredEncoding(manifest: Manifest): Encoding {
  return manifest.encodings.includes("json") ? "json" : "protobuf";
}

function refused(code: ManifestProblemCode, problems: readonly string[]): ManifestOutcome {
  return { kind: "refused", code, problems: problems.slice(0, PROBLEMS_MAX) };
}

function readManifest(value: Value, contracts: readonly string[]): Manifest {
  const named = value.optional("encodings", (field) => field.list(NAMES_MAX, (item) => item.text()), ["json"]);
  const encodings = named.filter((encoding): encoding is Encoding => encoding === "json" || encoding === "protobuf");
  if (encodings.length === 0) value.field("encodings").problem("must name 'json' or 'protobuf'");
  const types = value.field("types").list(TYPES_MAX, readType);
  unique(
    types.map(({ type }) => type),
    value.field("types"),
  );
  return { holdfast: "1", contracts, encodings, types };
}

function readType(value: Value): ManifestType {
  const commands = value.optional("commands", (field) => field.list(NAMES_MAX, readCommand), []);
  const queries = value.optional("queries", (field) => field.list(NAMES_MAX, readCommand), []);
  const replies = value.optional("replies", (field) => field.list(NAMES_MAX, (item) => item.text()), []);
  const events = value.optional("events", (field) => field.list(NAMES_MAX, readEvent), []);
  unique(
    [...commands, ...queries].map(({ name }) => name),
    value.field("commands"),
  );
  unique(replies, value.field("replies"));
  unique(
    events.map(({ name }) => name),
    value.field("events"),
  );
  return {
    type: value.field("type").text(),
    kind: value.field("kind").oneOf(["event-sourced", "value", "action"] as const),
    stateVersion: value.optional("stateVersion", (field) => field.whole(1), 1),
    commands,
    queries,
    replies,
    events,
    wishes: value.optional("wishes", readWishes, {}),
  };
}

function readCommand(value: Value): ManifestCommand {
  return {
    name: value.field("name").text(),
    exposure: value.optional("exposure", (field) => field.oneOf(["public", "internal"] as const), "public"),
    input: value.optional<JsonSchema | null>("input", (field) => field.schema(), null),
    reply: value.optional<JsonSchema | null>("reply", (field) => field.schema(), null),
  };
}

function readEvent(value: Value): ManifestEvent {
  return { name: value.field("name").text(), version: value.optional("version", (field) => field.whole(1), 1) };
}

/** Wishes that this version does not know are ignored: they are wishes. */
function readWishes(value: Value): TypeWishes {
  const wishes: { -readonly [Name in keyof TypeWishes]: TypeWishes[Name] } = {};
  value.ifGiven("history", (field) => (wishes.history = field.duration(["none", "forever"])));
  value.ifGiven("idempotencyRetention", (field) => (wishes.idempotencyRetention = field.duration([])));
  value.ifGiven("stateTtl", (field) => (wishes.stateTtl = field.duration(["none"])));
  value.ifGiven("stateBytesMax", (field) => (wishes.stateBytesMax = field.whole(1)));
  value.ifGiven("mailboxMax", (field) => (wishes.mailboxMax = field.whole(1)));
  value.ifGiven("expose", (field) => (wishes.expose = field.list(2, (item) => item.oneOf(["state", "events"] as const))));
  value.ifGiven("colocation", (field) => (wishes.colocation = { prefix: field.field("prefix").text() }));
  value.ifGiven("onPoison", (field) => (wishes.onPoison = field.oneOf(["dead-letter", "pause"] as const)));
  return wishes;
}

function unique(names: readonly string[], at: Value): void {
  const seen = new Set<string>();
  for (const name of names) {
    if (seen.has(name)) at.problem(`names '${name}' twice`);
    seen.add(name);
  }
}

const DURATION = /^\d{1,12}(ms|s|m|h|d)$/;

/** A parsed value at its place. Reading the wrong kind notes a problem and goes on with something of the right one. */
class Value {
  readonly #value: unknown;
  readonly #path: string;
  readonly #problems: string[];

  constructor(value: unknown, path: string, problems: string[]) {
    this.#value = value;
    this.#path = path;
    this.#problems = problems;
  }

  problem(what: string): void {
    if (this.#problems.length < PROBLEMS_MAX) this.#problems.push(`${this.#path} ${what}`);
  }

  field(name: string): Value {
    const object = this.#value;
    const isObject = typeof object === "object" && object !== null && !Array.isArray(object);
    if (!isObject) this.problem("must be an object");
    const value = isObject && Object.hasOwn(object, name) ? (object as Record<string, unknown>)[name] : undefined;
    return new Value(value, this.#path === "the manifest" ? name : `${this.#path}.${name}`, this.#problems);
  }

  /** A field that is null counts as absent. */
  optional<Read>(name: string, read: (field: Value) => Read, fallback: Read): Read {
    const field = this.field(name);
    return field.#value === undefined || field.#value === null ? fallback : read(field);
  }

  ifGiven(name: string, read: (field: Value) => unknown): void {
    this.optional<unknown>(name, read, null);
  }

  text(): string {
    if (typeof this.#value === "string" && this.#value !== "") return this.#value;
    this.problem("must be a text that is not empty");
    return "?";
  }

  whole(min: number): number {
    if (Number.isSafeInteger(this.#value) && (this.#value as number) >= min) return this.#value as number;
    this.problem(`must be a whole number from ${min} on`);
    return min;
  }

  oneOf<Option extends string>(options: readonly [Option, ...Option[]]): Option {
    const option = options.find((candidate) => candidate === this.#value);
    if (option === undefined) this.problem(`must be ${options.map((known) => `'${known}'`).join(" or ")}`);
    return option ?? options[0];
  }

  duration(words: readonly string[]): string {
    const value = this.#value;
    if (typeof value === "string" && (words.includes(value) || DURATION.test(value))) return value;
    this.problem(`must be a duration such as '30s', '24h' or '366d'${words.map((word) => `, or '${word}'`).join("")}`);
    return "0ms";
  }

  schema(): JsonSchema {
    const value = this.#value;
    if (typeof value === "boolean" || (typeof value === "object" && value !== null && !Array.isArray(value)))
      return value as JsonSchema;
    this.problem("must be a JSON Schema: an object, true or false");
    return true;
  }

  list<Item>(max: number, read: (item: Value) => Item): readonly Item[] {
    const value = this.#value;
    if (!Array.isArray(value)) this.problem("must be a list");
    else if (value.length > max) this.problem(`is longer than ${max}`);
    else return value.map((item, index) => read(new Value(item, `${this.#path}[${index}]`, this.#problems)));
    return [];
  }
}
