/**
 * The file port: the few file operations that the local adapters use, so that a test can put a disk underneath that
 * loses power. Everything local writes through it.
 *
 * What a power cut leaves (the contract that callers may rely on, and nothing more):
 * - bytes written to a file are durable after a `sync` of that file that began behind the write and succeeded;
 *   unsynced bytes may vanish, be torn at any byte, or be there while earlier ones are not;
 * - a file's creation, rename and removal are durable after a `syncFolder` of the folder(s) that hold the names;
 * - a `sync` that failed says nothing about any unsynced byte, ever again: it must not be retried.
 */
export interface AppendFile {
  /** Appends at the end; resolves when the operating system has the bytes. Fails with a FileProblem. */
  append(chunks: readonly Uint8Array[]): Promise<void>;
  /** fdatasync. */
  sync(): Promise<void>;
  truncate(length: number): Promise<void>;
  close(): Promise<void>;
}

export interface FilePort {
  /** Creates missing parents too; the new names are not durable before their folders are synced. */
  makeFolder(path: string): Promise<void>;
  listFolder(path: string): Promise<readonly string[]>;
  syncFolder(path: string): Promise<void>;
  openAppend(path: string): Promise<AppendFile>;
  /** The whole file, or a range of it; null where there is no such file. */
  read(path: string, offset?: number, length?: number): Promise<Uint8Array | null>;
  size(path: string): Promise<number | null>;
  rename(from: string, to: string): Promise<void>;
  remove(path: string): Promise<void>;
}

/** `full`: no space left, later tries may succeed. `denied`: permissions. `failed`: anything else the disk says. */
export class FileProblem extends Error {
  override readonly name = "FileProblem";
  readonly kind: "full" | "denied" | "failed";
  readonly path: string;

  constructor(kind: "full" | "denied" | "failed", path: string, message: string) {
    super(message);
    this.kind = kind;
    this.path = path;
  }
}
