/** The file port on node:fs. Writes and syncs run on threads of their own, one a lane; everything else in libuv's pool. */
import fs from "node:fs/promises";
import { type AppendFile, type FilePort, FileProblem, type ReadFile, type WriteLane } from "../ports/files.js";
import { kindOfErrno, WriteThread } from "./write-thread.js";

export class NodeFiles implements FilePort {
  /** Started at first use. */
  readonly #threads = new Map<WriteLane, WriteThread>();

  async makeFolder(path: string): Promise<void> {
    await attempt(path, () => fs.mkdir(path, { recursive: true, mode: 0o700 }));
  }

  async listFolder(path: string): Promise<readonly string[]> {
    const entries = await attemptOrNull(path, () => fs.readdir(path, { withFileTypes: true }));
    return (entries ?? []).map((entry) => (entry.isDirectory() ? `${entry.name}/` : entry.name));
  }

  async syncFolder(path: string, lane: WriteLane = "background"): Promise<void> {
    await this.#thread(lane).ask(path, { kind: "syncFolder", path });
  }

  async openAppend(path: string, lane: WriteLane = "background"): Promise<AppendFile> {
    const thread = this.#thread(lane);
    return new NodeAppendFile(thread, path, await thread.ask(path, { kind: "open", path }));
  }

  openRead(path: string): Promise<ReadFile | null> {
    return this.#open(path);
  }

  async read(path: string, offset = 0, length?: number): Promise<Uint8Array | null> {
    const file = await this.#open(path);
    if (file === null) return null;
    try {
      return await file.read(offset, length ?? Math.max(0, (await file.size()) - offset));
    } finally {
      await file.close();
    }
  }

  async size(path: string): Promise<number | null> {
    return (await attemptOrNull(path, () => fs.stat(path)))?.size ?? null;
  }

  async rename(from: string, to: string): Promise<void> {
    await attempt(from, () => fs.rename(from, to));
  }

  async remove(path: string): Promise<void> {
    await attemptOrNull(path, () => fs.rm(path).catch((error) => (isFolder(error) ? fs.rmdir(path) : Promise.reject(error))));
  }

  /** Ends the write threads behind what was asked of them. Files that are open are of no use afterwards. */
  async close(): Promise<void> {
    await Promise.all([...this.#threads.values()].map((thread) => thread.close()));
  }

  async #open(path: string): Promise<NodeReadFile | null> {
    const handle = await attemptOrNull(path, () => fs.open(path, "r"));
    return handle === null ? null : new NodeReadFile(path, handle);
  }

  #thread(lane: WriteLane): WriteThread {
    let thread = this.#threads.get(lane);
    if (thread === undefined) this.#threads.set(lane, (thread = new WriteThread()));
    return thread;
  }
}

class NodeAppendFile implements AppendFile {
  readonly #thread: WriteThread;
  readonly #path: string;
  readonly #descriptor: number;
  #whyUnusable: string | null = null;

  constructor(thread: WriteThread, path: string, descriptor: number) {
    this.#thread = thread;
    this.#path = path;
    this.#descriptor = descriptor;
  }

  append(chunks: readonly Uint8Array[]): Promise<void> {
    return this.#do(false, () => this.#thread.append(this.#path, this.#descriptor, chunks, false));
  }

  appendAndSync(chunks: readonly Uint8Array[]): Promise<void> {
    return this.#do(true, () => this.#thread.append(this.#path, this.#descriptor, chunks, true));
  }

  sync(): Promise<void> {
    return this.#do(true, () => this.#thread.ask(this.#path, { kind: "sync", descriptor: this.#descriptor }));
  }

  truncate(length: number): Promise<void> {
    return this.#do(false, () => this.#thread.ask(this.#path, { kind: "truncate", descriptor: this.#descriptor, length }));
  }

  async close(): Promise<void> {
    if (this.#whyUnusable === CLOSED) return;
    this.#whyUnusable = CLOSED;
    await this.#thread.ask(this.#path, { kind: "close", descriptor: this.#descriptor });
  }

  async #do(isSync: boolean, ask: () => Promise<number>): Promise<void> {
    if (this.#whyUnusable !== null) throw new FileProblem("failed", this.#path, this.#whyUnusable);
    try {
      await ask();
    } catch (error) {
      if (isSync && error instanceof FileProblem && error.kind === "failed") {
        this.#whyUnusable ??= `an earlier sync of this file failed (${error.message}); it is not tried again`;
      }
      throw error;
    }
  }
}

const CLOSED = "the file is closed";

class NodeReadFile implements ReadFile {
  readonly #path: string;
  readonly #handle: fs.FileHandle;

  constructor(path: string, handle: fs.FileHandle) {
    this.#path = path;
    this.#handle = handle;
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
    // Not from Node's pool of small buffers: a view that is kept would keep its neighbours.
    const bytes = new Uint8Array(length);
    let filled = 0;
    while (filled < length) {
      const at = filled;
      const { bytesRead } = await attempt(this.#path, () => this.#handle.read(bytes, at, length - at, offset + at));
      if (bytesRead === 0) break;
      filled += bytesRead;
    }
    return filled === length ? bytes : bytes.slice(0, filled);
  }

  async size(): Promise<number> {
    return (await attempt(this.#path, () => this.#handle.stat())).size;
  }

  close(): Promise<void> {
    return attempt(this.#path, () => this.#handle.close());
  }
}

async function attempt<T>(path: string, operation: () => Promise<T>): Promise<T> {
  try {
    return await operation();
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new FileProblem(kindOfErrno(code), path, message);
  }
}

/** Null where the file, or a folder on the way to it, is not there. */
async function attemptOrNull<T>(path: string, operation: () => Promise<T>): Promise<T | null> {
  return attempt(path, () =>
    operation().catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return null;
      throw error;
    }),
  );
}

function isFolder(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException).code;
  return code === "ERR_FS_EISDIR" || code === "EISDIR";
}
