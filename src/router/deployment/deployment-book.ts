/**
 * Which deployments there are, which of them serves each entity type, what was active before, and what stored data may
 * need: one document of the directory, changed as a whole. Pure: every operation gives a new book.
 *
 * Persisted by book-codec.ts.
 */
import {
  type Incompatibility,
  incompatibilities,
  needsOf,
  type TypeNeeds,
  typeMissing,
  withNeedsOf,
} from "../../core/deployment/compatibility.js";
import type { EntityType } from "../../core/entity/entity-type.js";
import { isSameEndpoint } from "../config/endpoint-address.js";
import type { FunctionSettings } from "../config/settings.js";
import { type Canary, type CanaryEnd, type CanaryEnding, withEnd } from "./canary.js";

export const BOOK_KEY = "deployments";
/** Rollbacks go back so far; older maps are forgotten. */
const PAST_MAX = 20;
/** Deployments that were never promoted again since so many others came are forgotten, their documents stay. */
const DEPLOYMENTS_MAX = 200;

export interface RegisteredDeployment {
  readonly id: string;
  readonly url: string;
  readonly registeredAtMs: number;
  readonly types: readonly string[];
  /** When it last stopped serving; absent while it serves, or never did. Other routers follow a little later. */
  readonly servedUntilMs?: number;
}

type ActiveMap = Readonly<Record<string, string>>;

export interface DeploymentBook {
  readonly deployments: readonly RegisteredDeployment[];
  /** Id of the deployment that serves a type. */
  readonly active: ActiveMap;
  /** Earlier states of `active`, the newest last. */
  readonly past: readonly { readonly endedAtMs: number; readonly active: ActiveMap }[];
  readonly needs: ReadonlyMap<string, TypeNeeds>;
  /** Limits, encoding and headers that endpoints were registered with. */
  readonly endpoints: readonly FunctionSettings[];
  readonly canaries: readonly Canary[];
  /** How canaries ended, the newest last. */
  readonly canaryEnds: readonly CanaryEnd[];
}

export const EMPTY_BOOK: DeploymentBook = {
  deployments: [],
  active: {},
  past: [],
  needs: new Map(),
  endpoints: [],
  canaries: [],
  canaryEnds: [],
};

/** The document of one deployment's manifest; written once. */
export function manifestKey(id: string): string {
  return `${BOOK_KEY}/${id}`;
}

export function withDeployment(book: DeploymentBook, deployment: RegisteredDeployment): DeploymentBook {
  if (book.deployments.some(({ id }) => id === deployment.id)) return book;
  const used = new Set([...servingIn(book), ...book.past.flatMap(({ active }) => Object.values(active))]);
  const spare = book.deployments.length + 1 - DEPLOYMENTS_MAX;
  const dropped = new Set(
    book.deployments
      .filter(({ id }) => !used.has(id))
      .slice(0, Math.max(0, spare))
      .map(({ id }) => id),
  );
  return { ...book, deployments: [...book.deployments.filter(({ id }) => !dropped.has(id)), deployment] };
}

/** The endpoint has these options from now on; those of endpoints that no deployment is at any more are forgotten. */
export function withEndpoint(book: DeploymentBook, endpoint: FunctionSettings): DeploymentBook {
  const kept = book.endpoints.filter(
    ({ url }) => url !== endpoint.url && book.deployments.some((deployment) => isSameEndpoint(deployment.url, url)),
  );
  return { ...book, endpoints: [...kept, endpoint] };
}

export type Promotion =
  | { readonly kind: "promoted"; readonly book: DeploymentBook; readonly accepted: readonly Incompatibility[] }
  | { readonly kind: "refused"; readonly reasons: readonly Incompatibility[] };

/** Makes `id` the deployment of all its types, unless what is stored would suffer and nobody insists. */
export function promoted(
  book: DeploymentBook,
  id: string,
  types: readonly EntityType[],
  force: boolean,
  nowMs: number,
  cause: Pick<CanaryEnding, "by" | "why"> = BY_OPERATOR,
): Promotion {
  const orphans = orphanedBy(book, id, types);
  const reasons = [...types.flatMap((type) => missedBy(book, type)), ...orphans.map(typeMissing)];
  if (reasons.some(({ canBeForced }) => !(force && canBeForced))) return { kind: "refused", reasons };
  const kept = Object.entries(book.active).filter(([name]) => !orphans.includes(name));
  const active = Object.fromEntries([...kept, ...types.map((type) => [type.name, id])]);
  const needs = new Map(book.needs);
  for (const type of types) {
    const before = needs.get(type.name);
    // What was forced away is no longer asked for: the operator has accepted its loss.
    needs.set(type.name, before === undefined || missedBy(book, type).length > 0 ? needsOf(type) : withNeedsOf(before, type));
  }
  return { kind: "promoted", book: { ...withActive(book, active, nowMs, cause), needs }, accepted: reasons };
}

export function missedBy(book: DeploymentBook, type: EntityType): readonly Incompatibility[] {
  const needs = book.needs.get(type.name);
  return needs === undefined ? [] : incompatibilities(needs, type);
}

/** Types that the same endpoint serves now, and would not any more. */
function orphanedBy(book: DeploymentBook, id: string, types: readonly EntityType[]): readonly string[] {
  const urlOf = new Map(book.deployments.map((deployment) => [deployment.id, deployment.url]));
  const served = new Set(types.map((type) => type.name));
  const orphans = Object.entries(book.active).filter(([name, by]) => !served.has(name) && urlOf.get(by) === urlOf.get(id));
  return orphans.map(([name]) => name);
}

/**
 * What was so before the last change, be it a canary that began or another deployment that became active; null where nothing
 * is known. The way back always works at once.
 */
export function rolledBack(book: DeploymentBook, nowMs: number): DeploymentBook | null {
  const last = book.past.at(-1);
  const newest = book.canaries.at(-1);
  if (newest !== undefined && newest.startedAtMs >= (last?.endedAtMs ?? 0)) {
    const canaryEnds = withEnd(book.canaryEnds, newest, { how: "rolled_back", ...BY_OPERATOR }, nowMs);
    return serving({ ...book, canaryEnds }, { canaries: book.canaries.slice(0, -1) }, nowMs);
  }
  return last === undefined ? null : serving(book, { active: last.active, past: book.past.slice(0, -1) }, nowMs);
}

export type Removal =
  | { readonly kind: "removed"; readonly book: DeploymentBook }
  | { readonly kind: "needed"; readonly why: string }
  | { readonly kind: "missing" };

/**
 * Forgets a deployment that serves nothing and that no rollback would bring back next. Rollbacks that go further end before
 * it. It must not have served for `restMs`: until then other routers may call it.
 */
export function withoutDeployment(book: DeploymentBook, id: string, nowMs: number, restMs: number): Removal {
  const found = book.deployments.find((deployment) => deployment.id === id);
  if (found === undefined) return { kind: "missing" };
  const served = Object.entries(book.active).filter(([, by]) => by === id);
  if (served.length > 0) return { kind: "needed", why: `it serves ${served.map(([name]) => name).join(", ")}` };
  if (book.canaries.some(({ deployment }) => deployment === id)) return { kind: "needed", why: "it is a canary" };
  const isNamed = book.past.map(({ active }) => Object.values(active).includes(id));
  if (isNamed.at(-1) === true) return { kind: "needed", why: "a rollback would go back to it" };
  const leftMs = found.servedUntilMs === undefined ? 0 : found.servedUntilMs + restMs - nowMs;
  if (leftMs > 0) {
    const seconds = Math.ceil(leftMs / 1_000);
    const why = `it served until a moment ago, and other routers may still have invocations of it; try again in ${seconds} s`;
    return { kind: "needed", why };
  }
  return {
    kind: "removed",
    book: {
      ...book,
      deployments: book.deployments.filter((deployment) => deployment.id !== id),
      past: book.past.slice(isNamed.lastIndexOf(true) + 1),
    },
  };
}

const BY_OPERATOR = { by: "operator", why: "asked for" } as const;

function withActive(
  book: DeploymentBook,
  active: ActiveMap,
  nowMs: number,
  cause: Pick<CanaryEnding, "by" | "why">,
): DeploymentBook {
  if (isSame(book.active, active)) return book;
  const past = Object.keys(book.active).length === 0 ? [] : [...book.past, { endedAtMs: nowMs, active: book.active }];
  return serving(book, { active, past: past.slice(-PAST_MAX) }, nowMs, cause);
}

/**
 * Changes what serves, and notes of whatever serves no longer until when it did. A canary ends when what serves one of its
 * types changes: it was promoted, or it would be measured by another stable version.
 */
export function serving(
  book: DeploymentBook,
  change: Partial<Pick<DeploymentBook, "active" | "past" | "canaries">>,
  nowMs: number,
  cause: Pick<CanaryEnding, "by" | "why"> = BY_OPERATOR,
): DeploymentBook {
  const changed = { ...book, ...change };
  const ended = changed.canaries.filter(({ types }) => types.some((name) => book.active[name] !== changed.active[name]));
  const canaries = changed.canaries.filter((canary) => !ended.includes(canary));
  const canaryEnds = ended.reduce((ends, canary) => {
    const isPromoted = canary.types.every((name) => changed.active[name] === canary.deployment);
    return withEnd(ends, canary, { how: isPromoted ? "promoted" : "superseded", ...cause }, nowMs);
  }, changed.canaryEnds);
  const before = servingIn(book);
  const after = servingIn({ ...changed, canaries });
  const deployments = book.deployments.map((deployment) => {
    if (before.has(deployment.id) && !after.has(deployment.id)) return { ...deployment, servedUntilMs: nowMs };
    if (!after.has(deployment.id)) return deployment;
    const { servedUntilMs: _, ...others } = deployment;
    return others;
  });
  return { ...changed, deployments, canaries, canaryEnds };
}

function servingIn({ active, canaries }: Pick<DeploymentBook, "active" | "canaries">): ReadonlySet<string> {
  return new Set([...Object.values(active), ...canaries.map(({ deployment }) => deployment)]);
}

function isSame(left: ActiveMap, right: ActiveMap): boolean {
  const names = Object.keys(left);
  return names.length === Object.keys(right).length && names.every((name) => left[name] === right[name]);
}
