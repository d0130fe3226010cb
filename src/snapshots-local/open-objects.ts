import type { FilePort, ReadFile } from "../ports/files.js";

/** Open files cost descriptors; a cold read that has to open one first costs two trips more. */
const OPEN_MAX = 128;

interface OpenObject {
  readonly file: Promise<ReadFile | null>;
  readers: number;
  /** Out of the table; the last reader closes it. */
  isForgotten: boolean;
}

/** The objects that were read last, kept open. Reads of one that is forgotten meanwhile still end well. */
export class OpenObjects {
  readonly #files: FilePort;
  /** Least recently read first. */
  readonly #openByPath = new Map<string, OpenObject>();

  constructor(files: FilePort) {
    this.#files = files;
  }

  async read(path: string, offset: number, length: number): Promise<Uint8Array | null> {
    const open = this.#take(path);
    open.readers++;
    try {
      const file = await open.file;
      if (file !== null) return await file.read(offset, length);
      this.#drop(path, open);
      return null;
    } catch (error) {
      this.#drop(path, open);
      throw error;
    } finally {
      open.readers--;
      await this.#closeIfUnused(open);
    }
  }

  async forget(path: string): Promise<void> {
    const open = this.#openByPath.get(path);
    if (open === undefined) return;
    this.#drop(path, open);
    await this.#closeIfUnused(open);
  }

  async close(): Promise<void> {
    await Promise.all([...this.#openByPath.keys()].map((path) => this.forget(path)));
  }

  #take(path: string): OpenObject {
    const known = this.#openByPath.get(path);
    const open = known ?? { file: this.#files.openRead(path), readers: 0, isForgotten: false };
    this.#openByPath.delete(path);
    this.#openByPath.set(path, open);
    for (const oldest of this.#openByPath.keys()) {
      if (this.#openByPath.size <= OPEN_MAX) break;
      void this.forget(oldest);
    }
    return open;
  }

  #drop(path: string, open: OpenObject): void {
    open.isForgotten = true;
    if (this.#openByPath.get(path) === open) this.#openByPath.delete(path);
  }

  /** Never rejects: an object is not damaged by a file that cannot be closed. */
  async #closeIfUnused(open: OpenObject): Promise<void> {
    if (!open.isForgotten || open.readers > 0) return;
    await open.file.then((file) => file?.close()).catch(() => undefined);
  }
}
