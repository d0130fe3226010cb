/** The simulated business: its entity types, as a function would declare them, and its entities. */
import { type EntityAddress, placementHash } from "../../../src/core/entity/address.js";
import {
  type CommandSpec,
  DEFAULT_POLICY,
  type EntityKind,
  type EntityType,
  type TypePolicy,
} from "../../../src/core/entity/entity-type.js";
import type { TypePlacement } from "../../../src/core/input.js";
import type { Random } from "../random.js";

export interface Declared {
  readonly kind: EntityKind;
  readonly count: number;
  readonly commands: readonly string[];
  readonly internal?: readonly string[];
  readonly replies?: readonly string[];
  readonly events?: readonly string[];
  readonly policy?: Partial<TypePolicy>;
}

export const STATE_BYTES_MAX = 48_000;

/** Every type has the query `read`, which answers a sight of the book and what is in it. */
export const DECLARED: Readonly<Record<string, Declared>> = {
  "sim/ledger": {
    kind: "event-sourced",
    count: 14,
    commands: ["post", "transfer"],
    internal: ["receive"],
    replies: ["transferred"],
    events: ["post", "transfer", "receive", "transferred"],
    policy: { exposeEvents: true },
  },
  "sim/register": { kind: "value", count: 8, commands: ["write", "cas"] },
  "sim/set": { kind: "event-sourced", count: 4, commands: ["add"], events: ["add"], policy: { history: { kind: "none" } } },
  "sim/chatter": { kind: "value", count: 8, commands: ["say"], policy: { colocation: { kind: "prefix", separator: ":" } } },
  "sim/listener": {
    kind: "event-sourced",
    count: 10,
    commands: ["note"],
    internal: ["hear"],
    events: ["note", "hear"],
    policy: { exposeEvents: true, history: { kind: "ms", ms: 86_400_000 } },
  },
  "sim/relay": { kind: "action", count: 3, commands: ["ping"], internal: ["relay"] },
  "sim/alarm": { kind: "value", count: 8, commands: ["arm", "disarm"], internal: ["ring"] },
  "sim/cart": { kind: "event-sourced", count: 8, commands: ["order"], replies: ["reserved"], events: ["order", "reserved"] },
  "sim/stock": {
    kind: "value",
    count: 5,
    commands: ["restock"],
    internal: ["reserve"],
    policy: { colocation: { kind: "prefix", separator: ":" } },
  },
  "sim/scratch": { kind: "event-sourced", count: 3, commands: ["touch"], events: ["touch"], policy: { exposeEvents: true } },
};

export const ENTITIES: readonly EntityAddress[] = Object.entries(DECLARED).flatMap(([type, { count }]) =>
  Array.from({ length: count }, (_, index) => ({ type, id: `${index % 3}:${index}` })),
);

export const ENTITIES_BY_TYPE: ReadonlyMap<string, readonly EntityAddress[]> = new Map(
  Object.keys(DECLARED).map((type) => [type, ENTITIES.filter((entity) => entity.type === type)]),
);

export const PLACEMENTS: readonly TypePlacement[] = Object.entries(DECLARED).map(([type, { policy }]) => ({
  type,
  colocation: policy?.colocation ?? DEFAULT_POLICY.colocation,
}));

/** Which of `shards` an entity lies on, for counters alone. */
export function shardOf(entity: EntityAddress, shards: number): number {
  const colocation = DECLARED[entity.type]?.policy?.colocation ?? DEFAULT_POLICY.colocation;
  return Math.floor((placementHash(entity, colocation) * shards) / 2 ** 32);
}

/** `isCalm`: nothing is refused for want of room. */
export function drawTypes(random: Random, isCalm: boolean): EntityType[] {
  const mailboxMax = isCalm ? 1_000 : random.pick([4, 8, 30]);
  return Object.entries(DECLARED).map(([name, declared]) => entityType(name, declared, mailboxMax, random));
}

function entityType(name: string, declared: Declared, mailboxMax: number, random: Random): EntityType {
  const commands = new Map<string, CommandSpec>();
  for (const command of declared.commands) commands.set(command, spec(command, "public"));
  for (const command of declared.internal ?? []) commands.set(command, spec(command, "internal"));
  return {
    name,
    kind: declared.kind,
    stateVersion: 1,
    commands,
    queries: new Map([["read", spec("read", "public")]]),
    replies: new Set(declared.replies ?? []),
    events: new Map((declared.events ?? []).map((event) => [event, { name: event, eventVersion: 1 }])),
    policy: {
      ...DEFAULT_POLICY,
      stateBytesMax: STATE_BYTES_MAX,
      mailboxMax,
      onPoison: random.chance(0.2) ? "pause" : "dead-letter",
      ...declared.policy,
    },
  };
}

function spec(name: string, exposure: "public" | "internal"): CommandSpec {
  return { name, exposure, inputSchema: null, replySchema: null };
}
