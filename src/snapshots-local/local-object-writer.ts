import type { AppendFile, FilePort } from "../ports/files.js";
import type { ObjectWriter, WriteOutcome } from "../ports/snapshots.js";
import { type StorageProblem, storageProblem } from "../ports/storage-problem.js";

/** Synced in steps: one sync of a large object would keep the disk, and so the journal, busy for long. */
const SYNC_BYTES = 4 * 1024 * 1024;

/** Writes an object to a file without a name; `give` names it, once everything is synced. */
export class LocalObjectWriter implements ObjectWriter {
  readonly #files: FilePort;
  readonly #path: string;
  readonly #give: () => Promise<WriteOutcome>;
  #file: AppendFile | null = null;
  /** Writes stand in line, whoever awaits them. */
  #last: Promise<void> = Promise.resolve();
  #unsynced = 0;
  #problem: StorageProblem | null = null;
  #hasEnded = false;

  constructor(files: FilePort, path: string, give: () => Promise<WriteOutcome>) {
    this.#files = files;
    this.#path = path;
    this.#give = give;
  }

  write(chunk: Uint8Array): Promise<void> {
    return this.#next(async (file) => {
      this.#unsynced += chunk.length;
      if (this.#unsynced < SYNC_BYTES) return file.append([chunk]);
      this.#unsynced = 0;
      await file.appendAndSync([chunk]);
    });
  }

  async finish(): Promise<WriteOutcome> {
    if (this.#hasEnded) return { kind: "refused", message: "this write has ended" };
    const synced = this.#next((file) => file.sync());
    this.#hasEnded = true;
    await synced;
    if (this.#problem === null) {
      await this.#file?.close().catch(() => undefined); // what is synced stays so
      return this.#give();
    }
    await this.#discard();
    const { message, code } = this.#problem;
    return { kind: "refused", message, code };
  }

  async abort(): Promise<void> {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    await this.#last;
    await this.#discard();
  }

  /** Never rejects: trouble shows at `finish`. */
  #next(step: (file: AppendFile) => Promise<void>): Promise<void> {
    if (this.#hasEnded) return Promise.resolve();
    return (this.#last = this.#last.then(async () => {
      if (this.#problem !== null) return;
      try {
        this.#file ??= await this.#files.openAppend(this.#path);
        await step(this.#file);
      } catch (error) {
        this.#problem = storageProblem(error, this.#path);
      }
    }));
  }

  /** What cannot be removed now is removed when the store is opened next. */
  async #discard(): Promise<void> {
    await this.#file?.close().catch(() => undefined);
    await this.#files.remove(this.#path).catch(() => undefined);
  }
}
