/**
 * The snapshot port on local files: one file an object in `<root>/objects/`, its bytes as they are (docs/formats.md).
 * An object is written under a name beginning with `~`, synced, renamed, and its folder synced.
 */
import { makeDurableFolder, namedFilesBelow, parentOf, settleFolder } from "../ports/durable-folder.js";
import { fileName, keyOfFileName } from "../ports/file-name.js";
import type { FilePort } from "../ports/files.js";
import {
  OBJECT_NAME,
  type ObjectListOutcome,
  type ObjectReadOutcome,
  type ObjectWriter,
  type SnapshotPort,
  type WriteOutcome,
} from "../ports/snapshots.js";
import { failedOutcome, type StorageProblem, storageProblem } from "../ports/storage-problem.js";
import { LocalObjectWriter } from "./local-object-writer.js";
import { OpenObjects } from "./open-objects.js";

export class LocalSnapshots implements SnapshotPort {
  readonly #files: FilePort;
  readonly #folder: string;
  readonly #open: OpenObjects;
  /** Names that a `finish` is giving to an object right now. */
  readonly #finishing = new Set<string>();
  /** Finishes and deletes under way. */
  readonly #changes = new Set<Promise<unknown>>();
  #unnamedCount = 0;
  #problem: StorageProblem | null = null;
  #isClosed = false;

  private constructor(files: FilePort, folder: string) {
    this.#files = files;
    this.#folder = folder;
    this.#open = new OpenObjects(files);
  }

  /** One store at a time may have `root` open: hold the data lock. Throws StorageProblem. */
  static async open(files: FilePort, root: string): Promise<LocalSnapshots> {
    const folder = `${root}/objects`;
    try {
      await makeDurableFolder(files, folder);
      await settleFolder(files, folder);
    } catch (error) {
      throw storageProblem(error, folder);
    }
    return new LocalSnapshots(files, folder);
  }

  create(name: string): ObjectWriter {
    checkName(name);
    const unnamed = `${this.#folder}/~${++this.#unnamedCount}`;
    return new LocalObjectWriter(this.#files, unnamed, () => this.#track(this.#give(unnamed, name)));
  }

  async read(name: string, offset: number, length: number): Promise<ObjectReadOutcome> {
    checkName(name);
    try {
      this.#check();
      // An object shows when its finish has answered, not before: a power cut could still take it back.
      const bytes = this.#finishing.has(name) ? null : await this.#open.read(this.#pathOf(name), offset, length);
      return bytes === null ? { kind: "absent" } : { kind: "found", bytes };
    } catch (error) {
      return failedOutcome(error, this.#folder);
    }
  }

  async delete(name: string): Promise<WriteOutcome> {
    checkName(name);
    return this.#track(this.#remove(name));
  }

  async list(prefix: string): Promise<ObjectListOutcome> {
    const names: string[] = [];
    try {
      this.#check();
      for await (const path of namedFilesBelow(this.#files, this.#folder)) {
        const name = keyOfFileName(path);
        if (name?.startsWith(prefix) && !this.#finishing.has(name)) names.push(name);
      }
    } catch (error) {
      return failedOutcome(error, this.#folder);
    }
    return { kind: "listed", names: names.sort() };
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all(this.#changes);
    await this.#open.close();
  }

  /** Gives a synced file its name, durably. */
  async #give(unnamed: string, name: string): Promise<WriteOutcome> {
    const path = this.#pathOf(name);
    const folder = parentOf(path) ?? this.#folder;
    if (this.#finishing.has(name)) return this.#refuse(unnamed, `another write of ${name} is finishing`);
    this.#finishing.add(name);
    try {
      this.#check();
      if (folder !== this.#folder) await makeDurableFolder(this.#files, folder, this.#folder);
      if ((await this.#files.size(path)) !== null) return await this.#refuse(unnamed, `the object ${name} exists`);
      await this.#files.rename(unnamed, path);
      await this.#syncNames(folder);
      return { kind: "happened" };
    } catch (error) {
      const { message, code } = storageProblem(error, this.#folder);
      return { kind: "unknown", message, code };
    } finally {
      this.#finishing.delete(name);
    }
  }

  async #remove(name: string): Promise<WriteOutcome> {
    const path = this.#pathOf(name);
    try {
      this.#check();
      await this.#files.remove(path);
      // Behind the removal: a read may have opened the file just before.
      await this.#open.forget(path);
      await this.#syncNames(parentOf(path) ?? this.#folder);
      return { kind: "happened" };
    } catch (error) {
      const { message, code } = storageProblem(error, this.#folder);
      return { kind: "unknown", message, code };
    }
  }

  async #refuse(unnamed: string, message: string): Promise<WriteOutcome> {
    await this.#files.remove(unnamed).catch(() => undefined); // else removed at the next open
    return { kind: "refused", message };
  }

  /** A failure leaves open which names a power cut would leave: nothing here can be trusted before a restart. */
  async #syncNames(folder: string): Promise<void> {
    try {
      await this.#files.syncFolder(folder);
      if (folder !== this.#folder) await this.#files.syncFolder(this.#folder);
    } catch (error) {
      this.#problem = storageProblem(error, folder);
      throw error;
    }
  }

  async #track<T>(change: Promise<T>): Promise<T> {
    this.#changes.add(change);
    try {
      return await change;
    } finally {
      this.#changes.delete(change);
    }
  }

  #check(): void {
    if (this.#isClosed) throw new Error("the snapshots are closed");
    if (this.#problem !== null) throw this.#problem;
  }

  #pathOf(name: string): string {
    return `${this.#folder}/${fileName(name)}`;
  }
}

function checkName(name: string): void {
  if (!OBJECT_NAME.test(name)) throw new RangeError(`not a name of an object: ${JSON.stringify(name)}`);
}
