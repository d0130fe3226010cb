/**
 * The book of deployments as bytes: JSON. Persisted (docs/formats.md). Format 2 adds when a deployment stopped serving, and
 * canaries; a book without any is still written as format 1, so that a router of the version before reads it.
 */
import type { TypeNeeds } from "../../core/deployment/compatibility.js";
import type { FunctionSettings } from "../config/settings.js";
import type { Canary, CanaryEnd } from "./canary.js";
import { BOOK_KEY, type DeploymentBook } from "./deployment-book.js";

const FORMAT_PLAIN = 1;
const FORMAT = 2;

/** The book cannot be read: what it says is not known, and must not be written over. */
export class BookProblem extends Error {
  override readonly name = "BookProblem";
  readonly code: "format_newer" | "document_damaged";

  constructor(code: "format_newer" | "document_damaged", message: string) {
    super(message);
    this.code = code;
  }
}

export function encodeBook(book: DeploymentBook): Uint8Array {
  const { endpoints, canaries, canaryEnds, ...rest } = book;
  const needs = Object.fromEntries(
    [...book.needs].map(([name, { events, commands, replies, ...others }]) => [
      name,
      { ...others, events: Object.fromEntries(events), commands: [...commands], replies: [...replies] },
    ]),
  );
  const document = {
    format: isPlain(book) ? FORMAT_PLAIN : FORMAT,
    ...rest,
    needs,
    ...(endpoints.length > 0 && { endpoints }),
    ...(canaries.length > 0 && { canaries }),
    ...(canaryEnds.length > 0 && { canaryEnds }),
  };
  return Buffer.from(JSON.stringify(document));
}

function isPlain({ deployments, canaries, canaryEnds }: DeploymentBook): boolean {
  const isAnyRetired = deployments.some(({ servedUntilMs }) => servedUntilMs !== undefined);
  return !isAnyRetired && canaries.length === 0 && canaryEnds.length === 0;
}

/** Throws `BookProblem`. */
export function decodeBook(body: Uint8Array): DeploymentBook {
  const document = parsed(body);
  const { format } = document;
  if (format !== FORMAT_PLAIN && format !== FORMAT) {
    throw new BookProblem("format_newer", `the document '${BOOK_KEY}' has format ${format}, this version reads up to ${FORMAT}`);
  }
  try {
    return bookOf(document);
  } catch (error) {
    throw new BookProblem("document_damaged", `the document '${BOOK_KEY}' makes no sense: ${(error as Error).message}`);
  }
}

function parsed(body: Uint8Array): StoredBook {
  try {
    return JSON.parse(Buffer.from(body).toString());
  } catch (error) {
    throw new BookProblem("document_damaged", `the document '${BOOK_KEY}' is not JSON: ${(error as Error).message}`);
  }
}

function bookOf(document: StoredBook): DeploymentBook {
  const { deployments, active, past, needs, endpoints = [], canaries = [], canaryEnds = [] } = document;
  const needsByType = Object.entries(needs).map(([name, { events, commands, replies, ...rest }]): [string, TypeNeeds] => [
    name,
    { ...rest, events: new Map(Object.entries(events)), commands: new Set(commands), replies: new Set(replies) },
  ]);
  return {
    deployments: [...deployments],
    active: { ...active },
    past: [...past],
    needs: new Map(needsByType),
    endpoints,
    canaries,
    canaryEnds,
  };
}

interface StoredBook extends Pick<DeploymentBook, "deployments" | "active" | "past"> {
  readonly format: number;
  readonly canaries?: readonly Canary[];
  readonly canaryEnds?: readonly CanaryEnd[];
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
