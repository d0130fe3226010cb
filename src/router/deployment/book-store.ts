/** The book of deployments in the directory: read, and changed by compare-and-swap. Manifests are documents of their own. */
import type { Incompatibility } from "../../core/deployment/compatibility.js";
import type { EntropyPort } from "../../ports/clock.js";
import type { DirectoryPort } from "../../ports/directory.js";
import type { AdminProblemCode } from "../ingress/problem-table.js";
import { BookProblem, decodeBook, encodeBook } from "./book-codec.js";
import { BOOK_KEY, type DeploymentBook, EMPTY_BOOK, manifestKey } from "./deployment-book.js";

interface Refused {
  readonly kind: "refused";
  readonly code: AdminProblemCode;
  readonly detail: string;
  readonly reasons: readonly Incompatibility[];
}

interface Failure {
  readonly message: string;
  readonly code?: string;
}

interface Changed {
  readonly kind: "changed";
  readonly book: DeploymentBook;
}

/** The directory could not be read: what it holds is not known. */
export class DirectoryUnread extends Error {
  override readonly name = "DirectoryUnread";
  /** Of what is wrong with the store, where it has one (docs/errors.md). */
  readonly code: string | undefined;

  constructor(message: string, code: string | undefined) {
    super(message);
    this.code = code;
  }
}

/** Somebody else changes the book at the same time, again and again: give up rather than go on for ever. */
const TRIES_MAX = 10;
/** A document's limit (src/ports/directory.ts). */
const MANIFEST_BYTES_MAX = 400_000;

export class BookStore {
  readonly #directory: DirectoryPort;
  readonly #entropy: EntropyPort;
  readonly #manifestById = new Map<string, Uint8Array>();
  #token: string | null = null;
  #book: DeploymentBook = EMPTY_BOOK;
  /** Looks and changes go one after the other: a read begun before a swap would take the book back to what it was. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(directory: DirectoryPort, entropy: EntropyPort) {
    this.#directory = directory;
    this.#entropy = entropy;
  }

  /** As this process last saw it. */
  get book(): DeploymentBook {
    return this.#book;
  }

  /** Throws `BookProblem`, and `DirectoryUnread`: then it may be called again. */
  async open(): Promise<void> {
    const failure = await this.#inTurn(() => this.#read());
    if (failure === null) return;
    throw new DirectoryUnread(`the deployments cannot be read from the directory: ${failure.message}`, failure.code);
  }

  /** Looks whether somebody else has changed the book. Null, or why nobody can say: what was known stays as it is. */
  refresh(): Promise<string | null> {
    return this.#inTurn(async () => {
      try {
        return (await this.#read(true))?.message ?? null;
      } catch (error) {
        if (error instanceof BookProblem) return `${error.code}: ${error.message}`;
        throw error;
      }
    });
  }

  /** `decide` is asked again with the newer book when somebody else was faster. Throws `BookProblem`. */
  change(decide: (book: DeploymentBook) => Changed | Refused): Promise<Changed | Refused> {
    return this.#inTurn(() => this.#change(decide));
  }

  async #change(decide: (book: DeploymentBook) => Changed | Refused): Promise<Changed | Refused> {
    for (let tries = 0; tries < TRIES_MAX; tries++) {
      const decision = decide(this.#book);
      if (decision.kind === "refused" || decision.book === this.#book) return decision;
      const token = this.#newToken();
      const swapped = await this.#directory.swap(BOOK_KEY, this.#token, { token, body: encodeBook(decision.book) });
      if (swapped.kind !== "happened") {
        const failure = await this.#read();
        if (failure !== null) return refused("directory_failed", failure.message);
        // After `unknown`: it may have happened all the same. If it has not, deciding again is harmless.
        if (this.#token !== token) continue;
      }
      this.#token = token;
      this.#book = decision.book;
      return decision;
    }
    return refused("deployments_contended", "the deployments changed at the same time, again and again");
  }

  /** Null: it is stored. */
  async keepManifest(id: string, manifest: Uint8Array): Promise<Refused | null> {
    if (this.#manifestById.has(id)) return null;
    if (manifest.length > MANIFEST_BYTES_MAX) {
      return refused("manifest_malformed", `the manifest has ${manifest.length} bytes, ${MANIFEST_BYTES_MAX} are allowed`);
    }
    const swapped = await this.#directory.swap(manifestKey(id), null, { token: this.#newToken(), body: manifest });
    // A conflict: the same content is there already, since the key is its hash.
    if (swapped.kind === "unknown" && (await this.manifest(id)) === null) return refused("directory_failed", swapped.message);
    this.#manifestById.set(id, manifest);
    return null;
  }

  /** Null: not in the directory. Throws `DirectoryUnread`. */
  async manifest(id: string): Promise<Uint8Array | null> {
    const known = this.#manifestById.get(id);
    if (known !== undefined) return known;
    if (!/^d-[0-9a-f]{12}$/.test(id)) return null;
    const read = await this.#directory.read(manifestKey(id));
    if (read.kind === "failed")
      throw new DirectoryUnread(`the manifest of ${id} cannot be read from the directory: ${read.message}`, read.code);
    if (read.kind === "absent") return null;
    this.#manifestById.set(id, read.document.body);
    return read.document.body;
  }

  /** Null, or why it failed. `mustExist`: a book that was there and is gone tells nothing. */
  async #read(mustExist = false): Promise<Failure | null> {
    const read = await this.#directory.read(BOOK_KEY);
    switch (read.kind) {
      case "failed":
        return read;
      case "absent":
        if (mustExist && this.#token !== null) return { message: `the document '${BOOK_KEY}' is gone` };
        this.#token = null;
        this.#book = EMPTY_BOOK;
        return null;
      case "found": {
        const { token, body } = read.document;
        if (token === this.#token) return null;
        // Decoded first: with the token of a book that nobody here can read, the next change would write over it.
        this.#book = decodeBook(body);
        this.#token = token;
        return null;
      }
    }
  }

  #inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    const done = this.#turn.then(work);
    this.#turn = done.catch(() => undefined);
    return done;
  }

  #newToken(): string {
    return Buffer.from(this.#entropy.bytes(12)).toString("base64url");
  }
}

function refused(code: AdminProblemCode, detail: string): Refused {
  return { kind: "refused", code, detail, reasons: [] };
}
