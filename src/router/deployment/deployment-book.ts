/**
 * Which deployments there are, which of them serves each entity type, what was active before, and what stored data may
 * need: one document of the directory, changed as a whole. Pure: every operation gives a new book.
 *
 * Persisted (docs/formats.md): JSON, `format` 1.
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

export const BOOK_KEY = "deployments";
const FORMAT = 1;
/** Rollbacks go back so far; older maps are forgotten. */
const PAST_MAX = 20;
/** Deployments that were never promoted again since so many others came are forgotten, their documents stay. */
const DEPLOYMENTS_MAX = 200;

export interface RegisteredDeployment {
  readonly id: string;
  readonly url: string;
  readonly registeredAtMs: number;
  readonly types: readonly string[];
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
}

export const EMPTY_BOOK: DeploymentBook = { deployments: [], active: {}, past: [], needs: new Map(), endpoints: [] };

/** The document of one deployment's manifest; written once. */
export function manifestKey(id: string): string {
  return `${BOOK_KEY}/${id}`;
}

export function withDeployment(book: DeploymentBook, deployment: RegisteredDeployment): DeploymentBook {
  if (book.deployments.some(({ id }) => id === deployment.id)) return book;
  const used = new Set([...Object.values(book.active), ...book.past.flatMap(({ active }) => Object.values(active))]);
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
  return { kind: "promoted", book: { ...withActive(book, active, nowMs), needs }, accepted: reasons };
}

function missedBy(book: DeploymentBook, type: EntityType): readonly Incompatibility[] {
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

/** What was active before the last change; null where nothing is known. The way back always works at once. */
export function rolledBack(book: DeploymentBook): DeploymentBook | null {
  const last = book.past.at(-1);
  return last === undefined ? null : { ...book, active: last.active, past: book.past.slice(0, -1) };
}

export type Removal =
  | { readonly kind: "removed"; readonly book: DeploymentBook }
  | { readonly kind: "needed"; readonly why: string }
  | { readonly kind: "missing" };

/** Forgets a deployment that serves nothing and that no rollback would bring back next. Rollbacks that go further end before it. */
export function withoutDeployment(book: DeploymentBook, id: string): Removal {
  if (!book.deployments.some((deployment) => deployment.id === id)) return { kind: "missing" };
  const served = Object.entries(book.active).filter(([, by]) => by === id);
  if (served.length > 0) return { kind: "needed", why: `it serves ${served.map(([name]) => name).join(", ")}` };
  const isNamed = book.past.map(({ active }) => Object.values(active).includes(id));
  if (isNamed.at(-1) === true) return { kind: "needed", why: "a rollback would go back to it" };
  return {
    kind: "removed",
    book: {
      ...book,
      deployments: book.deployments.filter((deployment) => deployment.id !== id),
      past: book.past.slice(isNamed.lastIndexOf(true) + 1),
    },
  };
}

function withActive(book: DeploymentBook, active: ActiveMap, nowMs: number): DeploymentBook {
  if (isSame(book.active, active)) return book;
  const past = Object.keys(book.active).length === 0 ? [] : [...book.past, { endedAtMs: nowMs, active: book.active }];
  return { ...book, active, past: past.slice(-PAST_MAX) };
}

function isSame(left: ActiveMap, right: ActiveMap): boolean {
  const names = Object.keys(left);
  return names.length === Object.keys(right).length && names.every((name) => left[name] === right[name]);
}

/** The book cannot be read: what it says is not known, and must not be written over. */
export class BookProblem extends Error {
  override readonly name = "BookProblem";
  readonly code: "format_newer" | "document_damaged";

  constructor(code: "format_newer" | "document_damaged", message: string) {
    super(message);
    this.code = code;
  }
}

export function encodeBook({ endpoints, ...book }: DeploymentBook): Uint8Array {
  const needs = Object.fromEntries(
    [...book.needs].map(([name, { events, commands, replies, ...rest }]) => [
      name,
      { ...rest, events: Object.fromEntries(events), commands: [...commands], replies: [...replies] },
    ]),
  );
  return Buffer.from(JSON.stringify({ format: FORMAT, ...book, needs, ...(endpoints.length > 0 && { endpoints }) }));
}

/** Throws `BookProblem`. */
export function decodeBook(body: Uint8Array): DeploymentBook {
  let document: StoredBook;
  try {
    document = JSON.parse(Buffer.from(body).toString());
  } catch (error) {
    throw new BookProblem("document_damaged", `the document '${BOOK_KEY}' is not JSON: ${(error as Error).message}`);
  }
  if (document.format !== FORMAT) {
    throw new BookProblem(
      "format_newer",
      `the document '${BOOK_KEY}' has format ${document.format}, this version reads ${FORMAT}`,
    );
  }
  const needs = Object.entries(document.needs).map(([name, { events, commands, replies, ...rest }]): [string, TypeNeeds] => [
    name,
    { ...rest, events: new Map(Object.entries(events)), commands: new Set(commands), replies: new Set(replies) },
  ]);
  const { deployments, active, past, endpoints = [] } = document;
  return { deployments, active, past, needs: new Map(needs), endpoints };
}

interface StoredBook extends Omit<DeploymentBook, "needs" | "endpoints"> {
  readonly format: number;
  readonly endpoints?: readonly FunctionSettings[];
  readonly needs: Readonly<
    Record<
      string,
      Omit<TypeNeeds, "events" | "commands" | "replies"> & {
        readonly events: Readonly<Record<string, number>>;
        readonly commands: readonly string[];
        readonly replies: readonly string[];
      }
    >
  >;
}
