/**
 * The file port: the few file operations that the local adapters use, so that a test can put a disk underneath that
 * loses power. Everything local writes through it.
 *
 * Contract (test/contract/files.contract.ts). What a power cut leaves (callers may rely on this, and on nothing more):
 * - bytes written to a file are durable after a `sync` of that file that began behind the write and succeeded;
 *   unsynced bytes may vanish, be torn at any byte, or be there while earlier ones are not; so may a truncation;
 * - a file's creation, rename and removal are durable after a `syncFolder` of the folder(s) that hold the names; before
 *   that each survives or vanishes by itself, but a rename is never half there;
 * - a `sync` that failed says nothing about any unsynced byte, ever again: it must not be retried, and the file that had
 *   it refuses everything but `close`. What is read back afterwards may be in memory only.
 * Every call that fails does so with a FileProblem. Paths use `/`.
 */
export interface AppendFile {
  /** Appends at the end; resolves when the operating system has the bytes. The chunks must not change until then. */
  append(chunks: readonly Uint8Array[]): Promise<void>;
  /** fdatasync, outside of any thread that reads share. */
  sync(): Promise<void>;
  /**
   * `append`, then `sync`, as one round trip. Kind `full` or `denied` means that the append failed, perhaps after a part
   * of the bytes, and that no sync was tried; a sync that failed is always of kind `failed`.
   */
  appendAndSync(chunks: readonly Uint8Array[]): Promise<void>;
  /** Cuts the file to `length` bytes; the next append goes there. */
  truncate(length: number): Promise<void>;
  /** Does not sync. */
  close(): Promise<void>;
}

export interface ReadFile {
  /** The bytes of the range; fewer only where the file ends. */
  read(offset: number, length: number): Promise<Uint8Array>;
  close(): Promise<void>;
}

/** Who waits for a write: `commit` is for what callers wait for, and never stands behind a `background` sync. */
export type WriteLane = "commit" | "background";

export interface FilePort {
  /** Creates missing parents too; the new names are not durable before their folders are synced. */
  makeFolder(path: string): Promise<void>;
  /** The names in the folder, in no order; those of folders end in `/`. Empty where there is no such folder. */
  listFolder(path: string): Promise<readonly string[]>;
  syncFolder(path: string, lane?: WriteLane): Promise<void>;
  /** Opens a file for appending at its end and creates it if it is not there. The lane is `background` unless told. */
  openAppend(path: string, lane?: WriteLane): Promise<AppendFile>;
  /** Null where there is no such file. */
  openRead(path: string): Promise<ReadFile | null>;
  /** The whole file, or a range of it (fewer bytes only where the file ends); null where there is no such file. */
  read(path: string, offset?: number, length?: number): Promise<Uint8Array | null>;
  size(path: string): Promise<number | null>;
  /** Replaces what has the name `to`. */
  rename(from: string, to: string): Promise<void>;
  /** Removes a file or an empty folder; one that is not there is no error. */
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
