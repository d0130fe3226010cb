/** The data folders of one router: each is locked once, however many kinds of data lie in it. */
import { resolve } from "node:path";
import { lockDataFolder } from "../../data-lock-local/data-lock.js";
import { NodeFiles } from "../../files-node/node-files.js";

interface Closable {
  close(): Promise<void>;
}

export class LocalFolders {
  readonly #filesByPath = new Map<string, NodeFiles>();
  readonly #closing: (() => Promise<void>)[] = [];

  /** The files of a folder that nobody else writes to. Throws StorageProblem: `data_locked`, `data_unreadable`, `disk_failed`. */
  async open(path: string): Promise<NodeFiles> {
    const known = this.#filesByPath.get(resolve(path));
    if (known !== undefined) return known;
    const lock = await lockDataFolder(path);
    const files = new NodeFiles();
    this.#filesByPath.set(resolve(path), files);
    this.#closing.push(async () => {
      await files.close();
      await lock.release();
    });
    return files;
  }

  /** What is closed before the folders, the last one first. */
  add<Part extends Closable>(part: Part): Part {
    this.#closing.push(() => part.close());
    return part;
  }

  /** Parts, then files, then locks: while a lock is held nothing of this process may still be writing. */
  async close(): Promise<void> {
    for (let close = this.#closing.pop(); close !== undefined; close = this.#closing.pop()) await close();
  }
}
