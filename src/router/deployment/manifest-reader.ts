/**
 * From a function's manifest to entity types: the names that are allowed, the bounds of wishes, and what the operator sets
 * laid over them. The form itself is read by src/protocol/function/manifest-decoder.ts.
 */
import { nameProblem, typeProblem } from "../../core/entity/address.js";
import { type CommandSpec, DEFAULT_POLICY, type EntityType, type TypePolicy } from "../../core/entity/entity-type.js";
import type { Encoding } from "../../protocol/function/contract.js";
import type { Manifest, ManifestCommand, ManifestType, TypeWishes } from "../../protocol/function/manifest.js";
import { decodeManifest, type ManifestProblemCode, preferredEncoding } from "../../protocol/function/manifest-decoder.js";
import { IDEMPOTENCY_RETENTION_MIN_MS, STATE_BYTES_MAX } from "../config/read-types.js";
import { parseDuration } from "../duration.js";

/** The endpoint answered with something that is no manifest this router can use. */
export class ManifestProblem extends Error {
  override readonly name = "ManifestProblem";
  readonly code: ManifestProblemCode;

  constructor(code: ManifestProblemCode, message: string) {
    super(message);
    this.code = code;
  }
}

export type OperatorPolicies = Readonly<Record<string, Partial<TypePolicy>>>;

export interface ServedTypes {
  readonly types: readonly EntityType[];
  /** The encodings that the function speaks, and the best of them. */
  readonly encodings: readonly Encoding[];
  readonly preferredEncoding: Encoding;
}

const MAILBOX_MAX = 1_000_000;

/** Throws `ManifestProblem`. */
export function readManifest(bytes: Uint8Array, operator: OperatorPolicies): ServedTypes {
  const outcome = decodeManifest(bytes);
  if (outcome.kind === "refused") throw new ManifestProblem(outcome.code, outcome.problems.join("; "));
  const { manifest } = outcome;
  const problems = [...problemsOf(manifest)];
  if (problems.length > 0) throw new ManifestProblem("manifest_malformed", problems.slice(0, 20).join("; "));
  const types = manifest.types.map((type) => entityType(type, operator[type.type]));
  return { types, encodings: manifest.encodings, preferredEncoding: preferredEncoding(manifest) };
}

function* problemsOf(manifest: Manifest): Iterable<string> {
  if (manifest.types.length === 0) yield "types: the function serves no entity type";
  for (const [index, type] of manifest.types.entries()) {
    const path = `types[${index}]`;
    const ofType = typeProblem(type.type);
    if (ofType !== null) yield `${path}.type: ${ofType}`;
    const lists = { commands: type.commands, queries: type.queries, events: type.events };
    for (const [list, items] of Object.entries(lists)) {
      for (const [at, { name }] of items.entries()) {
        const problem = nameProblem(name);
        if (problem !== null) yield `${path}.${list}[${at}].name: ${problem}`;
      }
    }
    const handlers = new Set([...type.commands, ...type.queries].map(({ name }) => name));
    for (const [at, reply] of type.replies.entries()) {
      const problem = nameProblem(reply) ?? (handlers.has(reply) ? `'${reply}' names two handlers` : null);
      if (problem !== null) yield `${path}.replies[${at}]: ${problem}`;
    }
    const { stateBytesMax = 1, mailboxMax = 1 } = type.wishes;
    if (stateBytesMax > STATE_BYTES_MAX) yield `${path}.wishes.stateBytesMax: at most ${STATE_BYTES_MAX}`;
    if (mailboxMax > MAILBOX_MAX) yield `${path}.wishes.mailboxMax: at most ${MAILBOX_MAX}`;
  }
}

function entityType(type: ManifestType, operator: Partial<TypePolicy> | undefined): EntityType {
  return {
    name: type.type,
    kind: type.kind,
    stateVersion: type.stateVersion,
    commands: specs(type.commands),
    queries: specs(type.queries),
    replies: new Set(type.replies),
    events: new Map(type.events.map(({ name, version }) => [name, { name, eventVersion: version }])),
    policy: { ...DEFAULT_POLICY, ...policyOf(type.wishes), ...operator },
  };
}

function specs(commands: readonly ManifestCommand[]): ReadonlyMap<string, CommandSpec> {
  const text = (schema: unknown): string | null => (schema === null ? null : JSON.stringify(schema));
  return new Map(
    commands.map(({ name, exposure, input, reply }) => [
      name,
      { name, exposure, inputSchema: text(input), replySchema: text(reply) },
    ]),
  );
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

function policyOf(wishes: TypeWishes): Partial<TypePolicy> {
  const policy: Partial<Mutable<TypePolicy>> = {};
  const { history, idempotencyRetention, stateTtl, stateBytesMax, mailboxMax, expose, colocation, onPoison } = wishes;
  if (history === "none" || history === "forever") policy.history = { kind: history };
  else if (history !== undefined) policy.history = { kind: "ms", ms: msOf(history) };
  if (idempotencyRetention !== undefined) {
    policy.idempotencyRetentionMs = Math.max(msOf(idempotencyRetention), IDEMPOTENCY_RETENTION_MIN_MS);
  }
  if (stateTtl !== undefined) policy.stateTtlMs = stateTtl === "none" ? null : msOf(stateTtl);
  if (stateBytesMax !== undefined) policy.stateBytesMax = stateBytesMax;
  if (mailboxMax !== undefined) policy.mailboxMax = mailboxMax;
  if (expose !== undefined) {
    policy.exposeState = expose.includes("state");
    policy.exposeEvents = expose.includes("events");
  }
  if (colocation !== undefined) policy.colocation = { kind: "prefix", separator: colocation.prefix };
  if (onPoison !== undefined) policy.onPoison = onPoison;
  return policy;
}

/** The decoder has checked the form; absurd lengths mean for ever. */
function msOf(duration: string): number {
  return Math.min(parseDuration(duration) ?? 0, Number.MAX_SAFE_INTEGER);
}
