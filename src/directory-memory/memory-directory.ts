/** The directory port in memory, for tests, simulation and embedding without a disk. Nothing survives the process. */
import {
  DIRECTORY_KEY,
  type DirectoryPort,
  DOCUMENT_BYTES_MAX,
  type Document,
  type DocumentListOutcome,
  type DocumentReadOutcome,
  type SwapOutcome,
} from "../ports/directory.js";

export class MemoryDirectory implements DirectoryPort {
  readonly #documentByKey = new Map<string, Document>();
  #isClosed = false;

  async read(key: string): Promise<DocumentReadOutcome> {
    checkKey(key);
    if (this.#isClosed) return { kind: "failed", message: CLOSED };
    const document = this.#documentByKey.get(key);
    return document === undefined ? { kind: "absent" } : { kind: "found", document: copy(document) };
  }

  async list(prefix: string): Promise<DocumentListOutcome> {
    if (this.#isClosed) return { kind: "failed", message: CLOSED };
    const keys = [...this.#documentByKey.keys()].filter((key) => key.startsWith(prefix)).sort();
    return {
      kind: "listed",
      documents: keys.map((key) => ({ key, document: copy(this.#documentByKey.get(key) as Document) })),
    };
  }

  async swap(key: string, expected: string | null, document: Document): Promise<SwapOutcome> {
    checkKey(key);
    if (document.body.length > DOCUMENT_BYTES_MAX) throw new RangeError(`a document of ${document.body.length} bytes`);
    if (this.#isClosed) return { kind: "unknown", message: CLOSED };
    if ((this.#documentByKey.get(key)?.token ?? null) !== expected) return { kind: "conflict" };
    this.#documentByKey.set(key, copy(document));
    return { kind: "happened" };
  }

  async remove(key: string, expected: string): Promise<SwapOutcome> {
    checkKey(key);
    if (this.#isClosed) return { kind: "unknown", message: CLOSED };
    if (this.#documentByKey.get(key)?.token !== expected) return { kind: "conflict" };
    this.#documentByKey.delete(key);
    return { kind: "happened" };
  }

  async close(): Promise<void> {
    this.#isClosed = true;
  }
}

const CLOSED = "the directory is closed";

function checkKey(key: string): void {
  if (!DIRECTORY_KEY.test(key)) throw new RangeError(`not a key of the directory: ${JSON.stringify(key)}`);
}

function copy(document: Document): Document {
  return { token: document.token, body: document.body.slice() };
}
