/**
 * Whether a new version of an entity type can live with what older versions left behind: their states, their events, and
 * the messages and timers that are still under way. Pure; src/router/deployment/deployment-changes.ts decides with it.
 */
import type { Colocation } from "../entity/address.js";
import type { EntityKind, EntityType } from "../entity/entity-type.js";

/** What is stored of a type may need all of this, ever since its first deployment. */
export interface TypeNeeds {
  readonly kind: EntityKind;
  readonly stateVersion: number;
  readonly colocation: Colocation;
  /** Highest schema version by name of an event. */
  readonly events: ReadonlyMap<string, number>;
  /** Commands that messages and timers may name. */
  readonly commands: ReadonlySet<string>;
  readonly replies: ReadonlySet<string>;
}

export interface Incompatibility {
  readonly code:
    | "kind_changed"
    | "colocation_changed"
    | "state_version_lower"
    | "event_missing"
    | "event_version_lower"
    | "command_missing"
    | "reply_missing"
    | "type_missing"
    | "type_not_yet_served";
  readonly message: string;
  /** False: what is stored could not even be found or told apart any more, so no operator can want it. */
  readonly canBeForced: boolean;
}

export function needsOf(type: EntityType): TypeNeeds {
  return {
    kind: type.kind,
    stateVersion: type.stateVersion,
    colocation: type.policy.colocation,
    events: new Map([...type.events.values()].map((event) => [event.name, event.eventVersion])),
    commands: new Set(type.commands.keys()),
    replies: new Set(type.replies),
  };
}

/** The needs once `next` has served the type, too. */
export function withNeedsOf(needs: TypeNeeds, next: EntityType): TypeNeeds {
  const events = new Map(needs.events);
  for (const event of next.events.values()) events.set(event.name, Math.max(events.get(event.name) ?? 0, event.eventVersion));
  return {
    kind: next.kind,
    stateVersion: Math.max(needs.stateVersion, next.stateVersion),
    colocation: next.policy.colocation,
    events,
    commands: new Set([...needs.commands, ...next.commands.keys()]),
    replies: new Set([...needs.replies, ...next.replies]),
  };
}

/** The endpoint served `type` until now, and its new version no longer does: entities with history would have nobody. */
export function typeMissing(type: string): Incompatibility {
  const message = `${type} would no longer be served: the endpoint serves it now, and its new version does not`;
  return { code: "type_missing", message, canBeForced: true };
}

/** A canary brings a type that nobody serves: there is no stable version to share its entities with. */
export function typeNotYetServed(type: string): Incompatibility {
  return { code: "type_not_yet_served", message: `${type} is new: it is served once the canary is promoted`, canBeForced: true };
}

/** Empty: `next` can read and run everything. */
export function incompatibilities(needs: TypeNeeds, next: EntityType): readonly Incompatibility[] {
  const found: Incompatibility[] = [];
  if (next.kind !== needs.kind) {
    const message = `${next.name} is stored as '${needs.kind}' and is now '${next.kind}'`;
    // An action has nothing stored that could be misread.
    found.push({ code: "kind_changed", message, canBeForced: needs.kind === "action" });
  }
  if (!isSameColocation(needs.colocation, next.policy.colocation)) {
    const message = `${next.name} would be placed by another part of its id, away from what is stored`;
    found.push({ code: "colocation_changed", message, canBeForced: false });
  }
  if (next.stateVersion < needs.stateVersion) {
    const message = `${next.name} has states of version ${needs.stateVersion}, and now declares version ${next.stateVersion}`;
    found.push({ code: "state_version_lower", message, canBeForced: true });
  }
  return [...found, ...eventsLost(needs, next), ...handlersLost(needs, next)];
}

function eventsLost(needs: TypeNeeds, next: EntityType): readonly Incompatibility[] {
  if (next.kind !== "event-sourced") return [];
  const found: Incompatibility[] = [];
  for (const [name, version] of needs.events) {
    const event = next.events.get(name);
    if (event === undefined) {
      const message = `${next.name} no longer knows the event '${name}', which its history may hold`;
      found.push({ code: "event_missing", message, canBeForced: true });
    } else if (event.eventVersion < version) {
      const message = `${next.name} knows the event '${name}' in version ${event.eventVersion}, its history may hold version ${version}`;
      found.push({ code: "event_version_lower", message, canBeForced: true });
    }
  }
  return found;
}

function handlersLost(needs: TypeNeeds, next: EntityType): readonly Incompatibility[] {
  const found: Incompatibility[] = [];
  for (const name of needs.commands) {
    if (next.commands.has(name)) continue;
    const message = `${next.name} no longer takes the command '${name}', which messages and timers under way may carry`;
    found.push({ code: "command_missing", message, canBeForced: true });
  }
  for (const name of needs.replies) {
    if (next.replies.has(name)) continue;
    const message = `${next.name} no longer takes the answer '${name}', for which it may still be waiting`;
    found.push({ code: "reply_missing", message, canBeForced: true });
  }
  return found;
}

function isSameColocation(left: Colocation, right: Colocation): boolean {
  if (left.kind === "entity" || right.kind === "entity") return left.kind === right.kind;
  return left.separator === right.separator;
}
