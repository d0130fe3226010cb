/**
 * Canaries in the book of deployments: a registered version that serves a share of the entities of its types, while another
 * one serves the rest. Pure: every operation gives a new book.
 *
 * Invariants: each type of a canary has a stable version, which is another deployment at another address; no two canaries
 * share a type. A change of what serves one of its types ends a canary (deployment-book.ts).
 */
import {
  type Incompatibility,
  incompatibilities,
  needsOf,
  typeNotYetServed,
  withNeedsOf,
} from "../../core/deployment/compatibility.js";
import type { EntityType } from "../../core/entity/entity-type.js";
import { type Canary, type CanaryEnding, type CanaryTerms, withEnd } from "./canary.js";
import { type DeploymentBook, missedBy, serving } from "./deployment-book.js";

export type CanaryStart =
  | { readonly kind: "started"; readonly book: DeploymentBook; readonly accepted: readonly Incompatibility[] }
  | { readonly kind: "incompatible"; readonly reasons: readonly Incompatibility[] }
  | { readonly kind: "impossible"; readonly why: string };

/** Makes `id` a canary, or gives it other terms. `stable`: the types that are served now, as what serves them declares them. */
export function withCanary(
  book: DeploymentBook,
  id: string,
  types: readonly EntityType[],
  stable: ReadonlyMap<string, EntityType>,
  terms: CanaryTerms,
  force: boolean,
  nowMs: number,
): CanaryStart {
  const former = book.canaries.find(({ deployment }) => deployment === id);
  if (former !== undefined) {
    const canaries = book.canaries.map((one) => (one === former ? { ...former, ...terms, changedAtMs: nowMs } : one));
    return { kind: "started", book: { ...book, canaries }, accepted: [] };
  }
  const shared = types.filter(({ name }) => book.active[name] !== undefined);
  const why = impossible(book, id, shared);
  if (why !== null) return { kind: "impossible", why };
  const reasons = shared.flatMap((type) => [...missedBy(book, type), ...unreadableAfterwards(type, stable.get(type.name))]);
  if (reasons.some(({ canBeForced }) => !(force && canBeForced))) return { kind: "incompatible", reasons };
  const needs = new Map(book.needs);
  for (const type of shared) {
    const before = needs.get(type.name);
    needs.set(type.name, before === undefined ? needsOf(type) : withNeedsOf(before, type));
  }
  const names = shared.map(({ name }) => name).sort();
  const canary = { ...terms, deployment: id, types: names, startedAtMs: nowMs, changedAtMs: nowMs };
  const warnings = [
    ...shared.flatMap((type) => unknownAfterwards(type, stable.get(type.name))),
    ...types.filter((type) => !shared.includes(type)).map(({ name }) => typeNotYetServed(name)),
  ];
  return {
    kind: "started",
    book: serving({ ...book, needs }, { canaries: [...book.canaries, canary] }, nowMs),
    accepted: [...reasons, ...warnings],
  };
}

/** The stable version serves all entities again. The same book where there is no such canary (any more). */
export function withoutCanary(book: DeploymentBook, canary: Canary, end: CanaryEnding, nowMs: number): DeploymentBook {
  const canaries = book.canaries.filter(({ deployment }) => deployment !== canary.deployment);
  if (canaries.length === book.canaries.length) return book;
  return serving({ ...book, canaryEnds: withEnd(book.canaryEnds, canary, end, nowMs) }, { canaries }, nowMs);
}

function impossible(book: DeploymentBook, id: string, shared: readonly EntityType[]): string | null {
  const urlOf = new Map(book.deployments.map((deployment) => [deployment.id, deployment.url]));
  if (shared.length === 0) return "nothing serves any of its types yet: register it without a canary";
  for (const { name } of shared) {
    const by = book.active[name] ?? "";
    if (by === id) return `it serves ${name} already`;
    if (urlOf.get(by) === urlOf.get(id)) return `${by}, which serves ${name}, is at the same address: both would be one process`;
    const other = book.canaries.find(({ types }) => types.includes(name));
    if (other !== undefined) return `${other.deployment} is a canary for ${name} already`;
  }
  return null;
}

/** What the canary may store that the stable version could not read after a rollback. */
function unreadableAfterwards(type: EntityType, stable: EntityType | undefined): readonly Incompatibility[] {
  return backwards(type, stable).filter(({ code }) => !isOfHandlers(code));
}

/** Commands and answers that the stable version does not know: messages that carry them become dead letters there. */
function unknownAfterwards(type: EntityType, stable: EntityType | undefined): readonly Incompatibility[] {
  return backwards(type, stable).filter(({ code }) => isOfHandlers(code));
}

function backwards(type: EntityType, stable: EntityType | undefined): readonly Incompatibility[] {
  if (stable === undefined) return [];
  return incompatibilities(needsOf(type), stable).map((one) => ({
    ...one,
    message: `the stable version, after a rollback: ${one.message}`,
  }));
}

function isOfHandlers(code: Incompatibility["code"]): boolean {
  return code === "command_missing" || code === "reply_missing";
}
