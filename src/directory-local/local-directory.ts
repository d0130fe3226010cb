/**
 * The directory port on local files: one file a document in `<root>/documents/` (docs/formats.md). A swap writes the new
 * document under a name beginning with `~`, syncs it, renames it over the old one and syncs the folder.
 *
 * A folder sync that failed leaves it open which document a power cut would leave. From then on the adapter answers
 * nothing but `unknown` and `failed`, or a reader would act on a document that is not durable.
 */
import {
  DIRECTORY_KEY,
  type DirectoryPort,
  DOCUMENT_BYTES_MAX,
  type Document,
  type DocumentListOutcome,
  type DocumentReadOutcome,
  type SwapOutcome,
} from "../ports/directory.js";
import { makeDurableFolder, namedFilesBelow, parentOf, settleFolder } from "../ports/durable-folder.js";
import { fileName, keyOfFileName } from "../ports/file-name.js";
import type { FilePort } from "../ports/files.js";
import { failedOutcome, StorageProblem, storageProblem } from "../ports/storage-problem.js";
import { decodeDocument, encodeDocument, type StoredDocument } from "./document-file.js";

export class LocalDirectory implements DirectoryPort {
  readonly #files: FilePort;
  readonly #folder: string;
  /** The end of the line of each key that has one. */
  readonly #lastByKey = new Map<string, Promise<void>>();
  #unnamedCount = 0;
  #problem: StorageProblem | null = null;
  #isClosed = false;

  private constructor(files: FilePort, folder: string) {
    this.#files = files;
    this.#folder = folder;
  }

  /** One directory at a time may have `root` open: hold the data lock. Throws StorageProblem. */
  static async open(files: FilePort, root: string): Promise<LocalDirectory> {
    const folder = `${root}/documents`;
    try {
      await makeDurableFolder(files, folder);
      await settleFolder(files, folder);
    } catch (error) {
      throw storageProblem(error, folder);
    }
    return new LocalDirectory(files, folder);
  }

  async read(key: string): Promise<DocumentReadOutcome> {
    checkKey(key);
    try {
      const stored = await this.#inLine(key, () => this.#load(key));
      return stored === null ? { kind: "absent" } : { kind: "found", document: stored.document };
    } catch (error) {
      return failedOutcome(error, this.#folder);
    }
  }

  async list(prefix: string): Promise<DocumentListOutcome> {
    const documents: { readonly key: string; readonly document: Document }[] = [];
    const damaged: { readonly key: string; readonly message: string }[] = [];
    try {
      this.#check();
      for await (const path of namedFilesBelow(this.#files, this.#folder)) {
        const key = keyOfFileName(path);
        if (key === null || !key.startsWith(prefix)) continue;
        try {
          const stored = await this.#inLine(key, () => this.#load(key));
          if (stored !== null) documents.push(stored);
        } catch (error) {
          const { code, message } = storageProblem(error, this.#folder);
          if (code !== "document_damaged") throw error;
          damaged.push({ key, message });
        }
      }
    } catch (error) {
      return failedOutcome(error, this.#folder);
    }
    documents.sort((left, right) => (left.key < right.key ? -1 : 1));
    return damaged.length === 0 ? { kind: "listed", documents } : { kind: "listed", documents, damaged };
  }

  async swap(key: string, expected: string | null, document: Document): Promise<SwapOutcome> {
    if (document.body.length > DOCUMENT_BYTES_MAX) throw new RangeError(`a document of ${document.body.length} bytes`);
    const bytes = encodeDocument({ key, document });
    return this.#change(key, expected, () => this.#replace(key, bytes));
  }

  async remove(key: string, expected: string): Promise<SwapOutcome> {
    return this.#change(key, expected, async () => {
      const path = this.#pathOf(key);
      await this.#files.remove(path);
      await this.#syncFolderOf(path);
    });
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all(this.#lastByKey.values());
  }

  async #change(key: string, expected: string | null, perform: () => Promise<void>): Promise<SwapOutcome> {
    checkKey(key);
    try {
      return await this.#inLine(key, async () => {
        const standing = await this.#load(key);
        if ((standing?.document.token ?? null) !== expected) return { kind: "conflict" };
        await perform();
        return { kind: "happened" };
      });
    } catch (error) {
      const { message, code } = storageProblem(error, this.#folder);
      return { kind: "unknown", message, code };
    }
  }

  /** Behind everything that was asked about the key before: what a swap has renamed is not durable before it has synced. */
  #inLine<T>(key: string, task: () => Promise<T>): Promise<T> {
    const result = (this.#lastByKey.get(key) ?? Promise.resolve()).then(task);
    const ended = result.then(
      () => undefined,
      () => undefined,
    );
    this.#lastByKey.set(key, ended);
    void ended.then(() => {
      if (this.#lastByKey.get(key) === ended) this.#lastByKey.delete(key);
    });
    return result;
  }

  async #replace(key: string, bytes: Uint8Array): Promise<void> {
    const path = this.#pathOf(key);
    const unnamed = `${this.#folder}/~${++this.#unnamedCount}`;
    const folder = parentOf(path) ?? this.#folder;
    if (folder !== this.#folder) await makeDurableFolder(this.#files, folder, this.#folder);
    const file = await this.#files.openAppend(unnamed);
    try {
      await file.appendAndSync([bytes]);
    } catch (error) {
      // Nothing has happened, and the first error is the one that matters; what stays is removed at the next open.
      await file.close().catch(() => undefined);
      await this.#files.remove(unnamed).catch(() => undefined);
      throw error;
    }
    await file.close();
    await this.#files.rename(unnamed, path);
    await this.#syncFolderOf(path);
  }

  /** After this the change is durable, or nothing that is read here can be trusted any more. */
  async #syncFolderOf(path: string): Promise<void> {
    const folder = parentOf(path) ?? this.#folder;
    try {
      await this.#files.syncFolder(folder);
      if (folder !== this.#folder) await this.#files.syncFolder(this.#folder);
    } catch (error) {
      this.#problem = storageProblem(error, folder);
      throw error;
    }
  }

  async #load(key: string): Promise<StoredDocument | null> {
    this.#check();
    const path = this.#pathOf(key);
    const bytes = await this.#files.read(path);
    if (bytes === null) return null;
    const stored = decodeDocument(bytes, path);
    if (stored.key === key) return stored;
    throw new StorageProblem("document_damaged", path, `${path}: holds the document "${stored.key}", not "${key}".`);
  }

  #check(): void {
    if (this.#isClosed) throw new Error("the directory is closed");
    if (this.#problem !== null) throw this.#problem;
  }

  #pathOf(key: string): string {
    return `${this.#folder}/${fileName(key)}`;
  }
}

function checkKey(key: string): void {
  if (!DIRECTORY_KEY.test(key)) throw new RangeError(`not a key of the directory: ${JSON.stringify(key)}`);
}
